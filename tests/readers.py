"""The real readers of event files. Each is a function from a log directory to Python data.

Rules:
- No reader is imitated. TensorBoard's own command line configures the Python loader, the data
  server is the binary in its wheel, and the browser is Chromium.
- TensorBoard reads records with TensorFlow if it is installed. Here it uses its own reader, as for
  users of tbimage, because TensorFlow takes seconds to import. `read_with_tensorflow` reads a file
  with TensorFlow.
- Readers are imported inside the functions, so that collecting tests is quick. A test skips if its
  reader is missing, as in the version matrix.
- processes.py starts child processes, browser.py shows pages, and reports.py has the types of
  results. Their public names are here, too, so that tests import only this module.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
import types
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pytest

from tests.browser import Page, Picture, screenshot
from tests.processes import (
    DEADLINE_SECONDS,
    NO_TENSORFLOW,
    data_server,
    tensorboard_server,
    wait_until,
)
from tests.reports import Image, Pixels, Point, Series, ServedImage, ServedSeries, Tensor

__all__ = [
    "LOADERS",
    "Image",
    "Page",
    "Picture",
    "Pixels",
    "Point",
    "Series",
    "ServedImage",
    "ServedSeries",
    "Tensor",
    "data_server",
    "event_files",
    "fetch_from",
    "fetch_images",
    "open_loader",
    "read_accumulator",
    "read_http",
    "read_provider",
    "read_raw",
    "read_runs",
    "read_with_tbparse",
    "read_with_tensorflow",
    "screenshot",
    "tensorboard_server",
    "wait_until",
]

P = ParamSpec("P")
R = TypeVar("R")

#: The ways in which TensorBoard reads a log directory: `--load_fast=false`, the same with
#: `--reload_multifile=true`, and the default.
LOADERS = ("python", "python_multifile", "data_server")


def _keep_tensorflow_out_of_tensorboard() -> None:
    """Make TensorBoard read without TensorFlow; `tf.summary` still works."""
    sys.modules[NO_TENSORFLOW] = types.ModuleType(NO_TENSORFLOW)
    try:
        from tensorboard import compat, lazy
    except ImportError:
        return  # the version matrix

    @lazy.lazy_load("tensorboard.compat.tf2")
    def tf2() -> Any:
        import tensorflow

        return tensorflow.compat.v2

    compat.tf2 = tf2


_keep_tensorflow_out_of_tensorboard()


def without_warnings(function: Callable[P, R]) -> Callable[P, R]:
    """Turn off the warnings of a reader, because the tests turn warnings into errors."""

    @functools.wraps(function)
    def quietly(*args: P.args, **kwargs: P.kwargs) -> R:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)

    return quietly


def event_files(logdir: os.PathLike[str] | str) -> list[Path]:
    """The event files below a directory, each run's in the order in which they are read."""
    return sorted(path for path in Path(logdir).rglob("*tfevents*") if path.is_file())


# TensorBoard's loaders.


@without_warnings
def _configured(logdir: os.PathLike[str] | str, *arguments: str) -> Any:
    """A tensorboard.program.TensorBoard with the flags of this command line."""
    pytest.importorskip("tensorboard")
    from tensorboard import program

    tensorboard = program.TensorBoard()
    tensorboard.configure(["tensorboard", f"--logdir={logdir}", *arguments])
    return tensorboard


@without_warnings
def _python_ingester(logdir: os.PathLike[str] | str, *, multifile: bool = False) -> Any:
    """TensorBoard's Python loader; each `start()` loads what is new."""
    from tensorboard.backend.event_processing import data_ingester

    arguments = ["--load_fast=false", "--reload_task=blocking", "--reload_interval=0"]
    if multifile:
        arguments.append("--reload_multifile=true")
    return data_ingester.LocalDataIngester(_configured(logdir, *arguments).flags)


