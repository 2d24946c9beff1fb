"""Embeddings as the Projector's own code reads them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tbimage
from tbimage.kinds import embedding as kind
from tests import readers

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(5, 3)).astype(np.float32)

Fetch = Callable[..., bytes]


@contextlib.contextmanager
def projector(directory: Path) -> Iterator[Fetch]:
    """The answers of the plugin's own routes, by the route's name and its arguments."""
    plugins = pytest.importorskip("tensorboard.plugins.projector.projector_plugin")
    from tensorboard.plugins import base_plugin
    from werkzeug.test import Client

    with readers.open_loader(directory, "python") as provider:
        plugin = plugins.ProjectorPlugin(
            base_plugin.TBContext(data_provider=provider(), logdir=str(directory))
        )

        def fetch(route: str, run: str = ".", **arguments: str) -> bytes:
            app = plugin.get_plugin_apps()[f"/{route}"]
            query = urllib.parse.urlencode({"run": run, **arguments})
            response = Client(app).get(f"/?{query}")
            assert response.status_code == 200, response.text
            return bytes(response.data)

        yield fetch


def embeddings(fetch: Fetch, run: str = ".") -> dict[str, Any]:
    return {each["tensorName"]: each for each in json.loads(fetch("info", run))["embeddings"]}


def table(data: bytes) -> list[list[str]]:
    return [line.split("\t") for line in data.decode().splitlines()]


def test_the_page_gets_vectors_labels_and_pictures(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (5, 4, 6, 3)).astype(np.uint8)
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.embedding("words", VECTORS, 7, labels=list("abcde"), images=images)
    with projector(tmp_path) as fetch:
        (about,) = embeddings(fetch).values()
        name = {"name": "words:00007"}
        assert about["tensorName"] == name["name"]
        assert about["tensorShape"] == [5, 3]
        assert about["sprite"]["singleImageDim"] == [6, 4]
        vectors = np.frombuffer(fetch("tensor", **name), np.float32).reshape(5, 3)
        np.testing.assert_array_equal(vectors, VECTORS)
        assert table(fetch("metadata", **name)) == [[label] for label in "abcde"]
        sprite = np.asarray(PIL.Image.open(io.BytesIO(fetch("sprite_image", **name))))
    assert sprite.shape == (2 * 4, 3 * 6, 3)
    for index, image in enumerate(images):
        row, column = divmod(index, 3)
        np.testing.assert_array_equal(
            sprite[row * 4 : row * 4 + 4, column * 6 : column * 6 + 6], image
        )
    assert not sprite[4:, 12:].any()


def test_columns_of_labels_have_a_header(tmp_path: Path) -> None:
    labels = [["a", 1], ["tab\tand\nline", 2.5], ["", None], ["", ""], ["\u2028", True]]
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.embedding("words", VECTORS, 0, labels=labels, header=["letter", "value"])
    with projector(tmp_path) as fetch:
        rows = table(fetch("metadata", name="words:00000"))
    assert rows == [
        ["letter", "value"],
        ["a", "1"],
        ["tab and line", "2.5"],
        ["", "None"],
        ["-", ""],  # the page skips blank rows, and would label the wrong points
        [" ", "True"],
    ]


def test_earlier_embeddings_stay_listed(tmp_path: Path) -> None:
    (tmp_path / kind.CONFIG_NAME).write_text(
        'embeddings { tensor_name: "by hand" tensor_path: "vectors.tsv" }\n'
    )
    (tmp_path / "vectors.tsv").write_text("1\t2\n")
    for _ in range(2):
        with tbimage.SummaryWriter(tmp_path) as writer:
            writer.embedding("words", VECTORS)
            writer.embedding("a/b", VECTORS[:2], 3)
            writer.embedding("a/b", VECTORS[:4], 3)
    with projector(tmp_path) as fetch:
        shapes = {name: each["tensorShape"] for name, each in embeddings(fetch).items()}
    assert shapes == {
        "by hand": [1, 2],
        "words:00000": [5, 3],
        "words:00001": [5, 3],  # automatic steps go on after a restart
        "a/b:00003": [4, 3],
    }


def test_only_complete_files_are_left(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.embedding("words", VECTORS, 1)
    names = sorted(os.path.relpath(path, tmp_path) for path in tmp_path.rglob("*"))
    assert [name for name in names if "tfevents" not in name] == [
        "00001",
        "00001/words",
        "00001/words/tensors.tsv",
        "projector_config.pbtxt",
    ]
    assert len(readers.event_files(tmp_path)) == 1


def test_names_stay_within_the_run_directory(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path / "run") as writer:
        for name in ("..", ".", "../../x", "a\\b:c", "50%"):
            writer.embedding(name, VECTORS, 0)
    with projector(tmp_path) as fetch:
        assert len(embeddings(fetch, "run")) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert len(list((tmp_path / "run" / "00000").iterdir())) == 5


def test_the_marks_in_the_event_file_disturb_no_loader(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.embedding("loss", VECTORS, 0)
        writer.scalar("loss", 0.5, 0)
    series = readers.read_runs(tmp_path, loader)["."]
    assert series.keys() - {"_projector_/loss"} == {"loss"}
    assert series["loss"].plugin == "scalars"


def test_a_list_that_is_none_is_raised_by_flush_and_kept(tmp_path: Path) -> None:
    config = tmp_path / kind.CONFIG_NAME
    config.write_text("embeddings: 3 apples")
    writer = tbimage.SummaryWriter(tmp_path)
    writer.embedding("words", VECTORS, 0)
    with pytest.raises(ValueError, match=r"projector_config.pbtxt is not a list"):
        writer.flush()
    assert writer.close()
    assert config.read_text() == "embeddings: 3 apples"


def test_flush_raises_the_error_of_an_impossible_directory(tmp_path: Path) -> None:
    (tmp_path / "00000").write_text("a file")
    writer = tbimage.SummaryWriter(tmp_path)
    writer.embedding("words", VECTORS, 0)
    writer.scalar("loss", 0.5, 0)
    with pytest.raises(OSError, match="00000"):
        writer.flush()
    assert writer.close()


def test_floats_outside_the_unit_need_a_value_range(tmp_path: Path) -> None:
    images = np.linspace(-1, 1, 4).reshape(4, 1, 1)
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.embedding("words", VECTORS[:4], 0, images=images, layout="NHW", value_range="signed")
    sprite = np.asarray(PIL.Image.open(tmp_path / "00000" / "words" / "sprite.png"))
    assert sprite.ravel().tolist() == [0, 85, 170, 255]


@given(
    vectors=hnp.arrays(
        st.sampled_from([np.float32, np.int16, np.float16]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=5),
        elements={"allow_nan": False},
    )
)
def test_any_vectors_come_back_as_float32(vectors: Any) -> None:
    prepared = kind.prepare(vectors, None, None, None, None, None)
    ((content,),) = kind.files(prepared).values()
    found = [[float(cell) for cell in row] for row in table(bytes(content))]
    np.testing.assert_array_equal(np.array(found, np.float32), vectors.astype(np.float32))


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"data": np.zeros(3)}, ValueError, r"data must be \[points, dimensions\], got .*\(3,\)"),
        ({"data": "words"}, TypeError, "data must be numbers, got 'words'"),
        ({"labels": ["a"]}, ValueError, "labels must have one element for each point, got 1 for 5"),
        ({"labels": "abcde"}, TypeError, "labels must be a list"),
        ({"labels": [["a", "b"]] * 5}, ValueError, "labels of 2 columns need a header"),
        ({"labels": [["a"]] * 4 + [[]]}, ValueError, "rows of the same length"),
        ({"labels": list("abcde"), "header": ["x", "y"]}, ValueError, "got 2 names for 1"),
        (
            {"images": np.zeros((4, 2, 2, 3))},
            ValueError,
            "images must have one image for each point, got 4",
        ),
        ({"images": np.zeros((2, 2, 3))}, ValueError, "images must be a batch"),
        ({"images": np.zeros((5, 2, 2, 7))}, ValueError, "channels|layout"),
        ({"images": np.zeros((5, 4000, 1, 3))}, ValueError, "images must fit a sprite of 8192"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer, pytest.raises(error, match=match):
        writer.embedding("bad", step=0, **{"data": VECTORS, **arguments})
    assert not (tmp_path / kind.CONFIG_NAME).exists()


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (np.linspace(0, 255, 20).reshape(5, 2, 2, 1), "values from 0 to 255"),
        (np.linspace(-2, 2, 20).reshape(5, 2, 2, 1), "values from -2 to 2"),
        (np.full((5, 2, 2, 1), np.nan), "20 pixels that are NaN"),
    ],
)
def test_images_that_are_clipped_are_reported_once_for_each_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, images: Any, found: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(2):
            writer.embedding("points", VECTORS, step, images=images)
        writer.embedding("others", VECTORS, 0, images=images, value_range="minmax")
    (record, *rest) = [each for each in caplog.records if "'points'" in each.getMessage()]
    assert rest == []
    assert f"image 'points' has {found}" in record.getMessage()
    assert not any("clipped" in each.getMessage() for each in caplog.records if each is not record)
