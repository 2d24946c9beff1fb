"""A summary that a face has been asked for and that is not made yet.

What lives here: the one form in which faces pass summaries on, whether a worker is to make them
(``log``) or the caller gets them as a message (``message``). What does not: what they are
(``pictures.py``, ``series.py``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tbimage.buffers import Piece
from tbimage.kinds.names import check_wall_time
from tbimage.pixels.png.encoder import Run, run_serially
from tbimage.writer.notices import Notices

if TYPE_CHECKING:
    from tbimage.events.messages import Summary
    from tbimage.writer.base import RunWriter

__all__ = ["Draft", "log", "message"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A summary whose arguments are checked.

    Attributes:
        name: What its steps are counted and its findings reported under.
        nbytes: How many bytes a snapshot of its data has.
        take: Takes the snapshot; given who hears of findings and who runs parts of a job, returns
            the function that makes the serialized Summary, as pieces.
    """

    name: str
    nbytes: int
    take: Callable[[Notices, Run], Callable[[], list[Piece]]]


def log(writer: RunWriter, draft: Draft, step: int | None, wall_time: float | None) -> bool:
    """Log a summary, which a worker makes.

    Args:
        writer: Where to.
        draft: The summary.
        step: Its step; None: an automatic one.
        wall_time: Seconds since the epoch; None: now.

    Returns:
        Whether it will be written.

    Example:
        >>> import tbimage, tempfile
        >>> with tbimage.SummaryWriter(tempfile.mkdtemp()) as writer:
        ...     log(writer, Draft("a", 0, lambda notices, run: lambda: []), 0, None)
        True
    """
    name, step, wanted = writer._begin(draft.name, step)
    if not wanted:
        return False
    wall_time = time.time() if wall_time is None else check_wall_time(wall_time)
    run = writer._pipeline.run_parts
    take = partial(draft.take, writer._notices, run)
    return writer._log(name, step, wall_time, _made, draft, take=take)


def _made(make: Callable[[], list[Piece]]) -> list[Piece]:
    return make()


# Of summaries that are made for a caller, and belong to no writer.
_notices = Notices(logging.getLogger("tbimage").log)


def message(draft: Draft) -> Summary:
    """Make a summary here and now.

    Args:
        draft: The summary.

    Returns:
        The message, of ``tbimage.events.messages``.

    Example:
        >>> message(Draft("a", 0, lambda notices, run: lambda: []))
        <BLANKLINE>
    """
    from tbimage.events.messages import Summary

    pieces = draft.take(_notices, run_serially)()
    parsed: Any = Summary.FromString(b"".join(pieces))
    return parsed  # type: ignore[no-any-return]
