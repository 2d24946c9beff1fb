"""Log the images and the latencies of the requests of one process, in a thread."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tbimage.integrations.asgi.bodies import Body, picture_of
from tbimage.integrations.failures import Failures
from tbimage.writer import SummaryWriter
from tbimage.writer.sampling import Keeper

__all__ = ["Log"]

# A histogram is logged after this number of requests or seconds, whichever comes first.
_MOST_LATENCIES, _LATENCY_SECS = 10_000, 10.0
# The memory bound of the bodies in the queue of the thread.
_MOST_WAITING_BYTES = 32 << 20


class Log:
    """The run of one process, and a thread. Only the event loop may call the public methods."""

    def __init__(self, writer: SummaryWriter, keeper: Keeper, failures: Failures) -> None:
        self.writer = writer
        self.requests = 0
        self.skipped: int = 0  # sampled requests left out, because the queue was full
        self._step = 0
        self.failures = failures
        self._keeper = keeper
        self._latencies: list[float] = []
        self._due = time.monotonic() + _LATENCY_SECS
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "tbimage-asgi")

    def wants(self) -> bool:
        """Tell whether to log the images of this request."""
        return self._keeper.wants("pictures")

    def end(self, seconds: float) -> None:
        """Store the latency of a request. Log a histogram if it is due."""
        self._latencies.append(seconds)
        if len(self._latencies) >= _MOST_LATENCIES or time.monotonic() > self._due:
            self._due = time.monotonic() + _LATENCY_SECS
            self._log_latencies()

    def _log_latencies(self) -> None:
        seconds, self._latencies = self._latencies, []
        if seconds:
            self._thread.submit(self._histogram, seconds, self._next_step())

    def _histogram(self, seconds: list[float], step: int) -> None:
        with self.failures:
            self.writer.histogram("requests/seconds", seconds, step)

    def take(self, *bodies: Body | None) -> None:
        """Queue the bodies of a request and its response, or drop them at the memory bound."""
        size = sum(len(piece) for body in bodies if body is not None for piece in body.pieces)
        if self._waiting_bytes + size > _MOST_WAITING_BYTES:
            self.skipped += 1
            return
        self._wait_for(size)
        self._thread.submit(self._pictures, self._next_step(), bodies, size)

    def _wait_for(self, size: int) -> None:
        with self._lock:
            self._waiting_bytes += size

    def _next_step(self) -> int:
        """Return the number of requests so far, but always more than the last step."""
        self._step = max(self._step + 1, self.requests)
        return self._step

    def _pictures(self, step: int, bodies: tuple[Body | None, ...], size: int) -> None:
        try:
            for tag, body in zip(("requests/image", "responses/image"), bodies, strict=True):
                with self.failures:
                    picture = None if body is None else picture_of(body)
                    if picture is not None:
                        self.writer.image(tag, picture, step)
        finally:
            self._wait_for(-size)

    def close(self) -> None:
        """Log all queued data, and close the writer."""
        self._log_latencies()
        self._thread.shutdown()
        self.writer.close()
