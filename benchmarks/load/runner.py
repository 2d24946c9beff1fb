"""Runs the load test: starts the services, and sends the requests.

For each number of worker processes, and in each repeat, the service of each contestant is
restarted. Then they take turns. First come a few seconds of requests at fixed times, at a rate that
leaves processors idle: several turns for "no logging" and tbimage, one for each peer. Then requests
are sent as fast as answers come, and in the first repeat an overload. A service that is not
measured is idle.

Rules:
- Turns are short and their order is reversed each time. So other work of the machine affects all
  contestants, and the median of the turns leaves out the most affected ones.
- Every answered request must have been logged, and the summaries that tbimage counts as written
  must be in its event files. The report names every difference.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from benchmarks.contestants import TBIMAGE
from benchmarks.load.client import Ask, Client, Outcome, post
from benchmarks.load.logs import COUNTS, NONE
from benchmarks.load.processors import busy_secs, cpu_secs, real_time
from benchmarks.load.results import Results
from benchmarks.load.server import Server, serving
from tbimage.reading.events import CorruptFileError, read_run

__all__ = ["FULL", "OVERLOAD", "QUICK", "Sizes", "run"]

#: How many times what the service can do an overload asks for.
OVERLOAD = 10

# The part of one processor that the service without logging uses at fixed times.
_USED_PROCESSOR = 0.5
# Connections to each worker process, on average, so that each gets some.
_CONNECTIONS = 8
_WARM_UP_RATE = 40.0
# The pause after a turn, in which pending pictures are encoded.
_PAUSE_SECS = 0.2
_STOP_SECS = 20.0


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        workers: Numbers of worker processes.
        repeats: How often everything is started anew.
        peer_repeats: How often peers take part.
        turns: How often "no logging" and tbimage take their turn in a repeat; peers do once.
        turn_secs: Of requests by the clock.
        peer_secs: Of the turns of peers, which most of them cannot keep up with.
        full_secs: Of requests as fast as answers come.
        overload_secs: So many seconds' worth of work is asked for within a tenth of that.
        timeout_secs: A request that takes longer has failed: who waits for it has gone by then.
        real_time: Whether, by the clock, the service is served before all else on this machine.
    """

    workers: Sequence[int]
    repeats: int
    peer_repeats: int
    turns: int
    turn_secs: float
    peer_secs: float
    full_secs: float
    overload_secs: float
    timeout_secs: float
    real_time: bool = False


FULL = Sizes(
    workers=(1, 4),
    repeats=2,
    peer_repeats=1,
    turns=6,
    turn_secs=4.0,
    peer_secs=1.5,
    full_secs=1.5,
    overload_secs=2.5,
    timeout_secs=10.0,
)

QUICK = Sizes(
    workers=(1,),
    repeats=1,
    peer_repeats=1,
    turns=3,
    turn_secs=2.0,
    peer_secs=1.0,
    full_secs=1.0,
    overload_secs=1.0,
    timeout_secs=4.0,
)


def run(contestants: Sequence[str], sizes: Sizes) -> Results:
    """Measure.

    Args:
        contestants: Names of those who take part; the first is ``NONE``.
        sizes: How much.
    """
    results = Results()
    request = post("/edges", photograph(), "image/jpeg")
    with tempfile.TemporaryDirectory(prefix="tbimage-load-") as scratch:
        for workers in sizes.workers:
            for repeat in range(sizes.repeats):
                present = contestants if repeat < sizes.peer_repeats else contestants[:2]
                test = _Repeat(results, sizes, request, workers, Path(scratch))
                test.run(present, overload=repeat == 0)
    return results


def photograph() -> bytes:
    """A photograph of 512 × 512, as a JPEG."""
    from benchmarks.columns import COLUMNS

    (pixels,) = COLUMNS["512×512"].make()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


