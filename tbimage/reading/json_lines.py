"""Serialize the values of logs to JSON that every program accepts."""

from __future__ import annotations

import json
import math
from typing import Any

__all__ = ["to_json"]


def to_json(value: Any) -> str:
    """Serialize a value to one line of JSON.

    JSON has no NaN, infinities, complex numbers or bytes. Such values become strings, for example
    ``"nan"``.
    """
    return json.dumps(_plain(value), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    is_odd = isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value))
    return str(value) if is_odd else value
