"""The program changes event files or their descriptors while a writer uses them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import tbimage
from tests import readers
from tests.pipeline import children, logs
from tests.pipeline.soundness import PICTURE, assert_goes_on, everything


def descriptor_of(path: str | None) -> int:
    """Return the descriptor of an open file of this process."""
    assert path is not None
    for link in Path("/proc/self/fd").iterdir():
        try:
            if os.path.samefile(link, path):
                return int(link.name)
        except OSError:
            pass
    pytest.skip("the event file is not held open")


def steal(path: str | None, foreign: Path, flags: int) -> int:
    """Close the descriptor of an event file, and open another file with the same number."""
    number = descriptor_of(path)
    os.close(number)
    opened = os.open(foreign, os.O_CREAT | flags, 0o666)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    return number


@pytest.mark.parametrize("flags", [os.O_RDWR, os.O_RDWR | os.O_APPEND, os.O_RDONLY])
@pytest.mark.parametrize("content", [b"", b"a" * 5000])
def test_nothing_is_written_to_a_file_that_reuses_the_descriptor(
    tmp_path: Path, flags: int, content: bytes
) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(content)
    writer = tbimage.SummaryWriter(tmp_path / "run", on_error="log")
    for step in range(20):
        assert writer.scalar("a", 0.5, step)
    assert writer.flush(60)
    number = steal(writer.path, foreign, flags)
    try:
        for step in range(20, 50):
            assert writer.scalar("a", 0.5, step)
            assert writer.image("b", PICTURE, step)
            if step % 5 == 0:
                writer.flush(60)
        readers.wait_until(lambda: writer.flush(60), "all to be written")
        assert_goes_on(writer, 0)
        assert foreign.read_bytes() == content
        assert os.path.samefile(f"/proc/self/fd/{number}", foreign)  # nor is it closed
        assert writer.close(10)
        assert os.path.samefile(f"/proc/self/fd/{number}", foreign)
    finally:
        os.close(number)
    assert foreign.read_bytes() == content
    found = everything(tmp_path / "run")
    assert found["a"] == list(range(50))
    assert found["b"] == list(range(20, 50))


def test_nothing_is_written_to_a_file_that_reuses_the_descriptor_of_a_sub_run(
    tmp_path: Path,
) -> None:
    foreign = tmp_path / "foreign"
    writer = tbimage.SummaryWriter(tmp_path / "run", on_error="log")
    assert writer.scalars("a", {"k": 0.5}, 0)
    assert writer.flush(60)
    (run,) = logs.sub_runs(tmp_path / "run")
    (path,) = readers.event_files(run)
    number = steal(str(path), foreign, os.O_RDWR)
    try:
        for step in range(1, 30):
            assert writer.scalars("a", {"k": 0.5}, step)
            if step % 5 == 0:
                writer.flush(60)
        readers.wait_until(lambda: writer.flush(60), "all to be written")
        assert writer.close(10)
        assert os.path.samefile(f"/proc/self/fd/{number}", foreign)
    finally:
        os.close(number)
    assert foreign.read_bytes() == b""
    assert everything(tmp_path / "run") == {"a": list(range(30))}


def test_nothing_is_written_to_the_file_of_another_writer(tmp_path: Path) -> None:
    first = tbimage.SummaryWriter(tmp_path / "first", on_error="log")
    assert first.scalar("a", 0.5, 0)
    assert first.flush(60)
    os.close(descriptor_of(first.path))
    second = tbimage.SummaryWriter(tmp_path / "second", on_error="log")  # gets the number
    for step in range(1, 30):
        assert first.scalar("a", 0.5, step)
        assert second.scalar("b", 0.5, step)
        if step % 10 == 0:
            first.flush(60), second.flush(60)
    for writer in first, second:
        readers.wait_until(lambda: writer.flush(60), "all to be written")  # noqa: B023
    first.close()
    assert second.scalar("b", 0.5, 30)
    assert second.flush(60)
    second.close()
    assert everything(tmp_path / "first") == {"a": list(range(30))}
    assert everything(tmp_path / "second") == {"b": list(range(1, 31))}


def test_a_closed_descriptor_is_replaced(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    for round_number in range(3):
        assert writer.scalar("a", 0.5, 2 * round_number)
        assert writer.flush(60)
        os.close(descriptor_of(writer.path))
        assert writer.scalar("a", 0.5, 2 * round_number + 1)
        readers.wait_until(lambda: writer.flush(60), "all to be written")
    assert_goes_on(writer, 0)
    writer.close()
    assert everything(tmp_path)["a"] == list(range(6))


def truncate_to_nothing(path: Path) -> None:
    os.truncate(path, 0)


def truncate_within(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 11)


def extend(path: Path) -> None:
    with open(path, "ab") as file:
        file.write(b"foreign bytes")


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    """An editor or rsync replaces the file by another one with the same bytes."""
    other = path.with_name("other")
    shutil.copy(path, other)
    other.replace(path)


def replace_by_nothing(path: Path) -> None:
    path.unlink()
    path.touch()


def move(path: Path) -> None:
    path.rename(path.with_name("moved"))


DEEDS: list[Callable[[Path], None]] = [
    truncate_to_nothing,
    truncate_within,
    extend,
    delete,
    replace,
    replace_by_nothing,
    move,
]


@pytest.mark.parametrize("load", ["scalars", "pictures", "sub-runs"])
@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
def test_summaries_that_are_flushed_later_can_be_read(
    tmp_path: Path, deed: Callable[[Path], None], load: str
) -> None:
    """TensorBoard's loaders show every later point, after any change to the file."""
    writer = tbimage.SummaryWriter(tmp_path, on_error="log")

    def log(step: int) -> None:
        if load == "scalars":
            assert writer.scalar("a", 0.5, step)
        elif load == "pictures":
            assert writer.image("a", PICTURE, step)
        else:
            assert writer.scalars("a", {"key": 0.5}, step)

    for step in range(3):
        log(step)
    assert writer.flush(60)
    files = readers.event_files(tmp_path)
    target = next(path for path in files if (path.parent == tmp_path) is (load != "sub-runs"))
    deed(target)
    for step in range(3, 9):
        log(step)
        readers.wait_until(lambda: writer.flush(60), "all to be written")
    assert writer.stats().healthy
    assert writer.stats().displaced_files == 1
    assert writer.close()
    for loader in ("python_multifile", "data_server"):
        shown = [
            step for tags in logs.shown(tmp_path, loader).values() for step in tags.get("a", [])
        ]
        assert shown[-6:] == list(range(3, 9)), (loader, shown)
        assert len(shown) == len(set(shown)), (loader, shown)


