"""A ``Draft`` is a summary whose arguments are checked, and which is not encoded yet.

``log`` puts a draft in the pipeline, which encodes it later. ``serialized`` and ``message`` encode
it at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.compat.peers.errors import PeerTypeError
from tbimage.pixels.png.encoder import run_serially
from tbimage.pixels.png.strips import Run
from tbimage.writer.notices import Notices

if TYPE_CHECKING:
    from tbimage.events.messages import Summary
    from tbimage.writer.base import RunWriter

#: The steps of summaries without a tag are counted under this name. Both peers allow an empty tag.
NO_TAG = "(no tag)"


@dataclass(frozen=True, slots=True)
class Draft:
    """A summary whose arguments are checked."""

    name: str  # the name for its steps, its kind and its warnings
    nbytes: int  # the size of a snapshot of its data
    # Takes the snapshot, and returns a function that makes the serialized Summary. The arguments
    # are a writer's ``Notices``, and a ``Run`` that may call parts of the job in parallel.
    take: Callable[[Notices, Run], Callable[[], list[Piece]]]
    # The kind of this summary in TensorBoard, such as "a scalar". All summaries of a name must have
    # the same kind. None: the kind is not checked.
    kind: str | None = None


def check_tag(tag: Any) -> str:
    """Return a tag. As with both peers, a tag may be empty, and None is an empty tag."""
    if tag is None:
        return ""
    try:
        return checks.text("tag", tag)
    except TypeError as error:
        raise PeerTypeError(str(error)) from None


def ready(name: str, pieces: list[Piece], kind: str | None = None) -> Draft:
    """Make a draft of a summary that is already serialized."""
    return Draft(name or NO_TAG, sum(map(len, pieces)), lambda notices, run: lambda: pieces, kind)


def log(writer: RunWriter, draft: Draft, step: int | None, wall_time: float | None) -> bool:
    """Log a draft. A ``step`` of None is automatic. A ``wall_time`` of None is the current time."""
    name, step, wanted = writer._begin(draft.name, step, draft.kind)
    if not wanted:
        return False
    wall_time = time.time() if wall_time is None else checks.wall_time(wall_time)
    run = writer._pipeline.run_parts
    take = partial(draft.take, writer._notices, run)
    return writer._log(name, step, wall_time, _made, draft, take=take)


def _made(make: Callable[[], list[Piece]]) -> list[Piece]:
    return make()


# The ``Notices`` for summaries that are made without a writer.
_notices = Notices(logging.getLogger("tbimage").log)


def serialized(draft: Draft) -> bytes:
    """Make a summary at once, in this thread, and return its bytes."""
    return b"".join(draft.take(_notices, run_serially)())


def message(draft: Draft) -> Summary:
    """Make a summary at once, as a message of ``tbimage.events.messages``."""
    from tbimage.events.messages import Summary

    parsed: Any = Summary.FromString(serialized(draft))
    return parsed  # type: ignore[no-any-return]
