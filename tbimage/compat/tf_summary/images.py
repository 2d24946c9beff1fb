"""``tf.summary.image``: batches of images under one tag, by TF2's rule for pixels.

The rule is that of ``tf.image.convert_image_dtype(…, tf.uint8, saturate=True)``, which divides an
integer by the greatest integer of its type. With integers of 16 bits or more, this rule can make a
picture black or nearly black. A nearly black picture is reported. For int16, and for integers of
32 or 64 bits, there are two exceptions to the rule. If all integers are in 0..255, they are levels.
Otherwise, if some integers are above 0 and all would become black, there is an error.

The rule is also used for uint32 and uint64, which TF2 does not accept. ``kinds/image.py`` converts
floats, bool and uint8 by TF2's rule.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.compat.tf_summary import tracing
from tbimage.compat.tf_summary.scopes import tag_of
from tbimage.compat.tf_summary.state import begin
from tbimage.events import wire
from tbimage.kinds import image as kind
from tbimage.kinds import tensors
from tbimage.kinds.numbers import Array
from tbimage.kinds.options import PictureOptions
from tbimage.kinds.pictures import Prepared, summary
from tbimage.pixels.arrays import array_like
from tbimage.pixels.png.strips import Run
from tbimage.writer import SummaryWriter as RunWriter

_LAYOUT = "[batch, height, width, channels] (pass data[None] of a single image)"

# image() does not have the argument value_range.
_FIX = "Scale them, or log them with tbimage.image, which has value_range"

#: Levels below this number (an eighth of the range) are hard to see on a screen.
_DARK = 32

#: The number of lower bits of an integer that are not part of its level.
_LOWER_BITS = {"uint16": 8, "int16": 7, "int32": 23, "uint32": 24, "int64": 55, "uint64": 56}


def image(
    name: Any, data: Any, step: Any = None, max_outputs: Any = 3, description: Any = None
) -> Any:
    """Log a batch of images with the default writer.

    Args:
        name: The name. The tag begins with the scopes and ends with this name.
        data: [batch, height, width, channels] with 1 to 4 channels (gray, gray and alpha, RGB,
            RGBA): floats from 0 to 1, uint8 or bool. Other integers are divided by the greatest
            integer of their type. But int16 and integers of 32 or 64 bits are levels if all of them
            are from 0 to 255.
        step: An integer or a Variable; None: the default step.
        max_outputs: The largest number of images to log. Further images are left out.
        description: Markdown that TensorBoard shows with the images.

    Returns:
        True if the images are recorded. False if there is no default writer, or if ``record_if``
        leaves the images out. In a graph of TensorFlow, a bool tensor.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: There is a writer but no step, ``data`` has a wrong rank or a wrong number of
            channels, or its integers (not uint16) would all become black.

    Example:
        >>> image("noise", np.zeros((4, 8, 8, 3)), step=0)  # there is no default writer
        False
    """
    tag = tag_of(name, "image_summary")
    tracing.check_rank(data, 4, _LAYOUT)
    return tracing.log(_image, step, tag, data, max_outputs, description)


def _image(step: Any, tag: str, data: Any, max_outputs: Any, description: Any) -> bool:
    begun = begin(tag, step, "an image")
    if begun is None:
        return False
    writer, number = begun
    limit = checks.integer("max_outputs", max_outputs, 0)
    description = checks.description(description)
    array = array_like.as_array(data)
    if array.ndim != 4:
        raise ValueError(f"data must be {_LAYOUT}, got shape {array.shape}")
    if not (array.shape[1] and array.shape[2] and 1 <= array.shape[3] <= 4):
        raise ValueError(
            f"data must have 1 to 4 channels and at least one pixel, got shape {array.shape}; its "
            "axes are batch, height, width and channels"
        )
    if array_like.is_immutable(data, array):
        array.flags.writeable = False  # tells ``kind.prepare`` that no copy is needed
    array = array[:limit]
    levels = as_levels(array, _is_bfloat16(data))
    _report_dark(writer, tag, array, levels)
    metadata = wire.summary_metadata("images", b"", description)
    if not len(levels):
        size = [b"%d" % array.shape[2], b"%d" % array.shape[1]]
        value = tensors.string_value(tag, (2,), size, metadata)
        return writer._log(tag, number, time.time(), wire.summary, [value], cost=0)
    images = kind.prepare(levels, "NHWC", None)
    return writer._log(tag, number, time.time(), partial(_summary, tag), images, metadata, writer)


def _report_dark(writer: RunWriter, tag: str, array: Array, levels: Array) -> None:
    """Report integers that TF2's rule makes nearly black."""
    if array.dtype.name not in _LOWER_BITS or not array.size:
        return
    greatest, brightest = int(array.max()), int(levels.max())
    if brightest < _DARK and brightest < greatest:
        writer._notices.once(
            tag,
            "dark",
            "image %r has %s values up to %d. tf.summary divides them by the type's range, so the "
            "brightest level is %d of 255, nearly black. %s.",
            array.dtype,
            greatest,
            brightest,
            _FIX,
        )