@pytest.mark.parametrize("load", ["scalars", "pictures"])
def test_writing_continues_when_a_directory_replaces_the_file(tmp_path: Path, load: str) -> None:
    writer = tbimage.SummaryWriter(tmp_path, on_error="log")
    writer.scalar("first", 0.5, 0)
    assert writer.flush(60)
    assert writer.path is not None
    path = Path(writer.path)
    path.unlink()
    path.mkdir()
    for step in range(1, 9):
        writer.scalar("a", 0.5, step) if load == "scalars" else writer.image("a", PICTURE, step)
        readers.wait_until(lambda: writer.flush(60), "all to be written")
    assert writer.stats().healthy
    assert writer.close()
    assert everything(tmp_path) == {"a": list(range(1, 9))}


@pytest.mark.parametrize("kind", ["scalar", "scalars"])
def test_output_of_c_code_does_not_go_into_the_file(tmp_path: Path, kind: str) -> None:
    """A program that was started without standard output and error has these numbers free."""
    script = """
import os, sys
os.closerange(0, 3)
import tbimage

writer = tbimage.SummaryWriter(sys.argv[1])
for step in range(10):
    if sys.argv[2] == "scalar":
        writer.scalar("a", 0.5, step)
    else:
        writer.scalars("a", {"x": 0.5}, step)
    assert writer.flush(20)
    for descriptor in range(3):
        try:
            os.write(descriptor, b"a warning of a C library")
        except OSError:
            pass  # nothing is open there
assert writer.close(20)
assert writer.stats().displaced_files == 0
"""
    children.run(script, tmp_path, kind)
    assert everything(tmp_path) == {"a": list(range(10))}
