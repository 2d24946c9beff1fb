"""Format a logged value as one line of text or as JSON."""

from __future__ import annotations

import datetime
from typing import Any

from tbimage.cli.output import short
from tbimage.reading.tensors import check_repetitions

__all__ = ["as_json", "as_text", "local_time"]


def local_time(wall_time: float) -> str:
    """Format a wall time as date and time, in the local time zone."""
    try:
        return datetime.datetime.fromtimestamp(wall_time).isoformat(" ", "milliseconds")
    except (OverflowError, OSError, ValueError):  # NaN, or a year beyond 9999
        return str(wall_time)


def as_text(kind: str, value: Any, width: int = 100) -> str:
    """Describe a value in one line. Truncate a text to ``width`` characters."""
    if kind == "scalar":
        return f"{value:g}"
    if kind == "image":
        return f"{value.width}×{value.height}, {len(value.encoded)} bytes"
    if kind == "text":
        return short(value.text, width)
    if kind == "histogram":
        return f"{value.num:g} values, {value.min:g} to {value.max:g}, {len(value.buckets)} buckets"
    if kind == "audio":
        label = f", {short(value.label)}" if value.label else ""
        return f"{value.content_type or 'sound'}, {len(value.encoded)} bytes{label}"
    if kind == "tensor":
        shape = "×".join(map(str, value.value.shape)) or "one number"
        return f"{value.value.dtype} {shape}"
    return f"<{kind}>"


def as_json(kind: str, value: Any) -> dict[str, Any]:
    """Return the JSON fields of a value, without the encoded bytes of images and audio."""
    if kind == "scalar":
        return {"value": float(value)}
    if kind == "image":
        about = {"width": value.width, "height": value.height, "sample": value.sample}
        return {**about, "channels": value.channels, "bytes": len(value.encoded)}
    if kind == "text":
        return {"text": value.text}
    if kind == "histogram":
        about = {"min": value.min, "max": value.max, "num": value.num}
        return {**about, "buckets": value.buckets.tolist()}
    if kind == "audio":
        about = {"content_type": value.content_type, "sample": value.sample}
        return {**about, "label": value.label, "bytes": len(value.encoded)}
    if kind == "tensor":
        array = value.value
        check_repetitions(array)
        about = {"dtype": str(array.dtype), "shape": list(array.shape)}
        return {**about, "value": array.tolist()}
    return {}
