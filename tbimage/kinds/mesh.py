"""Meshes and point clouds: vertices, and optionally faces and colours.

The wire form is that of TensorBoard: one Event with a tensor for each part, under the tags
``name_VERTEX``, ``name_FACE`` and ``name_COLOR`` (``tensorboard/plugins/mesh/metadata.py``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.events import wire
from tbimage.kinds import tensors
from tbimage.kinds.numbers import Array, numeric_array
from tbimage.pixels.arrays import array_like

#: MeshPluginData.ContentType (tensorboard/plugins/mesh/plugin_data.proto).
CONTENT_TYPES = {"VERTEX": 1, "FACE": 2, "COLOR": 3}


@dataclass(frozen=True, slots=True)
class Mesh:
    """The checked arguments of one call."""

    # The arrays "VERTEX", "FACE" and "COLOR", each [batch, points or faces, 3]. They are views of
    # the caller's memory until ``snapshot``.
    parts: Mapping[str, Array]

    @property
    def nbytes(self) -> int:
        """The size of a snapshot in bytes."""
        return sum(part.nbytes for part in self.parts.values())

    def snapshot(self) -> Mesh:
        """Copy all parts."""
        return Mesh({name: array_like.snapshot(part, part) for name, part in self.parts.items()})


def first_tag(name: str) -> str:
    """Return the tag under which the writer counts the steps of a mesh."""
    return f"{name}_VERTEX"


def check_config(config: object) -> str:
    """Return the JSON of a configuration for TensorBoard's mesh dashboard."""
    if config is None:
        return "{}"
    config = checks.mapping("config", config, "a mapping for THREE.js or None")
    try:
        return json.dumps(config, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise TypeError(f"config must contain only values that JSON allows: {error}") from None


def prepare(vertices: object, faces: object, colors: object) -> Mesh:
    """Check shapes and dtypes, and copy nothing."""
    tensors.import_messages()
    parts = {"VERTEX": _batch("vertices", vertices)}
    points = parts["VERTEX"].shape
    if faces is not None:
        parts["FACE"] = _batch("faces", faces)
        if parts["FACE"].dtype.kind not in "iu":
            raise TypeError(f"faces must be integers, got dtype {parts['FACE'].dtype}")
        if parts["FACE"].shape[0] != points[0]:
            raise ValueError(
                f"faces must be given for each mesh of the batch, got {parts['FACE'].shape} for "
                f"vertices of shape {points}"
            )
    if colors is not None:
        parts["COLOR"] = _batch("colors", colors)
        if parts["COLOR"].shape != points:
            raise ValueError(
                f"colors must have the shape of vertices, {points}, got {parts['COLOR'].shape}"
            )
    return Mesh(parts)


def _batch(argument: str, data: object) -> Array:
    array = numeric_array(argument, data)
    if array.ndim not in (2, 3) or array.shape[-1] != 3:
        raise ValueError(f"{argument} must be [n, 3] or [batch, n, 3], got shape {array.shape}")
    return array if array.ndim == 3 else array[None]


def summary(
    name: str,
    mesh: Mesh,
    config: str,
    description: str | None,
    report: Callable[[float, float], None] | None = None,
) -> list[Piece]:
    """Make the Summary of a mesh.

    If colours are clipped, ``report`` gets the smallest and the greatest colour value.
    """
    from tbimage.events.messages import MeshPluginData

    colors = mesh.parts.get("COLOR")
    if report is not None and colors is not None and _are_clipped(colors):
        report(float(np.nanmin(colors)), float(np.nanmax(colors)))
    components = sum(1 << CONTENT_TYPES[part] for part in mesh.parts)
    values = []
    for part, data in mesh.parts.items():
        array = _CONVERTED[part](data, mesh)
        content = MeshPluginData(
            name=name,
            content_type=CONTENT_TYPES[part],
            json_config=config,
            shape=array.shape,
            components=components,
        ).SerializeToString()
        metadata = wire.summary_metadata("mesh", content, description)
        values.append(tensors.value(f"{name}_{part}", array, metadata))
    return wire.summary(values)


def _points(data: Array, mesh: Mesh) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return data.astype(np.float32)


def _faces(data: Array, mesh: Mesh) -> npt.NDArray[np.int32]:
    points = mesh.parts["VERTEX"].shape[1]
    if data.size and not (data.min() >= 0 and data.max() < points):
        raise ValueError(
            f"faces must be indices of points, 0 to {points - 1}, got {data.min()} to {data.max()}"
        )
    return data.astype(np.int32)


def _are_clipped(colors: Array) -> bool:
    """Tell whether clipping changes the level of a float; ``_colors`` checks integers."""
    if colors.dtype.kind != "f" or not colors.size:
        return False
    return bool(np.any((colors * 255.5 <= -1) | (colors * 255.5 >= 256)))


def _colors(data: Array, mesh: Mesh) -> npt.NDArray[np.uint8]:
    """Convert colours as for images: floats have the range 0 to 1, integers 0 to 255."""
    if data.dtype.kind == "f":
        # As in tf.image.convert_image_dtype. NaN becomes 0, because the page cannot mark NaN.
        return (np.nan_to_num(data, nan=0.0) * 255.5).clip(0, 255).astype(np.uint8)
    if data.dtype.kind == "b":
        return np.multiply(data, 255, dtype=np.uint8)
    if data.size and not (data.min() >= 0 and data.max() <= 255):
        raise ValueError(
            f"colors must be integers within 0..255 or floats from 0 to 1, got {data.min()} to "
            f"{data.max()}"
        )
    return data.astype(np.uint8)


_CONVERTED: Mapping[str, Any] = {"VERTEX": _points, "FACE": _faces, "COLOR": _colors}
