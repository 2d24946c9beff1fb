"""Log the weights of a Keras model as histograms and images, and its embeddings as points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tbimage.integrations.frameworks import needs
from tbimage.writer import SummaryWriter

with needs("keras", "3.6"):
    import keras

__all__ = ["check_names", "learning_rates", "log_embeddings", "log_weights"]

# Keras logs weights with tf.summary.image. This is its default of max_outputs.
_MOST_IMAGES = 3


def log_weights(writer: SummaryWriter, model: Any, step: int, images: bool) -> None:
    """Log a histogram of each weight. If ``images`` is True, also log the weights as images."""
    for layer in model.layers:
        for weight in layer.weights:
            name = weight.path.replace(":", "_")
            values = keras.ops.convert_to_numpy(weight)
            writer.histogram(f"{name}/histogram", values, step)
            if images and "float" in values.dtype.name:  # leaves out seeds of Dropout layers
                _log_image(writer, f"{name}/image", values, step)
    writer.flush()


def _log_image(writer: SummaryWriter, tag: str, values: Any, step: int) -> None:
    """Log a weight as images, with the same order of axes as in Keras's callback."""
    values = values.squeeze()
    if values.ndim == 2 and values.shape[0] > values.shape[1]:
        values = values.T
    elif values.ndim == 3 and keras.config.image_data_format() == "channels_last":
        values = values.transpose(2, 0, 1)  # the last axis becomes the batch axis
    shapes = {1: (1, -1, 1, 1), 2: (1, *values.shape, 1), 3: (*values.shape, 1)}
    batch = values.reshape(shapes.get(values.ndim, values.shape))
    if batch.ndim == 4 and batch.shape[-1] in (1, 3, 4):
        writer.image(tag, batch, step, max_outputs=_MOST_IMAGES, value_range="minmax")


def log_embeddings(
    writer: SummaryWriter,
    model: Any,
    step: int,
    directory: str,
    files: str | Mapping[str, str] | None,
) -> None:
    """Log the vectors of each Embedding layer. Its file has one label in each line."""
    for layer in _embedding_layers(model):
        file = files.get(layer.name) if isinstance(files, Mapping) else files
        labels = None
        if file is not None:
            labels = Path(directory, file).read_text(encoding="utf-8").splitlines()
        vectors = keras.ops.convert_to_numpy(layer.embeddings)
        writer.embedding(layer.name, vectors, step, labels=labels)


def check_names(files: str | Mapping[str, str] | None, model: Any) -> None:
    """Check that each key of ``files`` is the name of an Embedding layer."""
    if isinstance(files, Mapping):
        unknown = sorted(files.keys() - {layer.name for layer in _embedding_layers(model)})
        if unknown:
            raise ValueError(
                "embeddings_metadata must name Embedding layers of the model, got "
                f"{', '.join(map(repr, unknown))}"
            )


def _embedding_layers(model: Any) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)]


def learning_rates(optimizer: Any) -> dict[str, float]:
    """Return the learning rates of an optimizer, or of the optimizers that it contains, by name."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    if hasattr(optimizer, "optimizers"):
        named = {f"learning_rate_{each.name}": each for each in optimizer.optimizers}
    else:
        named = {"learning_rate": optimizer}
    return {
        name: float(keras.ops.convert_to_numpy(each.learning_rate))
        for name, each in named.items()
        if isinstance(each, keras.optimizers.Optimizer)
    }
