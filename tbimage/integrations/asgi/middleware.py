"""Middleware for ASGI services. It logs sampled images and latencies, and serves counters.

Rules:
- A request never waits for logging, and a logging error never makes a request fail. The middleware
  only stores the bodies of requests and responses. A thread logs them after the response.
- Three limits bound the memory: the size of a body, the bytes in the queue of the thread, and the
  pending bytes of the writer.
- Each process has its own run. The process opens the run on lifespan startup or at the first
  request, and closes it on lifespan shutdown.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tbimage import checks
from tbimage.events.names import host_name
from tbimage.integrations.asgi.bodies import Body
from tbimage.integrations.asgi.log import Log
from tbimage.integrations.failures import Failures
from tbimage.writer import SummaryWriter
from tbimage.writer.sampling import Keep, Keeper
from tbimage.writer.settings import Settings, check_logdir

__all__ = ["TensorBoardMiddleware"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

# The messages that contain the body of a response, or the path of a file with the body.
_BODIES = frozenset({"http.response.body", "http.response.pathsend", "http.response.zerocopysend"})

# With these settings, a slow or full disk never blocks the service or makes it fail. The size of a
# run is limited.
_SETTINGS: dict[str, Any] = {
    "on_full": "drop",
    "on_error": "log",
    "workers": 1,
    "max_pending_bytes": 64 << 20,
    "max_file_bytes": 64 << 20,
    "keep_files": 8,
    "close_timeout": 10.0,
}


class TensorBoardMiddleware:
    """Log a sample of the images in requests and responses, and the latencies of all requests.

    An image is a body with the content type of an image, or the first image of a multipart form.
    PNG, JPEG, GIF and BMP are stored unchanged. If a request is sampled, its image is logged as
    ``requests/image``, and the image of its response as ``responses/image``. The step is about the
    number of requests so far. ``requests/seconds`` has histograms of the latencies in seconds.

    Args:
        app: The ASGI application. You can wrap the application of any framework. You can also pass
            this class to ``add_middleware`` of FastAPI or Starlette.
        logdir: The directory of all runs. The name of a run consists of the start time, the host
            name and the process id.
        keep: Which requests with images are logged. The default is ``Keep(reservoir=10)``, which
            logs about 125 of the first million. ``Keep(every=1)`` logs all.
        stats_path: The URL path that serves counters as JSON. Default "/tbimage/stats". If None,
            the counters are not served.
        max_body_bytes: The image of a larger body is not logged. Default 4 MiB.
        settings: Settings of ``tbimage.SummaryWriter``. This class has other defaults:
            ``on_full="drop"``, ``on_error="log"``, ``workers=1``, ``max_pending_bytes=64 << 20``,
            ``max_file_bytes=64 << 20``, ``keep_files=8``, ``close_timeout=10``.

    Attributes:
        failures: ``failures.count`` is the number of logging errors.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: ``logdir`` is empty, ``max_body_bytes`` is below 1, or ``stats_path`` does not
            begin with "/".

    Example:
        >>> from tbimage.integrations.asgi import TensorBoardMiddleware
        >>> async def service(scope, receive, send):
        ...     await send({"type": "http.response.start", "status": 200, "headers": []})
        ...     await send({"type": "http.response.body", "body": b"hello"})
        >>> app = TensorBoardMiddleware(service, "runs/service")
    """

    def __init__(
        self,
        app: Application,
        logdir: str | os.PathLike[str],
        *,
        keep: Keep | None = None,
        stats_path: str | None = "/tbimage/stats",
        max_body_bytes: int = 4 << 20,
        **settings: Any,
    ) -> None:
        if keep is not None and not isinstance(keep, Keep):
            raise TypeError(f"keep must be a tbimage.Keep or None, got {checks.given(keep)}")
        if stats_path is not None and not checks.text("stats_path", stats_path).startswith("/"):
            raise ValueError(f"stats_path must begin with '/', got {stats_path!r}")
        self.failures: Failures = Failures("asgi.TensorBoardMiddleware")
        self._app = app
        self._logdir = check_logdir(logdir)
        self._keep = keep or Keep(reservoir=10)
        self._stats_path = stats_path
        self._most_bytes = checks.integer("max_body_bytes", max_body_bytes, 1)
        self._settings = {**_SETTINGS, **settings}
        Settings(**self._settings)  # raises an error now, not in a request
        self._log: Log | None = None
        self._broken = False  # True if the run could not be opened; not tried again

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan of the application."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._closing(send))
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == self._stats_path and scope["method"] in ("GET", "HEAD"):
            await self._answer_stats(send)
        else:
            log = self._open()
            if log is None:
                await self._app(scope, receive, send)
            else:
                await _serve(self._app, log, scope, receive, send, self._most_bytes)

    def _closing(self, send: Send) -> Send:
        """Wrap ``send``: open the run on lifespan startup, and close it on lifespan shutdown."""

        async def send_and_close(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._open()
            elif message["type"].startswith("lifespan.shutdown.") and self._log is not None:
                with self.failures:
                    self._log.close()
                self._log = None
            await send(message)

        return send_and_close

    def _open(self) -> Log | None:
        """Return the run of this process. Open it in the first call. Return None if this fails."""
        if self._log is None and not self._broken:
            self._broken = True
            with self.failures:
                run = f"{time.strftime('%Y%m%d-%H%M%S')}-{host_name()}-{os.getpid()}"
                writer = SummaryWriter(os.path.join(self._logdir, run), **self._settings)
                self._log = Log(writer, Keeper({"*": self._keep}), self.failures)
                self._broken = False
        return self._log

    async def _answer_stats(self, send: Send) -> None:
        log = self._open()
        counters: dict[str, Any] = {"healthy": False, "failures": self.failures.count}
        if log is not None:
            counters |= {
                "run": os.path.basename(log.writer.logdir),
                "requests": log.requests,
                "skipped": log.skipped,
            }
            counters |= dataclasses.asdict(log.writer.stats())
        body = json.dumps(counters).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _serve(
    app: Application, log: Log, scope: Message, receive: Receive, send: Send, most_bytes: int
) -> None:
    """Serve a request. If the request is sampled, queue its body and the body of its response."""
    began = time.perf_counter()
    asked: Body | None = None
    answered: Body | None = None
    # None means undecided: the request has no image, but the response may have one.
    wanted: bool | None = None
    log.requests += 1
    with log.failures:
        asked = Body.of(scope["headers"], most_bytes)
        wanted = log.wants() if asked is not None else None

    async def receive_and_keep() -> Message:
        message = await receive()
        if asked is not None and message["type"] == "http.request":
            with log.failures:
                asked.add(message.get("body", b""), message.get("more_body", False))
        return message

    async def send_and_keep(message: Message) -> None:
        with log.failures:
            look_at(message)
        await send(message)

    def look_at(message: Message) -> None:
        nonlocal answered, wanted
        kind = message["type"]
        if kind == "http.response.start" and wanted is not False:
            answered = Body.of(message.get("headers", ()), most_bytes)
            if answered is not None and wanted is None:
                wanted = log.wants()
        elif kind in _BODIES:
            more = message.get("more_body", False)
            if answered is not None and wanted and kind == "http.response.body":
                answered.add(message.get("body", b""), more)
            if not more:
                log.end(time.perf_counter() - began)

    try:
        await app(scope, receive_and_keep if wanted else receive, send_and_keep)
    finally:
        if wanted:
            with log.failures:
                log.take(asked, answered)
