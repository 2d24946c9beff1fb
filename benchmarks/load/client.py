"""The load: HTTP requests over loopback, sent at fixed times or as fast as answers come.

Rules:
- At fixed times, a request is sent when it is due, also if earlier ones are unanswered, and its
  time counts from then. A client that waits for the last answer would not notice that the service
  has stopped.
- Connections stay open and are used in turn, so that each worker process behind the port gets its
  share. A new one is opened if all are in use.
- A request fails if its answer is missing or late, or its status is not 200.
- The client is short, because it runs on the same processors: 0.1 ms for each request.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

__all__ = ["Client", "Outcome", "post"]

# The pause between connections: one worker process would take all that come at once.
_PAUSE_SECS = 0.003
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def post(path: str, body: bytes, content_type: str) -> bytes:
    """Make the bytes of a request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Outcome:
    """The results of some requests.

    Attributes:
        seconds: How long each answer took.
        failed: How many requests failed, by reason.
        elapsed: Seconds from the first request to the last answer.
    """

    seconds: list[float] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    elapsed: float = 0.0

    @property
    def failures(self) -> int:
        """How many requests failed."""
        return sum(self.failed.values())

    @property
    def requests(self) -> int:
        """How many were sent."""
        return len(self.seconds) + self.failures


class Client:
    """Sends one request again and again.

    Args:
        port: Of the service, on the loopback interface.
        request: What is sent; see ``post``.
        timeout: Seconds after which a request has failed.
        connections: How many are opened before the first request.
    """

    def __init__(self, port: int, request: bytes, timeout: float, connections: int) -> None:
        self._port = port
        self._request = request
        self._timeout = timeout
        self._connections = connections
        self._idle: deque[_Connection] = deque()
        self._all: list[_Connection] = []

    async def __aenter__(self) -> Client:
        for _ in range(self._connections):
            self._idle.append(await self._connect())
            await asyncio.sleep(_PAUSE_SECS)
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._all:
            connection.abort()

    async def by_the_clock(self, rate: float, count: int) -> Outcome:
        """Send requests at a rate, and wait for all answers."""
        outcome = Outcome()
        started = asyncio.get_running_loop().time() + 0.01
        await asyncio.gather(
            *(self._send_at(started + number / rate, outcome) for number in range(count))
        )
        outcome.elapsed = asyncio.get_running_loop().time() - started
        return outcome

    async def in_turns(self, at_once: int, seconds: float) -> Outcome:
        """Keep a number of requests running for some seconds."""
        outcome = Outcome()
        started = time.perf_counter()

        async def one_after_another() -> None:
            while time.perf_counter() - started < seconds:
                await self._send(outcome)

        await asyncio.gather(*(one_after_another() for _ in range(at_once)))
        outcome.elapsed = time.perf_counter() - started
        return outcome

    async def _send_at(self, due: float, outcome: Outcome) -> None:
        await asyncio.sleep(due - asyncio.get_running_loop().time())
        await self._send(outcome)

    async def _send(self, outcome: Outcome) -> None:
        started = time.perf_counter()
        try:
            status = await asyncio.wait_for(self._exchange(), self._timeout)
        except (asyncio.TimeoutError, OSError) as error:
            reason = type(error).__name__
        else:
            if status == 200:
                outcome.seconds.append(time.perf_counter() - started)
                return
            reason = f"status {status}"
        outcome.failed[reason] = outcome.failed.get(reason, 0) + 1

    async def _exchange(self) -> int:
        while self._idle and self._idle[0].closed:
            self._idle.popleft()
        connection = self._idle.popleft() if self._idle else await self._connect()
        status = await connection.exchange(self._request)
        self._idle.append(connection)
        return status

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
        self._all.append(connection)
        return connection


class _Connection(asyncio.Protocol):
    """One request at a time; answers have a Content-Length."""

    def __init__(self) -> None:
        self.closed = False
        self._received = bytearray()
        self._answered: asyncio.Future[int] | None = None

    def exchange(self, request: bytes) -> Awaitable[int]:
        """Send a request, and give the status of its answer."""
        self._answered = asyncio.get_running_loop().create_future()
        self._received.clear()
        self._transport.write(request)
        return self._answered

    def abort(self) -> None:
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0 or self._answered is None or self._answered.done():
            return
        length = _LENGTH.search(self._received, 0, end + 2)
        if length is not None and len(self._received) >= end + 4 + int(length[1]):
            self._answered.set_result(int(self._received[9:12]))

    def connection_lost(self, exception: Exception | None) -> None:
        self.closed = True
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exception or ConnectionResetError("closed early"))


#: What asks a client for something.
Ask = Callable[[Client], Awaitable[Outcome]]
