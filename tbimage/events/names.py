"""Names of event files. Readers sort the names to find the order in which files were written.

Rules, and their reasons:

- Readers treat a file as an event file if its name contains ``tfevents``
  (``io_wrapper.IsTensorFlowEventsFile``, ``logdir.rs``). So in tbimage, only the names of event
  files contain ``tfevents``.
- Both loaders of TensorBoard read the files of a directory in the order of their names. The Python
  loader never goes back to an earlier file. So a new name sorts after all names of this form in the
  directory, even if the clock was set back.
- The seconds and the number are padded with zeros. Otherwise ``.10`` would sort before ``.9``, and
  the data server would drop points.
- Two processes never write to the same file. A name contains the host, the process and a number,
  and files are created with O_EXCL.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

_PREFIX = "events.out.tfevents."
# {seconds since the epoch}.{host}.{process}.{number}{suffix}. Names from other libraries also
# begin with the first two parts.
_NAME = re.compile(r"events\.out\.tfevents\.(?P<seconds>\d{10})\.(?P<rest>.*)", re.DOTALL)
_OWN_REST = re.compile(r"[\w.-]+\.\d+\.\d{6}(?P<suffix>\D.*)?", re.ASCII)
_LAST_NUMBER = 999_999
_LAST_SECOND = 9_999_999_999
# A file name has at most 255 bytes (NAME_MAX), but a host name can have 253 bytes.
_LONGEST_HOST = 64


def is_event_file(name: str) -> bool:
    """Tell whether TensorBoard reads a file of this name."""
    return "tfevents" in name


def is_own_name(name: str, suffix: str) -> bool:
    """Tell whether a name was made by ``next_name``. Retention deletes only such files."""
    match = _NAME.fullmatch(name)
    own = _OWN_REST.fullmatch(match["rest"]) if match is not None else None
    return own is not None and (own["suffix"] or "") == suffix


def host_name(name: str | None = None) -> str:
    """Return the name of this machine; ``-`` replaces characters that are unsafe in file names."""
    if name is None:
        name = os.uname().nodename if hasattr(os, "uname") else _name_of_windows()
    return re.sub(r"[^\w.-]", "-", name, flags=re.ASCII)[:_LONGEST_HOST].strip(".") or "localhost"


def _name_of_windows() -> str:
    import socket  # here, because the import takes 2 ms

    return socket.gethostname()


def next_name(existing: Iterable[str], now: float, host: str, process: int, suffix: str) -> str:
    """Choose a name that sorts after existing names of this form; ``now``: secs since the epoch.

    If no name can sort after a name, because its seconds are the greatest of ten digits, the new
    name sorts after the other names.
    """
    found = [match for name in existing if (match := _NAME.fullmatch(name)) is not None]
    for last in sorted(found, key=lambda match: match[0], reverse=True):
        seconds = int(last["seconds"])
        if seconds < int(now):
            break
        own = re.fullmatch(rf"{re.escape(host)}\.{process}\.(\d{{6}})(?:\D.*)?", last["rest"])
        number = int(own[1]) + 1 if own is not None else 0
        candidate = _name(seconds, host, process, number, suffix)
        if number <= _LAST_NUMBER and candidate > last[0]:
            return candidate
        if seconds < _LAST_SECOND:
            return _name(seconds + 1, host, process, 0, suffix)
    return _name(max(int(now), 0), host, process, 0, suffix)


def _name(seconds: int, host: str, process: int, number: int, suffix: str) -> str:
    return f"{_PREFIX}{seconds:010d}.{host}.{process}.{number:06d}{suffix}"
