"""The callbacks of Keras, compared with the logs of Keras's own callback."""

from __future__ import annotations

import io
import json
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tbimage
from tests import readers
from tests.integrations.programs import HEAVY, require, run

require("keras")
pytestmark = HEAVY

Runs = dict[str, dict[str, readers.Series]]

TRAINING = """
import sys, keras, numpy as np
from tbimage.integrations.keras import ImagesCallback, TensorBoard

keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.Input((8, 8, 1)),
    keras.layers.Conv2D(4, 3, name="conv"),
    keras.layers.Dropout(0.1),
    keras.layers.Flatten(),
    keras.layers.Dense(2, name="out"),
])
model.compile("adam", "mse", metrics=["mae"])
x, y = np.random.rand(32, 8, 8, 1).astype("float32"), np.random.rand(32, 2).astype("float32")
options = dict(histogram_freq=2, write_steps_per_second=True, update_freq=2)
directory = sys.argv[1]


def train(*callbacks):
    data = dict(batch_size=8, validation_data=(x, y), verbose=0)
    model.fit(x, y, epochs=3, callbacks=list(callbacks), **data)
    model.fit(x, y, initial_epoch=3, epochs=5, callbacks=list(callbacks), **data)
    model.evaluate(x, y, batch_size=8, callbacks=list(callbacks), verbose=0)
"""

BOTH = (
    TRAINING
    + """
theirs = keras.callbacks.TensorBoard(directory + "/theirs", **options)
ours = TensorBoard(directory + "/ours", **options)
train(theirs, ours)
assert ours.failures.count == 0
"""
)

OURS = (
    TRAINING
    + """
ours = TensorBoard(directory + "/ours", **options)
train(ours)
assert ours.failures.count == 0
assert "tensorflow" not in sys.modules
print(keras.backend.backend())
"""
)

PICTURES = (
    TRAINING
    + """
import tbimage

weights = TensorBoard(directory + "/weights", histogram_freq=1, write_images=True, update_freq=3)


class Batches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        tbimage.image("batch", x[:1])


def draw(model, data):
    return {"inputs": data, "broken": np.zeros((2, 2, 2, 7))}


pictures = ImagesCallback(
    x[:2], draw, layers=["conv"], kernels=["conv"], log_dir=directory + "/pictures", freq=2
)
data = dict(batch_size=8, epochs=3, verbose=0)
model.fit(x, y, callbacks=[weights, Batches(), pictures], **data)
assert weights.failures.count == 0
assert pictures.failures.count == 2  # "broken", twice
np.save(directory + "/inputs.npy", x[:2])
np.save(directory + "/kernel.npy", keras.ops.convert_to_numpy(model.layers[0].kernel))
"""
)

FAILING = (
    TRAINING
    + """
open(directory + "/file", "w").close()
ours = TensorBoard(directory + "/file", **options)
pictures = ImagesCallback(x[:1], lambda model, data: 1 / 0, log_dir=directory + "/pictures")
train(ours, pictures)
print(ours.failures.count, pictures.failures.count)
"""
)

EMBEDDINGS = """
import sys, keras, numpy as np
from tbimage.integrations.keras import TensorBoard

directory = sys.argv[1]
with open(directory + "/words.tsv", "w") as file:
    print("cat", "dog", "cow", sep="\\n", file=file)
model = keras.Sequential([
    keras.Input((2,)), keras.layers.Embedding(3, 4, name="words"), keras.layers.Flatten(),
    keras.layers.Dense(1),
])
model.compile("sgd", "mse")
x, y = np.array([[0, 1], [2, 1]]), np.zeros((2, 1))
callback = TensorBoard(directory, embeddings_freq=1, embeddings_metadata={"words": "words.tsv"})
model.fit(x, y, epochs=2, callbacks=[callback], verbose=0)
assert callback.failures.count == 0
try:
    model.fit(x, y, callbacks=[TensorBoard(directory, embeddings_freq=1,
              embeddings_metadata={"letters": "words.tsv"})], verbose=0)
except ValueError as error:
    print(error)
"""


def outline(runs: Runs) -> dict[str, dict[str, Any]]:
    """What must be equal, whatever the values are."""
    return {
        run: {
            tag: (series.plugin, series.data_class, series.content, series.steps)
            for tag, series in tags.items()
        }
        for run, tags in runs.items()
    }


def names_weights() -> bool:
    """Tell whether Keras's own callback gives each weight a tag of its own, as ours does."""
    return tuple(map(int, metadata.version("keras").split(".")[:2])) >= (3, 14)


