"""Run the command ``tbimage`` in this process or in one of its own, and read what it wrote."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tbimage.cli import main
from tbimage.reading import read_run
from tests.readers import read_accumulator

ROOT = Path(__file__).resolve().parent.parent.parent

#: Of child processes, which have the tests' tbimage wherever they run, and turn warnings to errors.
#: One thread for linear algebra: several on a busy machine wait for each other.
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "PYTHONWARNINGS": "error",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Outcome:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Logged:
    """One image of an event file, as TensorBoard's reader gives it."""

    step: int
    encoded: bytes

    @property
    def pixels(self) -> np.ndarray[Any, Any]:
        return np.asarray(Image.open(io.BytesIO(self.encoded)))


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> Outcome:
    """Run the command in this process."""
    capsys.readouterr()
    code = main([os.fspath(each) if isinstance(each, Path) else str(each) for each in arguments])
    captured = capsys.readouterr()
    return Outcome(code, captured.out, captured.err)


def command_line(*arguments: object, before: str | None = None) -> list[str]:
    """The command as a command line of its own interpreter, which first runs some code."""
    how = ["-m", "tbimage"]
    if before is not None:
        how = ["-c", f"{before}\nimport sys\nfrom tbimage.cli import main\nsys.exit(main())"]
    return [sys.executable, *how, *map(str, arguments)]


@contextlib.contextmanager
def started(
    *arguments: object, before: str | None = None, **keywords: Any
) -> Iterator[subprocess.Popen[str]]:
    """Start the command in a process of its own, which ends with the block."""
    with subprocess.Popen(
        command_line(*arguments, before=before),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **{"env": ENVIRONMENT, **keywords},
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


def spawn(*arguments: object, **keywords: Any) -> Outcome:
    """Run the command in a process of its own."""
    with started(*arguments, **keywords) as process:
        out, err = process.communicate()
    return Outcome(process.returncode, out, err)


def images_in(logdir: Path) -> dict[str, list[Logged]]:
    """The images of a run directory by their tags, read by TensorBoard.

    In the version matrix, which has no TensorBoard, by tbimage itself.
    """
    logged: dict[str, list[Logged]] = {}
    if importlib.util.find_spec("tensorboard") is None:
        for event in read_run(logdir):
            for value in event.summary.value:
                if value.HasField("image"):
                    image = Logged(event.step, value.image.encoded_image_string)
                    logged.setdefault(value.tag, []).append(image)
    else:
        for tag, images in read_accumulator(logdir).items():
            logged[tag] = [Logged(image.step, image.encoded) for image in images]
    return logged


def steps_in(logdir: Path) -> dict[str, list[int]]:
    """The steps of the images of a run directory."""
    return {tag: [image.step for image in images] for tag, images in images_in(logdir).items()}
