"""Call an ASGI application within this process, from any thread, as a server does."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

__all__ = ["Answer", "Client", "serving"]

# Servers hand a body over in pieces.
_PIECE_BYTES = 1 << 16


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks an application that has been started."""

    def __init__(self, application: Any, portal: BlockingPortal) -> None:
        self._application = application
        self._portal = portal

    def get(self, path: str) -> Answer:
        return self._portal.call(self._ask, "GET", path, b"")

    def post(self, path: str, body: bytes) -> Answer:
        return self._portal.call(self._ask, "POST", path, body)

    async def _ask(self, method: str, path: str, body: bytes) -> Answer:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"localhost"), (b"content-length", str(len(body)).encode())],
        }
        starts = range(0, max(len(body), 1), _PIECE_BYTES)
        pieces = iter([body[start : start + _PIECE_BYTES] for start in starts])
        left = len(starts)
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            nonlocal left
            left -= 1
            return {"type": "http.request", "body": next(pieces, b""), "more_body": left > 0}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._application(scope, receive, send)
        start = sent[0]
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(start["status"], headers, body)


@contextlib.contextmanager
def serving(application: Any) -> Iterator[Client]:
    """Start an application, and shut it down behind the block."""
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal:
        lifespan = application.router.lifespan_context(application)
        with portal.wrap_async_context_manager(lifespan):
            yield Client(application, portal)
