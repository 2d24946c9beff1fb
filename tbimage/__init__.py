"""Write TensorBoard event files without TensorFlow.

``SummaryWriter`` logs images, scalars and more to a run directory. The functions ``image``,
``scalar``, … log with a default writer, as in ``tf.summary``. Importing this package imports no
other module. The module of a name is imported when the name is first used.

Example:
    >>> import numpy, tempfile, tbimage
    >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     writer.image("noise", numpy.random.default_rng(0).random((64, 64, 3)), step=0)
    True
"""

from __future__ import annotations

__version__ = "0.1.0"

# Each public name and the module that has it.
_HOMES = {
    "Keep": "writer.sampling",
    "KindWarning": "writer.steps",
    "SummaryWriter": "writer",
    "Stats": "writer.stats",
    "StepWarning": "writer.steps",
    "TwoWritersWarning": "writer.directories",
    "audio": "summary",
    "create_file_writer": "summary",
    "every_n_steps": "writer.conditions",
    "every_seconds": "writer.conditions",
    "flush": "summary",
    "gallery": "reading.gallery",
    "get_step": "writer.defaults",
    "graph": "summary",
    "histogram": "summary",
    "image": "summary",
    "read": "reading.logs",
    "record_if": "writer.conditions",
    "scalar": "summary",
    "set_font": "fonts",
    "set_step": "writer.defaults",
    "text": "summary",
    "write": "summary",
}

__all__ = [
    "Keep",
    "KindWarning",
    "Stats",
    "StepWarning",
    "SummaryWriter",
    "TwoWritersWarning",
    "audio",
    "create_file_writer",
    "every_n_steps",
    "every_seconds",
    "flush",
    "gallery",
    "get_step",
    "graph",
    "histogram",
    "image",
    "read",
    "record_if",
    "scalar",
    "set_font",
    "set_step",
    "text",
    "write",
]

# Type checkers treat this name like typing.TYPE_CHECKING. Importing typing takes longer than
# importing this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from tbimage.fonts import set_font
    from tbimage.reading.gallery import gallery
    from tbimage.reading.logs import read
    from tbimage.summary import (
        audio,
        create_file_writer,
        flush,
        graph,
        histogram,
        image,
        scalar,
        text,
        write,
    )
    from tbimage.writer import SummaryWriter
    from tbimage.writer.conditions import every_n_steps, every_seconds, record_if
    from tbimage.writer.defaults import get_step, set_step
    from tbimage.writer.directories import TwoWritersWarning
    from tbimage.writer.sampling import Keep
    from tbimage.writer.stats import Stats
    from tbimage.writer.steps import KindWarning, StepWarning


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tbimage' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"tbimage.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
