"""Segments without a writer, and functions that read them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tbimage.buffers import Piece
from tbimage.events import messages
from tbimage.events.batches import Batch
from tbimage.events.event_files import EventFiles
from tbimage.events.records import RecordDecoder, frame
from tbimage.events.segments import SegmentOptions, Segments
from tbimage.events.storage import LocalStorage
from tests.events.memory_storage import MemoryStorage


def event(step: int, size: int = 0) -> bytes:
    value = {"tag": "x", "simple_value": 1.0, "node_name": "n" * size}
    return messages.Event(step=step, summary={"value": [value]}).SerializeToString()


def batch_of(steps: Sequence[int], size: int = 0) -> Batch:
    parts = [frame([event(step, size)]) for step in steps]
    pieces: list[Piece] = [piece for part in parts for piece in part]
    return Batch(pieces, [sum(map(len, part)) for part in parts])


def append_all(segments: EventFiles, batch: Batch, attempts: int = 50) -> None:
    """Append all records, and try again after errors."""
    while batch.sizes:
        try:
            batch = batch.without_first(segments.append(batch))
        except OSError:
            attempts -= 1
            if not attempts:
                raise


def contents(storage: MemoryStorage | Path) -> list[bytes]:
    """Return the content of each event file, in the order of their names."""
    if isinstance(storage, MemoryStorage):
        return [bytes(storage.files[name]) for name in sorted(storage.files)]
    return [path.read_bytes() for path in sorted(storage.glob("*tfevents*"))]


def decode(content: bytes) -> list[Any]:
    decoder = RecordDecoder()
    decoder.feed(content)
    events = []
    while (payload := decoder.next_record()) is not None:
        events.append(messages.Event.FromString(payload))
    return events


def steps_of(storage: MemoryStorage | Path) -> list[int]:
    """Return the steps of all events; each file must begin with file_version and hold it once."""
    steps = []
    for content in contents(storage):
        events = decode(content)
        assert [each.file_version for each in events[:1]] in ([], ["brain.Event:2"])
        assert not any(each.file_version for each in events[1:])
        assert not any(each.HasField("session_log") for each in events)
        steps += [each.step for each in events[1:]]
    return steps


def local(tmp_path: Path, **options: Any) -> Segments:
    return Segments(LocalStorage(), os.fspath(tmp_path), SegmentOptions(**options))
