"""Helpers of the tests of torch's and tensorboardX's adapters: write with both, and compare.

- The peer is the real one; both get the same calls, and TensorBoard reads both.
- Shown values are compared: decoded pixels and samples, gray as RGB, numbers as float32.
"""

from __future__ import annotations

import inspect
import io
import math
import warnings
import wave
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from google.protobuf import text_format
from PIL import Image, ImageSequence

from tbimage.events import messages
from tbimage.reading.events import read_run
from tests import readers

Call = Callable[[Any], Any]
Runs = dict[str, dict[str, readers.Series]]

#: The readers of both: TensorBoard's Python loader, and its default, the data server.
LOADERS = ("python", "data_server")


def write(
    make_writer: Callable[[], Any], calls: Mapping[str, Call], *, quiet: bool = False
) -> None:
    """Make all calls on one writer. ``quiet`` ignores warnings; it is for peers."""
    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore")
        with make_writer() as writer:
            for call in calls.values():
                call(writer)


def series_of(runs: Runs, name: str, calls: Mapping[str, Call]) -> dict[tuple[str, str], Any]:
    """Return the series of a call: that of the longest name with which their tags begin."""
    return {
        (run, tag): series
        for run, tags in runs.items()
        for tag, series in tags.items()
        if max(filter(tag.startswith, calls), key=len) == name
    }


def decoded(encoded: bytes) -> np.ndarray:
    """All frames of a picture, as RGB or RGBA."""
    with Image.open(io.BytesIO(encoded)) as picture:
        alpha = "A" in picture.getbands()
        return np.stack(
            [
                np.asarray(frame.convert("RGBA" if alpha else "RGB"))
                for frame in ImageSequence.Iterator(picture)
            ]
        )


def samples(encoded: bytes) -> tuple[Any, ...]:
    """Channels, bytes a sample, rate and samples of a WAV file."""
    with wave.open(io.BytesIO(encoded)) as reader:
        frames = reader.readframes(reader.getnframes())
        return reader.getnchannels(), reader.getsampwidth(), reader.getframerate(), frames


def strings(value: Any) -> list[bytes]:
    """The strings of a point, whether a loader has it as blobs or as a tensor."""
    found = value if isinstance(value, tuple) else value.values
    return [each if isinstance(each, bytes) else each.encode("latin-1") for each in found]


def array(series: readers.Series) -> np.ndarray:
    """The tensor of the first point."""
    value = series.points[0].value
    assert isinstance(value, readers.Tensor)
    return value.array()


def methods_called(calls: Mapping[str, Call], kind: type) -> set[str]:
    """The names of all methods that the calls make."""
    recorder = mock.MagicMock(spec=kind)
    for call in calls.values():
        call(recorder)
    return {name.partition("(")[0] for name, _, _ in recorder.method_calls}


def filled(histogram: np.ndarray) -> list[tuple[float, float]]:
    """Right edges and counts of the buckets that are not empty, without the last one's edge."""
    buckets = histogram[histogram[:, 2] > 0][:, 1:].tolist()
    return [*map(tuple, buckets[:-1]), *((math.inf, count) for _, count in buckets[-1:])]


def assert_same_value(plugin: str, peer: Any, face: Any, *, exact: bool = True) -> None:
    if plugin == "histograms" and not exact:
        assert filled(peer.array()) == filled(face.array())
    elif plugin == "images":
        assert strings(peer)[:2] == strings(face)[:2]  # width and height
        np.testing.assert_array_equal(decoded(strings(peer)[2]), decoded(strings(face)[2]))
    elif plugin == "audio":
        assert samples(strings(peer)[0]) == samples(strings(face)[0])
    elif isinstance(peer, readers.Tensor) and "object" not in peer.dtype:
        assert peer.shape == face.shape
        np.testing.assert_array_equal(
            peer.array().astype(np.float32), face.array().astype(np.float32)
        )
    elif isinstance(peer, float):
        np.testing.assert_equal(peer, face)  # NaN is NaN
    else:
        assert peer == face


def assert_same(peer: Any, face: Any, *, wall_times: bool = True, exact: bool = True) -> None:
    """Compare two series point by point.

    ``exact`` is for the Python loader. The data server turns the peers' histograms into buckets by
    another rule, with an empty one in front that ends before it begins.
    """
    assert (peer.plugin, peer.data_class) == (face.plugin, face.data_class)
    assert peer.steps == face.steps
    for expected, got in zip(peer.points, face.points, strict=True):
        if wall_times:
            assert expected.wall_time == got.wall_time
        assert_same_value(peer.plugin, expected.value, got.value, exact=exact)


def signature(function: Any) -> list[tuple[str, Any, Any]]:
    """Names, kinds and defaults of a function's arguments."""
    return [
        (each.name, each.kind, each.default)
        for each in inspect.signature(function).parameters.values()
    ]


def public_methods(kind: type) -> set[str]:
    return {
        name for name, value in inspect.getmembers(kind, callable) if not name.startswith("_")
    } | {"__init__"}


def files_below(directory: Path) -> set[str]:
    """Directories with an event file, and all other files, relative."""
    return {
        (path.parent if "tfevents" in path.name else path).relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file()
    }


def pixels_of(message: Any) -> np.ndarray:
    """The decoded pixels of the only image of a Summary."""
    return decoded(message.value[0].image.encoded_image_string)


def hparams_of(directory: Path) -> dict[tuple[str, str], Any]:
    """Session starts, ends and experiments below a directory, by run and tag."""
    found = {}
    for path in readers.event_files(directory):
        for event in read_run(path.parent):
            for value in event.summary.value:
                plugin = value.metadata.plugin_data
                if plugin.plugin_name == "hparams":
                    run = path.parent.relative_to(directory).as_posix()
                    found[run, value.tag] = messages.HParamsPluginData.FromString(plugin.content)
    return found


def embedding_files(directory: Path, embedding: str) -> dict[str, Any]:
    """The content of an embedding's files: numbers, labels, pixels and the list of embeddings."""
    where = directory / embedding
    config = (directory / "projector_config.pbtxt").read_text(encoding="utf-8")
    table = np.loadtxt(where / "tensors.tsv", delimiter="\t")
    return {
        "tensors": table.astype(np.float32).tolist(),
        "labels": (where / "metadata.tsv").read_text(encoding="utf-8"),
        "sprite": decoded((where / "sprite.png").read_bytes())[0],
        "config": text_format.Parse(config, messages.ProjectorConfig()),
    }


def assert_same_embedding(peer: Path, face: Path, embedding: str) -> None:
    theirs, ours = embedding_files(peer, embedding), embedding_files(face, embedding)
    assert theirs["tensors"] == ours["tensors"]
    assert theirs["labels"] == ours["labels"]
    rows, columns = ours["sprite"].shape[:2]  # the peer's is padded to a square
    np.testing.assert_array_equal(theirs["sprite"][:rows, :columns], ours["sprite"])
    del ours["config"].embeddings[0].tensor_shape[:]  # theirs has none
    assert theirs["config"] == ours["config"]


def assert_same_hparams(peer: Path, face: Path, *, experiment: bool) -> None:
    """Compare everything except the experiments that peers write without domains."""
    theirs, ours = hparams_of(peer), hparams_of(face)
    if not experiment:
        theirs = {key: value for key, value in theirs.items() if "experiment" not in key[1]}
    assert theirs.keys() == ours.keys() != set()
    for key, expected in theirs.items():
        start = ours[key].session_start_info
        assert dict(expected.session_start_info.hparams) == dict(start.hparams)
        assert expected.experiment == ours[key].experiment
        assert expected.session_end_info.status == ours[key].session_end_info.status
