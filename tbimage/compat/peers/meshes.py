"""Make meshes as torch and tensorboardX do: all parts are float32.

TensorBoard casts faces to int32 and colours to uint8 (``tensorboard/plugins/mesh/mesh_plugin.py``),
so the caller may pass them in any number type. The cast to uint8 drops fractions and wraps around.
So floats that are all from 0 to 1, and bools, are first scaled to 0 to 255. Colours outside 0 to
255 are clipped, with a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from tbimage.buffers import Piece
from tbimage.compat.peers.drafts import Draft, check_tag
from tbimage.compat.peers.errors import as_peers
from tbimage.events import wire
from tbimage.events.wire import DATA_CLASS_TENSOR
from tbimage.kinds import mesh as kind
from tbimage.kinds import old_style
from tbimage.kinds.numbers import Array, numeric_array
from tbimage.pixels.png.strips import Run
from tbimage.writer.caller_warnings import warn_caller
from tbimage.writer.notices import Notices


@as_peers
def mesh(
    tag: str,
    vertices: Any,
    colors: Any,
    faces: Any,
    config: Any,
    display_name: str | None = None,
    description: str | None = None,
) -> Draft:
    """Make the ``Draft`` of a mesh.

    ``vertices`` and ``colors`` are [batch, points, 3], ``faces`` is [batch, n, 3]. Colours are from
    0 to 255, or floats from 0 to 1. Faces are whole numbers of any type. ``config`` is the
    configuration of THREE.js. TensorBoard shows ``display_name`` in place of the tag.
    """
    tag = check_tag(tag)
    parts = kind.prepare(
        vertices,
        None if faces is None else _whole(numeric_array("faces", faces)),
        None if colors is None else _levels(tag, numeric_array("colors", colors)),
    )
    numbers, points = parts.parts.get("FACE", np.empty(0)), parts.parts["VERTEX"].shape[1]
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < points):
        raise ValueError(
            f"faces must be indices of points, 0 to {points - 1}, got {numbers.min()} to "
            f"{numbers.max()}"
        )
    if config is not None and not isinstance(config, Mapping):
        raise TypeError(
            f"config_dict must be a dict for THREE.js or None, got {config!r:.80} of type "
            f"{type(config).__name__}"
        )
    json = kind.check_config(config)

    def take(notices: Notices, run: Run) -> Callable[[], list[Piece]]:
        return partial(_summary, tag, parts.snapshot(), json, display_name, description)

    return Draft(kind.first_tag(tag), parts.nbytes, take, "a mesh")


def _whole(faces: Array) -> Array:
    """Return faces as integers; floats must be whole numbers."""
    if faces.dtype.kind != "f":
        return faces
    whole = np.trunc(faces)
    if not np.array_equal(whole, faces):
        raise ValueError("faces must be whole numbers, the indices of points, got fractions")
    return whole.astype(np.int32)


def _levels(tag: str, colors: Array) -> Array:
    """Return colours as uint8, scaled and clipped as the module's docstring says."""
    if not colors.size or colors.dtype == np.uint8:
        return colors
    finite = np.nan_to_num(colors, nan=0.0, posinf=255, neginf=0)
    low, high = finite.min(), finite.max()
    if colors.dtype.kind == "b" or (colors.dtype.kind == "f" and low >= 0 and high <= 1):
        return (finite * 255.5).clip(0, 255).astype(np.uint8)
    if low < 0 or high > 255:
        warn_caller(
            f"colors of mesh {tag!r} are from {low:g} to {high:g}, but 0 to 255, or 0 to 1, is "
            "expected: values outside were clipped. Scale them.",
            UserWarning,
        )
    return finite.clip(0, 255).astype(np.uint8)


def _summary(
    tag: str, mesh: kind.Mesh, config: str, display_name: str | None, description: str | None
) -> list[Piece]:
    from tbimage.events.messages import MeshPluginData, SummaryMetadata
    from tbimage.kinds import tensors

    components = sum(1 << kind.CONTENT_TYPES[part] for part in mesh.parts)
    values = []
    for part, data in mesh.parts.items():
        content = MeshPluginData(
            name=tag,
            content_type=kind.CONTENT_TYPES[part],
            json_config=config,
            shape=data.shape,
            components=components,
        ).SerializeToString()
        metadata = SummaryMetadata(
            plugin_data=SummaryMetadata.PluginData(plugin_name="mesh", content=content),
            display_name=display_name or "",
            summary_description=description or "",
            data_class=DATA_CLASS_TENSOR,
        ).SerializeToString()
        with np.errstate(over="ignore"):
            numbers = data.astype(np.float32)
        values.append(
            old_style.tensor_value(f"{tag}_{part}", numbers, tensors.metadata_field(metadata))
        )
    return wire.summary(values)
