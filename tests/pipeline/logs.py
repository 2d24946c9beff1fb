"""What is in the files of a log directory, read by nothing but the format.

What lives here: reading fast and exactly; the loaders of TensorBoard are in tests/readers.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tbimage.events import messages
from tbimage.events.records import RecordDecoder
from tests.readers import event_files


def events_of(path: os.PathLike[str] | str) -> list[Any]:
    """The events of one file; a torn tail is left out, damage is an error."""
    decoder = RecordDecoder()
    decoder.feed(Path(path).read_bytes())
    events = []
    while (payload := decoder.next_record()) is not None:
        events.append(messages.Event.FromString(payload))
    return events


def summaries(logdir: os.PathLike[str] | str) -> list[tuple[str, int]]:
    """Tag and step of every value of one run, in the order of the files; directories below it not.

    Each file must begin with file_version, and hold it once.
    """
    found = []
    for path in event_files(logdir):
        if path.parent != Path(logdir):
            continue
        events = events_of(path)
        assert [bool(event.file_version) for event in events[:1]] in ([], [True]), path
        assert not any(event.file_version for event in events[1:]), path
        found += [(value.tag, event.step) for event in events for value in event.summary.value]
    return found


def steps(logdir: os.PathLike[str] | str, tag: str) -> list[int]:
    """The steps of one tag of one run, in the order of the files."""
    return [step for each, step in summaries(logdir) if each == tag]


def runs(logdir: os.PathLike[str] | str) -> list[Path]:
    """The directories that hold event files."""
    return sorted({path.parent for path in event_files(logdir)})
