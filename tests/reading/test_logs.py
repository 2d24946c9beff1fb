"""Log directories: runs, errors, appended values, tables, and notebooks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage.events.messages import Event
from tbimage.events.records import frame
from tests import readers


def write_scalars(run: Path, steps: range, tag: str = "loss") -> None:
    with tbimage.SummaryWriter(run) as writer:
        for step in steps:
            writer.scalar(tag, step / 4, step)


# Runs.


def test_runs_have_the_names_that_tensorboard_gives_them(tmp_path: Path) -> None:
    for run in (".", "train", "eval/a", "eval/b.2"):
        write_scalars(tmp_path / run, range(2))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no event file")
    logs = tbimage.read(tmp_path)
    assert logs.runs == [".", "eval/a", "eval/b.2", "train"]
    assert set(logs.runs) == set(readers.read_runs(tmp_path, "data_server"))
    assert list(logs) == logs.runs
    assert len(logs) == 4
    assert "train" in logs
    assert {name: run.name for name, run in logs.items()} == {name: name for name in logs.runs}


def test_one_run_and_one_file_are_runs_too(tmp_path: Path) -> None:
    write_scalars(tmp_path / "train", range(3))
    (file,) = readers.event_files(tmp_path)
    renamed = file.rename(tmp_path / "saved.bin")  # a file that is named need not look like one
    for path in (str(renamed), renamed):
        logs = tbimage.read(path)
        assert logs.runs == ["."]
        assert logs["."].scalars("loss").steps.tolist() == [0, 1, 2]
        assert logs["."].files == [str(renamed)]


def test_a_directory_without_event_files_has_no_runs(tmp_path: Path) -> None:
    logs = tbimage.read(tmp_path)
    assert (logs.runs, logs.damage) == ([], [])
    write_scalars(tmp_path / "late", range(2))
    logs.refresh()
    assert logs.runs == ["late"]


def test_a_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        tbimage.read(tmp_path / "nothing")
    with pytest.raises(TypeError, match="path must be str or PathLike, got 3 of type int"):
        tbimage.read(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="path must be str or PathLike, got b'x'"):
        tbimage.read(b"x")  # type: ignore[arg-type]
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="path must be a directory or a regular file"):
        tbimage.read(tmp_path / "pipe")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(30), b"step,loss\n1,2\n3,4\n"])
def test_a_file_that_is_no_event_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"photo\.png: no event file"):
        tbimage.read(path)


def test_a_wrong_name_is_an_error_that_tells_the_right_ones(tmp_path: Path) -> None:
    write_scalars(tmp_path / "train", range(3))
    logs = tbimage.read(tmp_path)
    with pytest.raises(KeyError, match=r"no run 'trian' in .*'train'"):
        logs["trian"]
    with pytest.raises(KeyError, match=r"no tag 'los' of kind 'scalar' in run 'train'.*'loss'"):
        logs["train"].scalars("los")
    with pytest.raises(ValueError, match=r"tag 'loss' is of kind 'scalar'.*use run\.scalars"):
        logs["train"].images("loss")
    with pytest.raises(KeyError, match=r"no tag 'x/image/0'"):
        logs["train"].images("x", batch=True)


def test_a_series_is_a_sequence(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(5):
            writer.image("noise", np.full((2, 3), step, np.uint8), 10 * step)
    images = tbimage.read(tmp_path)["."].images("noise")
    assert [image.step for image in images] == images.steps.tolist() == [0, 10, 20, 30, 40]
    assert images[-1].step == 40
    assert [image.step for image in images[1::2]] == images[1::2].steps.tolist() == [10, 30]
    assert images[1:][1:][0].step == 20
    assert images.at(30).pixels().tolist() == [[[3]] * 3] * 2
    with pytest.raises(IndexError):
        images[5]
    with pytest.raises(KeyError, match="step 7 has 0 items"):
        images.at(7)
    assert "5 items" in repr(images)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_pixels_of_every_mode(tmp_path: Path, mode: str) -> None:
    import io

    import PIL.Image

    colors = np.random.default_rng(0).integers(0, 256, (4, 6, 4), np.uint8)
    if mode == "I;16":
        picture = PIL.Image.fromarray(colors[..., 0].astype(np.uint16) * 257)
    else:
        picture = PIL.Image.fromarray(colors).convert("RGB").convert(mode)
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF" if mode == "CMYK" else "PNG")
    event = Event(wall_time=1.0, step=1)
    event.summary.value.add(tag="x").image.encoded_image_string = buffer.getvalue()
    (tmp_path / "tfevents").write_bytes(b"".join(frame([event.SerializeToString()])))
    image = tbimage.read(tmp_path)["."].images("x")[0]
    pixels = image.pixels()
    assert pixels.dtype == (np.uint16 if mode == "I;16" else np.uint8)
    assert (image.height, image.width, image.channels) == pixels.shape
    wanted = picture.convert("L" if mode == "1" else "RGB" if mode in ("P", "CMYK") else mode)
    assert np.array_equal(pixels.squeeze(), np.asarray(wanted))
    assert PIL.Image.open(io.BytesIO(image._repr_png_())).format == "PNG"


# Growing.


def test_what_is_appended_is_taken_in(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path / "train") as writer:
        writer.scalar("loss", 1.0, 0)
        writer.flush()
        logs = tbimage.read(tmp_path)
        run = logs["train"]
        assert run.tags["loss"].count == 1
        writer.scalar("loss", 0.5, 1)
        writer.scalar("new", 2.0, 1)
        writer.flush()
        assert run.tags["loss"].count == 1
        logs.refresh()
        assert logs["train"] is run
        assert run.scalars("loss").values.tolist() == [1.0, 0.5]
        assert set(run.tags) == {"loss", "new"}
    write_scalars(tmp_path / "eval", range(1))
    logs.refresh()
    assert logs.runs == ["eval", "train"]
    for file in readers.event_files(tmp_path / "eval"):
        file.unlink()
    logs.refresh()
    assert logs.runs == ["train"]


def test_follow_yields_what_is_appended_and_nothing_else(tmp_path: Path) -> None:
    write_scalars(tmp_path / "old", range(3))
    logs = tbimage.read(tmp_path)
    seen = []
    done = threading.Event()

    def write() -> None:
        with tbimage.SummaryWriter(tmp_path / "new") as writer:
            for step in range(3):
                writer.scalar("loss", step / 2, step)
                writer.image("noise", np.full((2, 2), step, np.uint8), step)
                writer.text("note", f"step {step}", step)
                writer.flush()
                time.sleep(0.02)
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    ended = [False]

    def until() -> bool:
        ended[0], before = done.is_set(), ended[0]
        return before  # one more check after the writer has closed

    for logged in logs.follow(seconds_between=0.01, until=until):
        seen.append((logged.run, logged.tag, logged.kind, logged.step))
        if logged.tag == "loss":
            assert logged.value == logged.step / 2
        elif logged.tag == "noise":
            assert logged.value.pixels().max() == logged.step
        else:
            assert logged.value.text == f"step {logged.step}"
    thread.join()
    kinds = {"loss": "scalar", "noise": "image", "note": "text"}
    assert sorted(seen) == sorted(
        ("new", tag, kind, step) for tag, kind in kinds.items() for step in range(3)
    )


# Tables.


def test_columns_have_every_scalar(tmp_path: Path) -> None:
    write_scalars(tmp_path / "a", range(3))
    write_scalars(tmp_path / "b", range(2), "acc")
    columns = tbimage.read(tmp_path).columns()
    assert columns["run"].tolist() == ["a"] * 3 + ["b"] * 2
    assert columns["tag"].tolist() == ["loss"] * 3 + ["acc"] * 2
    assert columns["step"].tolist() == [0, 1, 2, 0, 1]
    assert columns["value"].tolist() == [0, 0.25, 0.5, 0, 0.25]
    assert {len(column) for column in columns.values()} == {5}


def test_a_table_of_nothing_has_the_same_columns(tmp_path: Path) -> None:
    columns = tbimage.read(tmp_path).columns()
    assert {name: (len(column), column.dtype.name) for name, column in columns.items()} == {
        "run": (0, "object"),
        "tag": (0, "object"),
        "step": (0, "int64"),
        "wall_time": (0, "float64"),
        "value": (0, "float64"),
    }


@pytest.mark.parametrize("package", ["pandas", "polars", "pyarrow"])
def test_tables_of_other_packages(tmp_path: Path, package: str) -> None:
    write_scalars(tmp_path / "a", range(3))
    logs = tbimage.read(tmp_path)
    method = getattr(logs, "to_" + package.replace("pyarrow", "arrow"))
    try:
        __import__(package)
    except ImportError:
        with pytest.raises(ImportError, match=f"needs {package}.*pip install {package}"):
            method()
        return
    table = method()
    names = table.column_names if package == "pyarrow" else list(table.columns)
    assert names == list(logs.columns())
    for name, column in logs.columns().items():
        values = table[name].to_pylist() if package == "pyarrow" else table[name].to_list()
        assert values == column.tolist()


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = tbimage.read(tmp_path)
    for package, method in (
        ("pandas", logs.to_pandas),
        ("polars", logs.to_polars),
        ("pyarrow", logs.to_arrow),
    ):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ImportError, match=f"pip install {package}"):
            method()


# Notebooks.


def test_a_notebook_shows_runs_and_tags_and_runs_no_script(tmp_path: Path) -> None:
    write_scalars(tmp_path / "<b>run", range(2), "<script>alert(1)</script>")
    texts: list[str] = []
    tags: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(tag)

        def handle_data(self, data: str) -> None:
            texts.append(data)

    Parser().feed(tbimage.read(tmp_path)._repr_html_())
    assert set(tags) == {"table", "thead", "tbody", "tr", "th", "td"}
    assert {"<b>run", "<script>alert(1)</script>", "scalar", "2"} <= set(texts)


def test_reading_raw_events_does_not_wait_for_numpy() -> None:
    code = (
        "import sys; from tbimage.reading import read_run; print('numpy' in sys.modules);"
        "import tbimage.reading; print(tbimage.reading.read, tbimage.read)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "False"
    assert lines[1].count("function read at") == 2
