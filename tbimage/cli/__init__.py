"""The command ``tbimage``: write image files to logs, read logs, and repair them.

Each command is one module: ``add_to`` adds the command to the parser, and ``run`` runs it. The
module imports nothing large, so that ``--help`` is quick. ``run`` imports the rest.

Results go to stdout. Progress and errors go to stderr. An error is printed in one line, without a
traceback. Exit codes:

    0    done, without findings
    1    done, with findings: damaged records, problems that lint found, differences
    2    not done: a wrong argument, a missing file, a full disk
    130  interrupted by Ctrl-C
    141  the reader of the output has closed the pipe, as ``head`` does
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from tbimage import __version__
from tbimage.cli import (
    cat,
    compact,
    demo,
    diff,
    doctor,
    export,
    gallery,
    lint,
    log,
    ls,
    repair,
    serve,
    tail,
)
from tbimage.cli.errors import in_one_line

__all__ = ["main"]

#: The commands, in the order of --help.
COMMANDS = (ls, cat, tail, gallery, serve, export, lint, repair, compact, diff, log, demo, doctor)

FAILED = 2  # as in argparse
INTERRUPTED = 130  # 128 + SIGINT, as in shells
BROKEN_PIPE = 141  # 128 + SIGPIPE, as in shells


class _Parser(argparse.ArgumentParser):
    """A parser that prints an error in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILED, f"tbimage: error: {message} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    """Print the version and the PNG encoder in use."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from tbimage.pixels.png.libraries import encoder_name

        print(f"tbimage {__version__} (PNG encoder: {encoder_name()})")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code. If ``argv`` is None, ``sys.argv[1:]`` is used."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name may not be encodable
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as end:  # --help, --version, and wrong arguments
        return end.code if isinstance(end.code, int) else FAILED
    try:
        with _logged_to_stderr():
            code: int = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("tbimage: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return BROKEN_PIPE
    except (ImportError, KeyError, OSError, ValueError) as error:  # other exceptions are bugs
        print(f"tbimage: error: {in_one_line(error)}", file=sys.stderr)
        return FAILED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tbimage",
        description="Read, check, convert and write TensorBoard logs, without TensorFlow.",
        epilog="Each command has its own --help. Exit codes: 0 done; 1 done, with findings "
        "(damage, problems, differences); 2 failed; 130 interrupted; 141 output closed.",
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="show the version and the PNG encoder in use"
    )
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for command in COMMANDS:
        command.add_to(commands)
    return parser


def _discard_output() -> None:
    """Redirect stdout to the null device, so that Python's last flush raises no error."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass  # stdout is not a file


@contextmanager
def _logged_to_stderr() -> Iterator[None]:
    """Print the library's warnings to stderr. Errors are left out, because they are also raised."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("tbimage: %(message)s"))
    handler.addFilter(lambda record: record.levelno < logging.ERROR)
    logger = logging.getLogger("tbimage")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
