"""``tbimage doctor``: check whether this installation writes logs that TensorBoard shows."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import io
import json
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tbimage import __version__
from tbimage.cli import view
from tbimage.cli.errors import in_one_line
from tbimage.cli.output import print_json, printable

__all__ = ["Finding", "add_to", "run"]

_DESCRIPTION = """\
Print the versions and the PNG encoder in use, and check the runs in LOGDIR. Write a test run below
LOGDIR, read it back with tbimage and TensorBoard (if installed), and remove the test run. The exit
code is 0 if all of this works. Otherwise it is 1, and the output says what to do.
"""

_FEW_BYTES = 1 << 30
_SECONDS_TO_SHOW = 60.0  # TensorBoard looks for new files every 5 seconds
_TAG = "doctor"
_SHAPE = (16, 24, 3)


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    check: str  # python, dependency, encoder, tensorboard, runs, space, write, read or show
    status: str  # "ok", "note" (it works, but not optimally) or "problem"
    found: str
    advice: str = ""  # what the user can do


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "doctor", help="find out whether logging works here", description=_DESCRIPTION
    )
    parser.add_argument(
        "logdir",
        metavar="LOGDIR",
        nargs="?",
        help="a log directory, local or in an object store (default: a temporary directory)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object for each finding"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; return 1 if there is a problem."""
    problems = 0
    for finding in _findings(arguments.logdir):
        problems += finding.status == "problem"
        if arguments.json:
            print_json(asdict(finding))
        else:
            print(f"{finding.status:8} {printable(finding.found)}", flush=True)
            if finding.advice:
                print(f"{'':8} → {printable(finding.advice)}", flush=True)
    if not arguments.json:
        print("Something has to be done: see above." if problems else "All is well.")
    return int(problems > 0)


def _findings(logdir: str | None) -> Iterator[Finding]:
    system = f"{platform.system()} {platform.machine()}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    yield Finding("python", "ok", f"tbimage {__version__}, {python}, {system}")
    dependencies = list(_dependencies())
    yield from dependencies
    if any(finding.status == "problem" for finding in dependencies):
        return  # no other check can succeed
    yield _encoder()
    yield _tensorboard()
    if logdir is not None:
        yield from _contents(logdir)
    with _new_directory(logdir) as directory:
        yield from _trial(directory)


# Packages.


def _dependencies() -> Iterator[Finding]:
    """Check that each dependency is at least the version that the package metadata requires."""
    try:
        requirements = importlib.metadata.requires("tbimage") or []
    except importlib.metadata.PackageNotFoundError:
        advice = "pip install tbimage, or pip install . in a clone"
        yield Finding("dependency", "note", "tbimage is imported, but not installed", advice)
        return
    for requirement in requirements:
        match = re.fullmatch(r"([\w.-]+)>=([\d.]+)", requirement)
        if match is None:
            continue  # a requirement of an extra
        name, oldest = match[1], match[2]
        install = f"pip install '{name}>={oldest}'"
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("dependency", "problem", f"{name} is not installed", install)
            continue
        if _numbers(version) < _numbers(oldest):
            found = f"{name} {version} is older than {oldest}"
            yield Finding("dependency", "problem", found, install)
        else:
            yield Finding("dependency", "ok", f"{name} {version}")


def _numbers(version: str) -> list[int]:
    match = re.match(r"\d+(\.\d+)*", version)
    return [int(number) for number in match[0].split(".")] if match else []


def _encoder() -> Finding:
    from tbimage.pixels.png.libraries import encoder_name

    name = encoder_name()
    found = f"PNG encoder: {name}"
    if name == "kernel":
        return Finding("encoder", "ok", f"{found} (compiled, the fastest)")
    if os.environ.get("TBIMAGE_PURE", "0") not in ("", "0"):
        return Finding("encoder", "note", f"{found}, because TBIMAGE_PURE is set")
    advice = "install tbimage from a wheel for this platform; or install a C compiler, then tbimage"
    if name == "zlib":
        advice += "; or pip install isal, which is faster than zlib"
    return Finding("encoder", "note", f"{found}; the compiled encoder is missing", advice)


def _tensorboard() -> Finding:
    if not view.is_installed():
        found = "TensorBoard is not installed in this environment; only tbimage can read logs here"
        return Finding("tensorboard", "note", found, f"to see logs here: {view.INSTALL}")
    version = importlib.metadata.version("tensorboard")
    if importlib.util.find_spec("tensorboard_data_server") is None:
        advice = "pip install tensorboard-data-server, if it has a build for this platform"
        found = f"TensorBoard {version} has no data server, so it loads logs slowly"
        return Finding("tensorboard", "note", found, advice)
    return Finding("tensorboard", "ok", f"TensorBoard {version}, with its data server")


# The log directory.


def _is_local(logdir: str) -> bool:
    return "://" not in logdir