class _Repeat:
    """One repeat with one number of worker processes."""

    def __init__(
        self, results: Results, sizes: Sizes, request: bytes, workers: int, scratch: Path
    ) -> None:
        self._results = results
        self._sizes = sizes
        self._request = request
        self._workers = workers
        self._scratch = scratch
        self._answered: dict[str, int] = defaultdict(int)
        self._failures: dict[str, int] = defaultdict(int)

    def run(self, contestants: Sequence[str], overload: bool) -> None:
        with contextlib.ExitStack() as stack:
            servers = {
                each: stack.enter_context(serving(each, self._workers, self._scratch))
                for each in contestants
            }
            for server in servers.values():
                server.wait()
            rate = self._warm_up(servers)
            self._results.rates.setdefault(self._workers, []).append(rate)
            self._by_the_clock(servers, rate)
            capacity = self._as_fast_as_answers_come(servers)
            if overload:
                self._overload(servers, capacity)
            for contestant, server in servers.items():
                self._end(contestant, server)

    def _warm_up(self, servers: dict[str, Server]) -> float:
        """Give the rate that leaves processors idle."""
        count = _CONNECTIONS * self._workers  # one on each connection
        for contestant, server in servers.items():
            self._ask(contestant, server, lambda client: client.by_the_clock(_WARM_UP_RATE, count))
        processes = servers[NONE].processes()
        before = cpu_secs(processes)
        outcome = self._ask(NONE, servers[NONE], lambda client: client.in_turns(1, 0.5))
        return _USED_PROCESSOR * len(outcome.seconds) / (cpu_secs(processes) - before)

    def _by_the_clock(self, servers: dict[str, Server], rate: float) -> None:
        before = {each: self._results.of(self._workers, each).requests() for each in servers}
        used = dict.fromkeys(servers, 0.0)
        for contestant in self._order(list(servers)):
            used[contestant] += self._turn(contestant, servers[contestant], rate)
        for contestant in servers:
            figures = self._results.of(self._workers, contestant)
            figures.cpu.append(used[contestant] / max(1, figures.requests() - before[contestant]))
            figures.failed += self._failures[contestant]

    def _turn(self, contestant: str, server: Server, rate: float) -> float:
        """Send requests at fixed times; return the processor time."""
        is_peer = contestant not in (NONE, TBIMAGE)
        secs = self._sizes.peer_secs if is_peer else self._sizes.turn_secs
        count = max(1, round(rate * secs))
        processes = server.processes()
        used = 0.0

        async def ask(client: Client) -> Outcome:
            nonlocal used
            started, busy = time.monotonic(), busy_secs()
            own, clients = cpu_secs(processes), time.process_time()
            with real_time(processes) if self._sizes.real_time else contextlib.nullcontext():
                outcome = await client.by_the_clock(rate, count)
                time.sleep(_PAUSE_SECS)
            used = cpu_secs(processes) - own
            others = busy_secs() - busy - used - (time.process_time() - clients)
            elapsed = time.monotonic() - started
            self._results.others.append(max(0.0, others) / elapsed / (os.cpu_count() or 1))
            return outcome

        outcome = self._ask(contestant, server, ask)
        self._results.of(self._workers, contestant).turns.append(outcome.seconds)
        return used

    def _order(self, contestants: list[str]) -> Iterator[str]:
        pair, peers = contestants[:2], contestants[2:]
        for turn in range(self._sizes.turns):
            yield from reversed(pair) if turn % 2 else pair
            if turn == 0:
                yield from peers

    def _as_fast_as_answers_come(self, servers: dict[str, Server]) -> float:
        """Return the requests a second of the service without logging."""
        for contestant, server in servers.items():
            outcome = self._ask(
                contestant, server, lambda client: client.in_turns(8, self._sizes.full_secs)
            )
            throughput = len(outcome.seconds) / outcome.elapsed
            self._results.of(self._workers, contestant).throughput.append(throughput)
        return self._results.of(self._workers, NONE).throughput[-1]

    def _overload(self, servers: dict[str, Server], capacity: float) -> None:
        count = round(capacity * self._sizes.overload_secs)
        for contestant, server in servers.items():
            outcome = self._ask(
                contestant, server, lambda client: client.by_the_clock(OVERLOAD * capacity, count)
            )
            self._results.of(self._workers, contestant).overload = outcome

    def _end(self, contestant: str, server: Server) -> None:
        """End a service, and read its files."""
        # Abandoned requests still take time, and may have been logged.
        all_answered = self._failures[contestant] == 0
        ended = server.stop(_STOP_SECS if all_answered or contestant == TBIMAGE else 0)
        try:
            left = _read(server.directory)
        except CorruptFileError as error:
            self._fault(contestant, str(error))
            return
        figures = self._results.of(self._workers, contestant)
        figures.pictures += left.pictures
        figures.dropped += left.dropped
        if contestant == TBIMAGE and left.pictures != left.written:
            self._fault(contestant, f"{left.pictures} pictures are in the event files: {left}")
        if all_answered and not ended:
            self._fault(contestant, f"did not end upon SIGTERM: {server.last_line()}")
        if all_answered and left.logged != self._answered[contestant]:
            self._fault(contestant, f"{self._answered[contestant]} answers: {left}")

    def _ask(self, contestant: str, server: Server, ask: Ask) -> Outcome:
        print(f"{time.monotonic():8.1f} s  workers {self._workers}: {contestant}", file=sys.stderr)
        outcome = asyncio.run(self._asked(server, ask))
        self._answered[contestant] += len(outcome.seconds)
        self._failures[contestant] += outcome.failures
        return outcome

    async def _asked(self, server: Server, ask: Ask) -> Outcome:
        count = _CONNECTIONS * self._workers
        timeout = self._sizes.timeout_secs
        async with Client(server.port, self._request, timeout, count) as client:
            return await ask(client)

    def _fault(self, contestant: str, fault: str) -> None:
        self._results.faults.append(f"{contestant}, workers {self._workers}: {fault}")


class _Left(NamedTuple):
    """Return the counts of the processes of a service, and the pictures in their event files."""

    logged: int
    written: int
    dropped: int
    pictures: int


def _read(directory: Path) -> _Left:
    runs = sorted(directory.iterdir()) if directory.exists() else []
    counts = [json.loads((run / COUNTS).read_text()) for run in runs if (run / COUNTS).exists()]
    return _Left(
        sum(count["logged"] for count in counts),
        sum(count.get("written", 0) for count in counts),
        sum(count.get("dropped", {}).get("full", 0) for count in counts),
        sum(map(_pictures, runs)),
    )


def _pictures(run: Path) -> int:
    """Count the pictures in the event files of a run, and check every checksum."""
    values: Iterable[bool] = (
        value.HasField("image") for event in read_run(run) for value in event.summary.value
    )
    return sum(values)