@contextlib.contextmanager
def open_loader(
    logdir: os.PathLike[str] | str, loader: str, *, live: bool = False
) -> Iterator[Callable[[], Any]]:
    """Start one of `LOADERS`, and yield a function that gives its DataProvider, all loaded.

    With `live`, a loader goes on reading: the Python one loads what is new at each call, the data
    server once a second, so that a test calls it within `wait_until`.
    """
    pytest.importorskip("tensorboard")
    if loader == "data_server":
        with data_server(logdir, reload="1" if live else "once") as provider:
            yield lambda: provider
        return
    ingester = _python_ingester(logdir, multifile=loader == "python_multifile")
    ingester.start()

    def load() -> Any:
        if live:
            ingester.start()
        return ingester.data_provider

    yield load


_KINDS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "scalar": lambda provider, context, datum: datum.value,
    "tensor": lambda provider, context, datum: Tensor(
        str(datum.numpy.dtype), datum.numpy.shape, tuple(datum.numpy.ravel().tolist())
    ),
    "blob_sequence": lambda provider, context, datum: tuple(
        provider.read_blob(context, blob_key=reference.blob_key) for reference in datum.values
    ),
}


def read_provider(provider: Any) -> dict[str, dict[str, Series]]:
    """All that a DataProvider has: {run: {tag: Series}}."""
    from tensorboard import context as tensorboard_context

    context = tensorboard_context.RequestContext()
    runs: dict[str, dict[str, Series]] = {
        run.run_name: {} for run in provider.list_runs(context, experiment_id="")
    }
    for plugin in provider.list_plugins(context, experiment_id=""):
        if not plugin:
            continue  # a value without metadata, to which no rule of TensorBoard applies
        of_plugin = {"experiment_id": "", "plugin_name": plugin}
        for data_class, convert in _KINDS.items():
            listed = getattr(provider, f"list_{data_class}s")(context, **of_plugin)
            read = getattr(provider, f"read_{data_class}s")(context, **of_plugin, downsample=10**6)
            for run, tags in listed.items():
                for tag, series in tags.items():
                    points = tuple(
                        Point(datum.step, datum.wall_time, convert(provider, context, datum))
                        for datum in read[run][tag]
                    )
                    runs[run][tag] = Series(
                        plugin,
                        data_class,
                        series.plugin_content,
                        series.display_name,
                        series.description,
                        points,
                    )
    return runs


def read_runs(logdir: os.PathLike[str] | str, loader: str) -> dict[str, dict[str, Series]]:
    """All that TensorBoard shows of a directory, by one of `LOADERS`: {run: {tag: Series}}."""
    with open_loader(logdir, loader) as provider:
        return read_provider(provider())


@without_warnings
def read_accumulator(directory: os.PathLike[str] | str) -> dict[str, list[Image]]:
    """All images of `EventAccumulator.Images()` of one run: {tag: images}."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing import event_accumulator

    accumulator = event_accumulator.EventAccumulator(
        os.fspath(directory), size_guidance={event_accumulator.IMAGES: 0}
    )
    accumulator.Reload()
    return {
        tag: [
            Image(image.step, image.width, image.height, image.encoded_image_string)
            for image in accumulator.Images(tag)
        ]
        for tag in accumulator.Tags()["images"]
    }


@without_warnings
def read_raw(logdir: os.PathLike[str] | str) -> list[Any]:
    """The events of all files in order, as TensorBoard's protobuf class and unchanged by it."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing import event_file_loader

    return [
        event
        for path in event_files(logdir)
        for event in event_file_loader.LegacyEventFileLoader(str(path)).Load()
    ]


# TensorBoard over HTTP and in a browser.


