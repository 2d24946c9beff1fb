"""The command ``tbimage``: images from files, and a demo, for those who look before they code.

    tbimage log photos --logdir runs/photos     image files, or directories of them, to a run
    tbimage demo --view                         three cases on real photographs, in TensorBoard

What lives here: the command line and what an error looks like on it. What does not: the commands,
of which each has a file (log.py, demo.py). Nothing imports this package: it stands on top of
tbimage and uses it as everybody does.

Rules:
- Results go to stdout, progress and complaints to stderr. An error is one line and no traceback.
- Exit codes: 0 when all was done; 2 when something was not, be it for a wrong argument, for a file
  that is no image or for a full disk; 130 after Ctrl-C.
- NumPy, Pillow and TensorBoard are imported by the command that needs them and not for --help.
"""

from __future__ import annotations

import argparse
import io
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from tbimage import __version__
from tbimage.cli import demo, log
from tbimage.cli.errors import in_one_line

__all__ = ["main"]

FAILED = 2  # what argparse uses, too
INTERRUPTED = 130  # what shells give a command that SIGINT ended


class _Parser(argparse.ArgumentParser):
    """argparse, with errors of one line: the usage that it would print first is in --help."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILED, f"tbimage: error: {message} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    """Print the version and what encodes PNG files."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from tbimage.pixels.png.libraries import encoder_name

        print(f"tbimage {__version__} (PNG encoder: {encoder_name()})")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command ``tbimage``.

    Args:
        argv: The arguments behind the command's name; None: those of this process.

    Returns:
        The exit code: 0 when all was done, 2 when something was not, 130 after Ctrl-C.

    Example:
        >>> main(["--version"])
        tbimage ...
        0
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # as of stderr: no name is too odd to be told
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as end:  # --help, --version, and what is no argument
        return end.code if isinstance(end.code, int) else FAILED
    try:
        with _logged_to_stderr():
            code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        print("tbimage: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (ImportError, OSError, ValueError) as error:  # any other would be a defect
        print(f"tbimage: error: {in_one_line(error)}", file=sys.stderr)
        return FAILED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tbimage",
        description="Log images to TensorBoard, without TensorFlow.",
        epilog="Each command has a --help of its own.",
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="show the version and the PNG encoder in use"
    )
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for command in (log, demo):
        command.add_to(commands)
    return parser


@contextmanager
def _logged_to_stderr() -> Iterator[None]:
    """Show what the library has to say of the data; its errors are raised besides."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("tbimage: %(message)s"))
    handler.addFilter(lambda record: record.levelno < logging.ERROR)
    logger = logging.getLogger("tbimage")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
