"""Advisory locks on event files. They show whether another process writes to a directory.

A writer locks its open file with ``flock``. The system releases the lock when the process ends,
even if it is killed. ``fcntl`` locks are not used. A process loses them when it closes any
descriptor of the file. A program that reads its own logs does this.

Rules:
- A lock is only used to log a warning. No code waits longer than 10 ms for a lock. On systems
  without locks (Windows, file systems without ``flock``), there is no warning.
- A writer locks its file before it looks for the files of other writers. So if two writers start at
  the same time, at least one of them sees the other.
- This module ignores the open files of this process, also those that it inherited in a fork.
  ``writer/directories.py`` checks these.
- A forked child shares the lock of its parent. If the parent only closed its descriptor, the
  descriptor of the child would keep the lock. So the parent unlocks the file explicitly. The child
  only closes its descriptor.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time

from tbimage.events.names import is_event_file

if sys.platform != "win32":
    import fcntl

__all__ = ["file_of_another_process", "lock", "unlock"]

# How many times a writer tries to lock its new file, and the pause between two attempts. Another
# process that checks the file locks it for some microseconds.
_TRIES, _SECONDS_BETWEEN = 20, 0.0005
# Only this number of the newest files is checked. So an active writer with an older file is not
# found.
_MOST_FILES = 100

# For each file (device and inode), the id of the process that locked the file: this process, or a
# process from which this process was forked. Changes of this dict are atomic in CPython. No lock
# protects the dict: a lock that another thread holds during a fork stays locked in the child.
_own: dict[tuple[int, int], int] = {}


def lock(descriptor: int, identity: tuple[int, int]) -> None:
    """Lock a file that was just created; ``identity`` is its device and inode."""
    if sys.platform == "win32":
        return
    _own[identity] = os.getpid()
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_SECONDS_BETWEEN)
        except OSError:  # the file system has no locks
            return
        else:
            return


def unlock(descriptor: int | None, identity: tuple[int, int] | None) -> None:
    """Release the lock of a file before the file is closed.

    ``descriptor`` is None if the file has no descriptor any more.
    """
    if identity is None or _own.get(identity) != os.getpid():
        return  # a forked child keeps the entry, because its parent may still write to the file
    if sys.platform != "win32" and descriptor is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    # This comes last: ``_is_locked`` (in another thread) must find a locked file in ``_own``.
    _own.pop(identity, None)


def file_of_another_process(directory: str) -> str | None:
    """Find an event file to which another process is writing; return its name, or None."""
    with contextlib.suppress(OSError):
        names = sorted(filter(is_event_file, os.listdir(directory)))
        for name in reversed(names[-_MOST_FILES:]):
            if _is_locked(os.path.join(directory, name)):
                return name
    return None


def _is_locked(path: str) -> bool:
    if sys.platform == "win32":
        return False
    try:
        # O_NONBLOCK: without it, opening a FIFO would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) in _own or not stat.S_ISREG(status.st_mode):
            return False
        # A shared lock, so that two processes can check the same file at the same time.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    finally:
        os.close(descriptor)  # this releases the lock, too
    return False