def _contents(logdir: str) -> Iterator[Finding]:
    """Check the free space and the existing runs of the log directory."""
    if _is_local(logdir):
        if os.path.isfile(logdir):
            found = f"{logdir} is a file, not a directory"
            yield Finding("runs", "problem", found, "give the directory that the file is in")
            return
        if not os.path.isdir(logdir):
            found = f"{os.path.abspath(logdir)} does not exist yet"
            yield Finding(
                "runs",
                "note",
                found,
                "a relative path is relative to the directory where the program was started",
            )
            return
        free = shutil.disk_usage(logdir).free
        few = free < _FEW_BYTES
        found = f"{free / (1 << 30):.1f} GiB are free for {logdir}"
        yield Finding("space", "note" if few else "ok", found, "free some space" if few else "")
    from tbimage.reading.logs import read

    try:
        logs = read(logdir)
    except FileNotFoundError:
        yield Finding("runs", "note", f"{logdir} has nothing in it yet")
        return
    except (OSError, ValueError) as error:
        yield Finding("runs", "problem", f"{logdir} cannot be read: {in_one_line(error)}")
        return
    tags = sum(len(logs[name].tags) for name in logs.runs)
    if not logs.runs:
        advice = "does the program log to this directory? does it flush or close its writer?"
        yield Finding("runs", "note", f"{logdir} has no event files", advice)
    elif logs.damage:
        advice = (
            f"tbimage lint {logdir} lists these places; tbimage repair copies the undamaged records"
        )
        found = f"{logdir}: {len(logs.runs)} runs, {len(logs.damage)} damaged places"
        yield Finding("runs", "problem", found, advice)
    else:
        yield Finding("runs", "ok", f"{logdir}: {len(logs.runs)} runs, {tags} tags")


@contextmanager
def _new_directory(logdir: str | None) -> Iterator[str]:
    """Yield the path of a directory for the test run. Remove the directory at the end."""
    if logdir is None:
        directory = tempfile.mkdtemp(prefix="tbimage-")
    else:
        directory = f"{logdir.rstrip('/')}/doctor-{time.time_ns()}"
    missing = [path for path in Path(directory).parents if not os.path.exists(path)]
    try:
        yield directory
    finally:
        if _is_local(directory):
            shutil.rmtree(directory, ignore_errors=True)
            for path in missing:  # the deepest first
                with suppress(OSError):
                    path.rmdir()
        else:
            _remove_from_store(directory)


def _remove_from_store(url: str) -> None:
    with suppress(ImportError, OSError, ValueError):  # the directory may not exist
        import fsspec

        filesystem, path = fsspec.url_to_fs(url)
        filesystem.rm(path, recursive=True)


def _trial(directory: str) -> Iterator[Finding]:
    """Log an image and a number. Read the image with tbimage and, if installed, TensorBoard."""
    import numpy as np

    from tbimage.reading.logs import read
    from tbimage.writer import SummaryWriter

    pixels = np.random.default_rng(0).integers(0, 256, _SHAPE, np.uint8)
    started = time.perf_counter()
    try:
        with SummaryWriter(directory) as writer:
            writer.image(_TAG, pixels, 0)
            writer.scalar(_TAG + "/number", 0.5, 0)
    except (ImportError, OSError, ValueError) as error:
        found = f"a test run cannot be written: {in_one_line(error)}"
        yield Finding("write", "problem", found, "give a directory that this user may write to")
        return
    taken = (time.perf_counter() - started) * 1000
    yield Finding("write", "ok", f"a test run was written to {directory} in {taken:.0f} ms")
    try:
        seen = read(directory)["."].images(_TAG)[0].pixels()
    except (KeyError, IndexError, OSError, ValueError) as error:
        yield Finding("read", "problem", f"tbimage cannot read it back: {in_one_line(error)}")
        return
    yield _compared("read", "tbimage", np.array_equal(seen, pixels))
    if view.is_installed():
        yield _shown(directory, pixels)


def _compared(check: str, reader: str, same: bool) -> Finding:
    if same:
        return Finding(check, "ok", f"{reader} reads it back, with the same pixels")
    return Finding(check, "problem", f"{reader} reads it back, but with different pixels")


def _shown(directory: str, pixels: Any) -> Finding:
    """Start TensorBoard on the test run, and fetch the image over HTTP."""
    import numpy as np
    from PIL import Image

    try:
        with view.served(directory) as fetch:
            address = _address(fetch)
            picture = np.asarray(Image.open(io.BytesIO(fetch(address))))
    except OSError as error:
        advice = "to see more, run tensorboard --logdir DIR in a terminal"
        return Finding("show", "problem", f"TensorBoard fails: {in_one_line(error)}", advice)
    return _compared("show", "TensorBoard", np.array_equal(picture, pixels))


def _address(fetch: Any) -> str:
    """Wait until TensorBoard lists the image. Return the URL path of the image."""
    query = f"/data/plugin/images/images?run=.&tag={_TAG}&sample=0"
    deadline = time.monotonic() + _SECONDS_TO_SHOW
    while time.monotonic() < deadline:
        if any(_TAG in tags for tags in json.loads(fetch("/data/plugin/images/tags")).values()):
            entry = json.loads(fetch(query))[0]
            return f"/data/plugin/images/individualImage?{entry['query']}"
        time.sleep(0.2)
    raise TimeoutError(f"it does not show the test run within {_SECONDS_TO_SHOW:.0f} seconds")
