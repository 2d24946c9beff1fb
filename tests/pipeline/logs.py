"""Read the files of a log directory by the format alone, without a loader."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tbimage.events import messages
from tbimage.events.records import RecordDecoder
from tests.readers import event_files, open_loader


def events_of(path: os.PathLike[str] | str) -> list[Any]:
    """Return the events of one file without an incomplete last record; damage is an error."""
    decoder = RecordDecoder()
    decoder.feed(Path(path).read_bytes())
    events = []
    while (payload := decoder.next_record()) is not None:
        events.append(messages.Event.FromString(payload))
    return events


def events_in(logdir: os.PathLike[str] | str) -> list[Any]:
    """Return the events of one run, in the order of the files; directories below it not.

    Each file must begin with file_version, and hold it once.
    """
    found = []
    for path in event_files(logdir):
        if path.parent != Path(logdir):
            continue
        events = events_of(path)
        assert [bool(event.file_version) for event in events[:1]] in ([], [True]), path
        assert not any(event.file_version for event in events[1:]), path
        found += events
    return found


def summaries(logdir: os.PathLike[str] | str) -> list[tuple[str, int]]:
    """Tag and step of every value of one run, in the order of the files; see ``events_in``."""
    return [(value.tag, event.step) for event in events_in(logdir) for value in event.summary.value]


def steps_by_tag(logdir: os.PathLike[str] | str) -> dict[str, list[int]]:
    """The steps of each tag of one run, in the order of the files."""
    found: dict[str, list[int]] = {}
    for tag, step in summaries(logdir):
        found.setdefault(tag, []).append(step)
    return found


def steps(logdir: os.PathLike[str] | str, tag: str) -> list[int]:
    """The steps of one tag of one run, in the order of the files."""
    return steps_by_tag(logdir).get(tag, [])


def runs(logdir: os.PathLike[str] | str) -> list[Path]:
    """Return the directories that hold event files."""
    return sorted({path.parent for path in event_files(logdir)})


def sub_runs(logdir: Path) -> list[Path]:
    """The directories below one that hold event files."""
    return [run for run in runs(logdir) if run != logdir]


def provider_steps(provider: Any) -> dict[str, dict[str, list[int]]]:
    """Return the steps of scalars and images in a DataProvider: {run: {tag: steps}}."""
    from tensorboard.context import RequestContext

    shown: dict[str, dict[str, list[int]]] = {}
    for plugin, read in (
        ("scalars", provider.read_scalars),
        ("images", provider.read_blob_sequences),
    ):
        found = read(RequestContext(), experiment_id="", plugin_name=plugin, downsample=10**6)
        for run, tags in found.items():
            for tag, points in tags.items():
                shown.setdefault(run, {})[tag] = [point.step for point in points]
    return shown


def shown(logdir: os.PathLike[str] | str, loader: str) -> dict[str, dict[str, list[int]]]:
    """Return the steps of scalars and images that one of ``readers.LOADERS`` shows."""
    with open_loader(logdir, loader) as load:
        return provider_steps(load())
