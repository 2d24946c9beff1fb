"""Check numbers that are arguments of the adapters: scalars, metrics, steps and times."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tbimage.compat.peers.errors import PeerTypeError, PeerValueError
from tbimage.kinds.numbers import numeric_array
from tbimage.kinds.scalar import check_value


def number(argument: str, value: Any) -> float:
    """Convert a number, or an array or tensor of one element, to a float."""
    shape = getattr(value, "shape", ())
    try:
        if not isinstance(value, (list, tuple)) and shape == ():
            return check_value(value)
        array = numeric_array(argument, value)
    except TypeError:
        raise PeerTypeError(
            f"{argument} must be a real number, or an array or tensor with one number, got "
            f"{value!r:.80} of type {type(value).__name__}"
        ) from None
    if array.size != 1:
        raise PeerValueError(
            f"{argument} must be one number, got shape {array.shape}; pass its mean(), or log it "
            "with add_histogram"
        )
    return float(array.reshape(()))


def check_step(step: Any) -> int:
    """Return ``int(step)``, as the peers do."""
    try:
        return int(step)
    except (TypeError, ValueError, OverflowError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"global_step must be an integer, the number of the training step, got {step!r:.80} "
            f"of type {type(step).__name__}; pass an int"
        ) from None


def check_walltime(walltime: Any) -> float:
    """Return a time as seconds since the epoch."""
    try:
        seconds = math.nan if isinstance(walltime, (str, bytes)) else float(walltime)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if math.isfinite(seconds):
        return seconds
    kind = ValueError if isinstance(walltime, (int, float)) else TypeError
    raise kind(
        "walltime must be finite seconds since the epoch, or None for the current time, got "
        f"{walltime!r:.80} of type {type(walltime).__name__}; for a datetime, pass its timestamp()"
    )


def numbers_by_tag(tag_scalar_dict: Any) -> dict[str, float]:
    """Check the dict of ``add_scalars``, and convert its values to floats."""
    if not isinstance(tag_scalar_dict, Mapping):
        raise PeerTypeError(
            f"tag_scalar_dict must be a dict of tags and numbers, got {tag_scalar_dict!r:.80} of "
            f"type {type(tag_scalar_dict).__name__}"
        )
    for key in tag_scalar_dict:
        if not isinstance(key, str):
            raise PeerTypeError(
                f"tag_scalar_dict must have strings as keys, got {key!r} of type "
                f"{type(key).__name__}; pass {str(key)!r}, which names the line in the chart"
            )
    return {
        key: number(f"tag_scalar_dict[{key!r}]", value) for key, value in tag_scalar_dict.items()
    }
