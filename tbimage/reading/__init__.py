"""Read event files back: tbimage's own and anybody else's.

This package stands on ``tbimage.events`` and knows nothing of writers. Its functions are imported
from here; each file says in its opening lines what lives there.
"""

from __future__ import annotations

from tbimage.reading.events import CorruptFileError, read_events, read_run

__all__ = ["CorruptFileError", "read_events", "read_run"]
