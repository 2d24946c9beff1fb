"""One run for several processes: forked children send their summaries to their parent process.

The parent listens on a Unix socket, with one thread for each child that logs. A child makes its
summary, sends it, and waits until the parent has logged it. Only the parent decides automatic
steps.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import struct
import tempfile
import threading
import weakref
from collections.abc import Callable
from multiprocessing.connection import Connection

__all__ = ["Relay"]

logger: logging.Logger = logging.getLogger("tbimage")

#: A function that logs the bytes of a Summary at a step (None: an automatic step) and a time.
Log = Callable[[bytes, "int | None", float], None]

# The header of a message: whether there is a step, the step, and the time. The Summary follows.
_HEAD = struct.Struct("<?qd")

# After this number of seconds without an answer, a child checks whether its parent still runs. This
# is needed only if another child was forked without ``_after_fork_in_child``. That child keeps its
# copies of the sockets open. So other children may not see that the parent has ended.
_PATIENCE_SECONDS = 1.0


class Relay:
    """Accepts summaries of forked children, in the process that made the relay."""

    def __init__(self, log: Log) -> None:
        self._owner = os.getpid()
        self._links: dict[int, _Link] = {}  # by process id, because a fork copies this dict
        directory = tempfile.mkdtemp(prefix="tbimage-")
        self._path = os.path.join(directory, "relay")
        self._sockets: list[socket.socket | Connection] = []
        listener = socket.socket(socket.AF_UNIX)
        self._sockets.append(listener)
        weakref.finalize(self, _close, self._owner, directory, self._sockets)
        listener.bind(self._path)
        listener.listen(128)
        arguments = listener, self._sockets, log
        threading.Thread(target=_accept, args=arguments, name="tbimage-relay", daemon=True).start()
        _relays.add(self)

    @property
    def is_here(self) -> bool:
        """Whether this process made the relay."""
        return os.getpid() == self._owner

    def send(self, summary: bytes, step: int | None, wall_time: float) -> None:
        """Send a summary to the process that made the relay.

        If that process has ended, this raises an OSError or an EOFError. If that process could not
        log the summary, this raises a RuntimeError with the reason.
        """
        pid = os.getpid()
        link = self._links.get(pid)
        if link is None:  # setdefault is atomic, so all threads of a process share one link
            link = self._links.setdefault(pid, _Link(self._path, self._owner, self._sockets))
        link.send(_HEAD.pack(step is not None, step or 0, wall_time) + summary)

    def close_inherited(self) -> None:
        """Close a child's copies of the sockets, so that the child sees when the parent ends."""
        for each in self._sockets:
            each.close()


class _Link:
    """The connection of a child process to the relay."""

    def __init__(self, path: str, owner: int, sockets: list[socket.socket | Connection]) -> None:
        self._path, self._owner, self._sockets = path, owner, sockets
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def send(self, message: bytes) -> None:
        with self._lock:
            connection = self._connection or self._connect()
            # If an interrupt comes before the answer is read, this connection is not used again.
            self._connection = None
            try:
                connection.send_bytes(message)
                while not connection.poll(_PATIENCE_SECONDS):
                    os.kill(self._owner, 0)  # raises ProcessLookupError if the parent has ended
                answer = connection.recv_bytes()
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        if answer:
            raise RuntimeError(answer.decode())

    def _connect(self) -> Connection:
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(self._path)
        except OSError as error:
            client.close()
            raise ConnectionError(str(error)) from None
        connection = Connection(client.detach())
        self._sockets.append(connection)  # a process that this child forks closes its copy
        return connection


def _accept(listener: socket.socket, sockets: list[socket.socket | Connection], log: Log) -> None:
    while True:
        try:
            connection = Connection(listener.accept()[0].detach())
        except OSError:
            return  # the listener was closed
        sockets.append(connection)
        threading.Thread(
            target=_serve, args=(connection, sockets, log), name="tbimage-relay", daemon=True
        ).start()


def _serve(connection: Connection, sockets: list[socket.socket | Connection], log: Log) -> None:
    """Log each summary that arrives, and answer with an empty message or with the error."""
    try:
        while True:
            message = connection.recv_bytes()
            has_step, step, wall_time = _HEAD.unpack_from(message)
            try:
                log(message[_HEAD.size :], step if has_step else None, wall_time)
            except Exception as error:
                connection.send_bytes(f"{type(error).__name__}: {error}".encode())
            else:
                connection.send_bytes(b"")
    except (EOFError, OSError):
        pass  # the child has ended
    finally:
        sockets.remove(connection)
        connection.close()


def _close(owner: int, directory: str, sockets: list[socket.socket | Connection]) -> None:
    if os.getpid() != owner:
        return  # this is a forked child that ends
    listener = sockets[0]
    if isinstance(listener, socket.socket):
        try:
            listener.shutdown(socket.SHUT_RDWR)  # ends accept()
        except OSError:
            pass  # on macOS, close() ends accept()
        listener.close()
    shutil.rmtree(directory, ignore_errors=True)


_relays: weakref.WeakSet[Relay] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for relay in list(_relays):
        relay.close_inherited()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
