"""Advisory locks on event files: whether another process is writing to a directory.

The file that a writer has open is locked with ``flock``. The system releases the lock when the
process ends, in whatever way. ``fcntl`` locks are not used: a process loses them when it closes any
descriptor of the file, and reading its own logs would do that.

Rules:
- A lock is only a hint for a warning. Nothing waits for one, and where there is none (Windows, file
  systems without ``flock``), there is no warning.
- A writer locks its file before it looks for those of others. So of two that start at once, at
  least one sees the other.
- Files of this process, and of the process that it was forked from, are ignored here.
  ``writer/directories.py`` knows about those.
- A forked child shares the lock of its parent. The parent releases it explicitly, so that it ends
  although the child has the descriptor. The child only closes its descriptor.
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

# A process that looks for other writers holds a lock of a new file for some microseconds.
_TRIES, _SECONDS_BETWEEN = 20, 0.0005
# Only the newest files are checked. This misses a process that writes only if so many files were
# begun after its own.
_MOST_FILES = 100

# The process that locked each file: this one, or one that it was forked from. It has no lock, which
# another thread could hold during a fork: all changes are atomic in CPython.
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
    """Release the lock of a file before it is closed; ``descriptor`` is None if it is closed."""
    if identity is None:
        return
    if sys.platform != "win32" and descriptor is not None and _own.get(identity) == os.getpid():
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    # Last: otherwise another thread could take this lock for that of another process.
    _own.pop(identity, None)


def file_of_another_process(directory: str) -> str | None:
    """Return the name of an event file in a directory that another process is writing to."""
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
        # Without waiting, in case it is a FIFO.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) in _own or not stat.S_ISREG(status.st_mode):
            return False
        # Shared, so that two processes that check at the same time do not see each other's lock.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    finally:
        os.close(descriptor)  # this releases the lock, too
    return False
