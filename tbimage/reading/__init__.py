"""Read event files of tbimage and of all other writers.

``read`` gives runs, tags and values; ``read_events`` and ``read_run`` give the raw events. Most
names are imported when they are first used, so a program that only reads raw events does not
import NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tbimage.reading.events import CorruptFileError, read_events, read_run

if TYPE_CHECKING:
    from tbimage.reading.damage import Damage
    from tbimage.reading.images import Image
    from tbimage.reading.items import Audio, Histogram, HParams, Tensor, Text
    from tbimage.reading.logs import Logged, Logs, read
    from tbimage.reading.runs import Run, Tag
    from tbimage.reading.series import Scalars, Series

# Names that are not imported above, and the modules that define them.
_HOMES = {
    "Audio": "items",
    "Damage": "damage",
    "HParams": "items",
    "Histogram": "items",
    "Image": "images",
    "Logged": "logs",
    "Logs": "logs",
    "Run": "runs",
    "Scalars": "series",
    "Series": "series",
    "Tag": "runs",
    "Tensor": "items",
    "Text": "items",
    "read": "logs",
}

__all__ = [
    "Audio",
    "CorruptFileError",
    "Damage",
    "HParams",
    "Histogram",
    "Image",
    "Logged",
    "Logs",
    "Run",
    "Scalars",
    "Series",
    "Tag",
    "Tensor",
    "Text",
    "read",
    "read_events",
    "read_run",
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tbimage.reading' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"tbimage.reading.{home}"), name)
    globals()[name] = value
    return value