def _summary(tag: str, images: Prepared, metadata: bytes, writer: RunWriter) -> list[Piece]:
    """Make the Summary of ``wire="tensor"`` with TF2's metadata, which has no ``data_class``."""
    # ``summary`` returns [size, head, …, metadata]. The first and the last buffer are replaced.
    options = PictureOptions("tensor")
    report = partial(writer._notices.report, tag, fix=_FIX)
    run: Run = writer._pipeline.run_parts
    _, *value, _ = summary(tag, images, options, run, report)
    return wire.summary([[*value, metadata]])


def _is_bfloat16(data: Any) -> bool:
    dtype = getattr(data, "dtype", None)
    return str(getattr(dtype, "name", dtype)).removeprefix("torch.") == "bfloat16"


def as_levels(pixels: Array, bfloat16: bool = False) -> Array:
    """Turn integers and bfloat16 into levels, by TF2's rules for them.

    ``bfloat16`` is True if the pixels were bfloat16. They are float32 now, because NumPy does not
    have bfloat16. Floats, bool and uint8 are returned unchanged. The module's docstring says which
    integers raise a ValueError.
    """
    if bfloat16:
        levels = _levels_of_bfloat16(pixels)
    elif pixels.dtype.name == "int8":
        levels = np.maximum(pixels, 0).astype(np.uint8) * np.uint8(2)
    elif pixels.dtype.name in _LOWER_BITS:
        levels = _levels_of_integers(pixels)
    else:
        return pixels
    levels.flags.writeable = False  # then no copy is made; no other code uses this array
    return levels


def _levels_of_integers(pixels: Array) -> Array:
    bits = _LOWER_BITS[pixels.dtype.name]
    if pixels.dtype != np.uint16 and pixels.size:
        low, high = int(pixels.min()), int(pixels.max())
        if low >= 0 and high <= 255:
            return pixels.astype(np.uint8)
        if high > 0 and high >> bits == 0:
            raise ValueError(
                "data must be levels from 0 to 255 or use the range of its type, got "
                f"{pixels.dtype} from {low} to {high}, which tf.summary makes black; pass floats "
                "from 0 to 1, or log it with tbimage.image and value_range"
            )
    levels: Array = np.maximum(pixels >> bits, 0).astype(np.uint8)
    return levels


def _levels_of_bfloat16(pixels: Array) -> Array:
    """Return floats that become the same levels as in TF2.

    TF2 multiplies by 255.5 in bfloat16, which rounds 255.5 to 256. In float32, the product with 256
    is exact. The results are floats, so that NaN and infinity are kept.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        levels = (np.trunc(np.clip(pixels * 256, 0, 255)) + 0.5) / np.float32(255.5)
    return np.where(np.isfinite(pixels), levels, pixels)
