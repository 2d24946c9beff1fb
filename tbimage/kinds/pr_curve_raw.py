"""Precision and recall that the caller has computed, in the wire form of ``pr_curve.py``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tbimage.kinds import tensors
from tbimage.kinds.numbers import numeric_array


def prepare(rows: Mapping[str, object]) -> npt.NDArray[np.float32]:
    """Make an array [rows, thresholds] from named rows, which are in the order of the wire form."""
    tensors.import_messages()
    found = {name: numeric_array(name, row) for name, row in rows.items()}
    shapes = {name: row.shape for name, row in found.items()}
    first = next(iter(shapes.values()))
    if len(set(shapes.values())) > 1 or len(first) != 1 or first[0] < 2:
        shown = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"each row must have one number for each threshold, at least 2, got shapes: {shown}"
        )
    return np.stack(list(found.values())).astype(np.float32)
