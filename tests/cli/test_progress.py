"""The progress bar: on a terminal only, with tqdm and without."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.command import ENVIRONMENT, Outcome, command_line, images_in, spawn

pty = pytest.importorskip("pty")  # not on Windows, like the next two
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

NO_TQDM = "import sys; sys.modules['tqdm'] = None"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for index in range(20):
        Image.fromarray(np.full((8, 8), index, np.uint8)).save(tmp_path / f"photos/{index}.png")
    return tmp_path / "photos"


def on_a_terminal(*arguments: object, before: str | None = None) -> Outcome:
    """Run the command where stderr is a terminal of 80 columns and stdout a pipe."""
    terminal, stderr = pty.openpty()
    fcntl.ioctl(stderr, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    with subprocess.Popen(
        command_line(*arguments, before=before),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        os.close(stderr)
        shown = b""
        while True:
            try:
                chunk = os.read(terminal, 4096)
            except OSError:  # EIO: nobody has it open any more
                break
            if not chunk:
                break
            shown += chunk
        os.close(terminal)
        assert process.stdout is not None
        out = process.stdout.read()
    return Outcome(process.returncode, out, shown.decode())


def left_on_screen(shown: str) -> str:
    """Return the final text of lines that overwrite each other."""
    lines = []
    for line in shown.replace("\r\n", "\n").split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            if part.startswith("\x1b[K"):
                cells, part = [], part.removeprefix("\x1b[K")
            cells[: len(part)] = part
        lines.append("".join(cells).rstrip())
    return "\n".join(lines).strip()


def test_tqdm_shows_progress_and_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("tqdm")
    outcome = on_a_terminal("log", photos, "--logdir", tmp_path / "run")
    assert outcome.code == 0
    assert "0/20" in outcome.err
    assert "images/s" in outcome.err
    assert left_on_screen(outcome.err) == ""
    assert outcome.out.startswith("20 images, ")
    assert len(images_in(tmp_path / "run")) == 20


def test_without_tqdm_a_line_counts_and_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    outcome = on_a_terminal("log", photos, "--logdir", tmp_path / "run", before=NO_TQDM)
    assert outcome.code == 0
    assert "\r\x1b[K0 of 20 images" in outcome.err
    assert left_on_screen(outcome.err) == ""
    assert outcome.out.startswith("20 images, ")
    assert len(images_in(tmp_path / "run")) == 20


def test_complaints_stay_on_the_screen(photos: Path, tmp_path: Path) -> None:
    (photos / "text.png").write_text("no image")
    outcome = on_a_terminal("log", photos, "--logdir", tmp_path / "run")
    assert outcome.code == 2
    complaint = f"tbimage: {photos / 'text.png'}: not an image, or a damaged one"
    assert left_on_screen(outcome.err) == complaint


def test_there_is_no_bar_where_there_is_no_terminal(photos: Path, tmp_path: Path) -> None:
    outcome = spawn("log", photos, "--logdir", tmp_path / "run")
    assert (outcome.code, outcome.err) == (0, "")
