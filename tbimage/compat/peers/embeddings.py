"""Check the arguments of ``add_embedding``. The errors use the names of these arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from tbimage.compat.peers.errors import as_peers
from tbimage.compat.peers.pixels import to_levels
from tbimage.kinds.numbers import Array, numeric_array


@as_peers
def check(mat: Any, metadata: Any, label_img: Any, metadata_header: Any) -> dict[str, Any]:
    """Return the arguments of ``SummaryWriter.embedding``."""
    points = numeric_array("mat", mat)
    if points.ndim != 2 or 0 in points.shape:
        raise ValueError(f"mat must be [points, dimensions], got shape {points.shape}")
    labels = None if metadata is None else list(metadata)
    if labels is not None and len(labels) != len(points):
        raise ValueError(
            f"metadata must have one label for each point, got {len(labels)} for {len(points)} "
            "points"
        )
    if labels and metadata_header and len(labels[0]) != len(metadata_header):
        raise ValueError(
            f"metadata_header must name each column of metadata, got {len(metadata_header)} names "
            f"for {len(labels[0])} columns"
        )
    if labels is not None and not metadata_header:
        labels = [str(label) for label in labels]
    return {
        "data": mat,
        "labels": labels,
        "header": metadata_header or None,
        "images": None if label_img is None else _levels(label_img, len(points)),
    }


def _levels(label_img: Any, count: int) -> Array:
    """Return pictures as levels [N, H, W, C]. As in both peers, floats are scaled in float64."""
    images = numeric_array("label_img", label_img)
    if images.ndim != 4:
        raise ValueError(f"label_img must be [points, C, H, W], got shape {images.shape}")
    if len(images) != count:
        raise ValueError(
            f"label_img must have one picture for each point, got {len(images)} for {count} points"
        )
    images = images.transpose(0, 2, 3, 1)
    _, height, width, channels = images.shape
    values = images.astype(np.float64) if images.dtype.kind == "f" else images
    found = to_levels(values.reshape(count * height, width, channels), single=False)
    return found.pixels.reshape(count, height, width, -1)
