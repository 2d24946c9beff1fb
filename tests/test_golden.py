"""One whole event file, byte for byte, and what TensorBoard reads in it.

``tests/golden`` has the file and its dump. ``python -m tests.test_golden`` makes both again. Do
this only after a deliberate change of the wire form, and read the difference before you commit it.
"""

from __future__ import annotations

import base64
from pathlib import Path
from unittest import mock

import pytest

import tbimage

GOLDEN = Path(__file__).parent / "golden"
FILE = GOLDEN / "events.out.tfevents.1700000000.host.1.000000"
DUMP = GOLDEN / "dump.txt"
NOW = 1_700_000_000.0
# 2×1 RGB, made by Pillow once. It is given encoded, so that it does not depend on a compressor's
# release.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAD0lEQVR4nGP4z8DAwPAfAAcAAf9+CLHQAAAAAElF"
    "TkSuQmCC"
)


def write(logdir: Path) -> bytes:
    """Write the golden run, and return its file."""
    with mock.patch("time.time", return_value=NOW), tbimage.SummaryWriter(logdir) as writer:
        writer.scalar("loss", 0.5, 0)
        writer.scalar("loss", 0.25, 300, description="the *loss*", wall_time=NOW + 1.5)
        writer.image("photo", PNG, 0)
        writer.image("batch", [PNG, PNG], -1, description="twice")
    (file,) = logdir.glob("events*")
    return file.read_bytes()


def dump(directory: Path) -> str:
    """The content according to TensorBoard's own reader, as text."""
    from tests import readers

    return "---\n".join(str(event) for event in readers.read_raw(directory))


def test_the_file_is_the_golden_one_byte_for_byte(tmp_path: Path) -> None:
    assert write(tmp_path) == FILE.read_bytes()


def test_tensorboard_reads_the_content_of_the_dump() -> None:
    pytest.importorskip("tensorboard")
    assert dump(GOLDEN) == DUMP.read_text()


if __name__ == "__main__":
    import tempfile

    FILE.write_bytes(write(Path(tempfile.mkdtemp())))
    DUMP.write_text(dump(GOLDEN))