def fetch_images(fetch: Callable[[str], tuple[str, bytes]]) -> dict[str, dict[str, ServedSeries]]:
    """All images by the plugin's own routes: {run: {tag: ServedSeries}}.

    `fetch` takes a path with a query and returns the content type and the body.
    """
    root = "/data/plugin/images"
    served: dict[str, dict[str, ServedSeries]] = {}
    for run, tags in json.loads(fetch(f"{root}/tags")[1]).items():
        served[run] = {}
        for tag, about in tags.items():
            images = []
            for sample in range(about["samples"]):
                query = urllib.parse.urlencode({"run": run, "tag": tag, "sample": sample})
                for entry in json.loads(fetch(f"{root}/images?{query}")[1]):
                    content_type, data = fetch(f"{root}/individualImage?{entry['query']}")
                    images.append(ServedImage(entry["step"], sample, content_type, data))
            served[run][tag] = ServedSeries(
                about["samples"], about["displayName"], about["description"], tuple(images)
            )
    return served


def fetch_from(base_url: str) -> Callable[[str], tuple[str, bytes]]:
    """A `fetch` for a server that runs elsewhere."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def fetch(path: str) -> tuple[str, bytes]:
        with opener.open(base_url.rstrip("/") + path, timeout=DEADLINE_SECONDS) as response:
            return response.headers["Content-Type"], response.read()

    return fetch


@without_warnings
def read_http(logdir: os.PathLike[str] | str, loader: str) -> dict[str, dict[str, ServedSeries]]:
    """What TensorBoard's application answers over HTTP, called in this process."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend import application
    from werkzeug.test import Client

    tensorboard = _configured(logdir)
    with open_loader(logdir, loader) as provider:
        client = Client(
            application.TensorBoardWSGIApp(
                tensorboard.flags,
                tensorboard.plugin_loaders,
                provider(),
                tensorboard.assets_zip_provider,
            )
        )

        def fetch(path: str) -> tuple[str, bytes]:
            response = client.get(path)
            if response.status_code != 200:
                raise RuntimeError(f"{path}: {response.status}: {response.text}")
            return response.headers["Content-Type"], response.data

        return fetch_images(fetch)


# Readers that are not TensorBoard.


@without_warnings
def read_with_tensorflow(logdir: os.PathLike[str] | str) -> dict[str, dict[str, list[Pixels]]]:
    """The images as TensorFlow reads and decodes them: {run: {tag: pixels}}.

    Records by `tf.data.TFRecordDataset`, which checks their checksums, images by
    `tf.io.decode_png`, with 16 bits where the file has 16. Both wire forms of an image are read; a
    tensor of several images gives several `Pixels` of one step.
    """
    tf = pytest.importorskip("tensorflow")
    runs: dict[str, dict[str, list[Pixels]]] = {}
    for path in event_files(logdir):
        tags = runs.setdefault(path.parent.relative_to(logdir).as_posix(), {})
        for record in tf.data.TFRecordDataset(os.fspath(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                if value.WhichOneof("value") == "image":
                    encoded = [value.image.encoded_image_string]
                elif value.metadata.plugin_data.plugin_name == "images":
                    encoded = list(value.tensor.string_val[2:])
                else:
                    continue
                for png in encoded:
                    depth = tf.uint16 if png[24] == 16 else tf.uint8  # byte 24: IHDR's bit depth
                    array = tf.io.decode_png(png, dtype=depth).numpy()
                    tags.setdefault(value.tag, []).append(Pixels(event.step, array))
    return runs


@without_warnings
def read_with_tbparse(logdir: os.PathLike[str] | str) -> dict[str, dict[str, list[Pixels]]]:
    """The images as tbparse gives them: {run: {tag: pixels}}; it knows `Summary.Image` only."""
    tbparse = pytest.importorskip("tbparse")
    frame = tbparse.SummaryReader(
        os.fspath(logdir), event_types={"images"}, extra_columns={"dir_name"}
    ).images
    runs: dict[str, dict[str, list[Pixels]]] = {}
    for row in frame.to_dict("records"):
        pixels = Pixels(int(row["step"]), np.asarray(row["value"]))
        runs.setdefault(row["dir_name"] or ".", {}).setdefault(row["tag"], []).append(pixels)
    return runs