@pytest.fixture(scope="module")
def of_keras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directories `theirs` and `ours` of one training."""
    require("tensorflow", "keras")
    if not names_weights():
        pytest.skip("Keras before 3.14 gives the weights of all layers the same tags")
    directory = tmp_path_factory.mktemp("keras")
    run(BOTH, directory, hide=(), cwd=directory, KERAS_BACKEND="tensorflow")
    return directory


def assert_same_values(theirs: readers.Series, ours: readers.Series) -> None:
    for their, our in zip(theirs.points, ours.points, strict=True):
        if isinstance(their.value, readers.Tensor):
            assert isinstance(our.value, readers.Tensor)
            assert np.allclose(their.value.array(), our.value.array())
        elif isinstance(their.value, tuple):
            assert isinstance(our.value, tuple)
            assert json.loads(their.value[0]) == json.loads(our.value[0])
        else:
            assert their.value == our.value


@pytest.mark.parametrize("loader", ["python", "data_server"])
def test_tags_runs_steps_and_values_are_those_of_keras(of_keras: Path, loader: str) -> None:
    theirs = readers.read_runs(of_keras / "theirs", loader)
    ours = readers.read_runs(of_keras / "ours", loader)
    assert outline(ours) == outline(theirs)
    assert set(ours) == {"train", "validation"}
    for run_name, tags in theirs.items():
        for tag, series in tags.items():
            if not tag.endswith("steps_per_second"):
                assert_same_values(series, ours[run_name][tag])


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_need_no_tensorflow(
    tmp_path: Path, backend: str, request: pytest.FixtureRequest
) -> None:
    require(backend)
    said = run(OURS, tmp_path, cwd=tmp_path, KERAS_BACKEND=backend)
    assert said == f"{backend}\n"
    assert tbimage.read(tmp_path / "ours").runs == ["train", "validation"]
    if names_weights():
        theirs = request.getfixturevalue("of_keras") / "theirs"
        for loader in ("python", "data_server"):
            ours = outline(readers.read_runs(tmp_path / "ours", loader))
            assert ours == outline(readers.read_runs(theirs, loader))


def decoded(series: readers.Series) -> list[np.ndarray]:
    """The first image of each step."""
    images = []
    for point in series.points:
        assert isinstance(point.value, tuple)
        images.append(np.asarray(Image.open(io.BytesIO(point.value[2]))))
    return images


def test_pictures_of_weights_batches_and_predictions(tmp_path: Path) -> None:
    require("jax")
    run(PICTURES, tmp_path, cwd=tmp_path, KERAS_BACKEND="jax")
    weights = readers.read_runs(tmp_path / "weights", "data_server")["train"]
    assert weights["batch"].steps == [3, 6, 9, 12]  # those of the default writer
    # Also of epochs that end between two of these batches.
    assert weights["epoch_loss"].steps == [0, 1, 2]
    assert weights["sequential/conv/kernel/histogram"].steps == [0, 1, 2]
    kernel = np.load(tmp_path / "kernel.npy").squeeze()[..., 0]
    picture = decoded(weights["sequential/conv/kernel/image"])[-1]
    spread = (kernel - kernel.min()) / np.ptp(kernel)
    assert np.abs(picture / 255 - spread).max() <= 1 / 255
    pictures = readers.read_runs(tmp_path / "pictures", "data_server")["."]
    assert {tag: series.steps for tag, series in pictures.items()} == {
        "inputs/image/0": [0, 2],
        "inputs/image/1": [0, 2],
        "feature_maps/conv/image/0": [0, 2],
        "kernels/conv": [0, 2],
    }
    inputs = np.load(tmp_path / "inputs.npy")
    levels = (np.clip(inputs[0, ..., 0], 0, 1) * np.float32(255.5)).astype(np.uint8)
    assert np.array_equal(decoded(pictures["inputs/image/0"])[0], levels)


def test_errors_of_logging_do_not_end_a_training(tmp_path: Path) -> None:
    require("jax")
    counts = run(FAILING, tmp_path, cwd=tmp_path, KERAS_BACKEND="jax").split()
    assert int(counts[0]) > 5
    assert int(counts[1]) == 5


def test_embeddings_have_the_labels_of_their_file(tmp_path: Path) -> None:
    require("jax")
    said = run(EMBEDDINGS, tmp_path, cwd=tmp_path, KERAS_BACKEND="jax")
    assert "embeddings_metadata must name Embedding layers of the model, got 'letters'" in said
    config = (tmp_path / "train" / "projector_config.pbtxt").read_text("utf-8")
    assert config.count("embeddings {") == 2
    (labels,) = {path.read_text("utf-8") for path in tmp_path.glob("train/**/metadata.tsv")}
    assert labels.split() == ["cat", "dog", "cow"]
