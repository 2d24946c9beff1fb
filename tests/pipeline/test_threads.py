"""Many threads, and readers, on one writer: order, the bound on memory, closing under load."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage.events import event_files
from tbimage.writer import sub_runs
from tests import readers
from tests.pipeline import logs

PICTURE = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)


def in_threads(count: int, work: Callable[[int], object]) -> None:
    """Run ``work(number)`` in several threads at once, and raise the first error of any."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class Watch:
    """Reads the counters of a writer all the time, as a health endpoint does."""

    def __init__(self, writer: tbimage.SummaryWriter) -> None:
        self.writer = writer
        self.most_pending = 0
        self.looks = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.wait(0.001):
            stats = self.writer.stats()
            total = stats.written + sum(stats.dropped.values()) + stats.pending_items
            assert stats.logged == total
            assert stats.pending_items >= 0
            self.most_pending = max(self.most_pending, stats.pending_bytes)
            self.looks += 1

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()


@pytest.mark.parametrize("on_full", ["block", "drop"])
def test_sixty_four_threads_keep_their_order_and_the_memory_bound(
    tmp_path: Path, on_full: str
) -> None:
    """2,000 mixed calls each: scalars, images, flushes, with explicit and automatic steps."""
    bound = 300_000
    writer = tbimage.SummaryWriter(
        tmp_path, max_pending_bytes=bound, on_full=on_full, max_file_bytes=1 << 20, workers=4
    )
    accepted: dict[str, list[int]] = {}

    def work(number: int) -> None:
        kept = accepted[f"t{number}"] = []
        for step in range(1980):
            if writer.scalar(f"t{number}", 0.5, step):
                kept.append(step)
            if step % 180 == 0:
                writer.image("shared/picture", PICTURE)
                writer.scalar("shared/scalar", 0.5)
            if step % 990 == 17:
                writer.flush()

    with Watch(writer) as watch:
        in_threads(64, work)
    assert writer.close()
    stats = writer.stats()
    assert stats.written == stats.logged - stats.dropped["full"]
    assert stats.pending_items == stats.pending_bytes == 0
    assert watch.looks > 10
    assert watch.most_pending <= bound
    written = logs.steps_by_tag(tmp_path)
    shared = {tag: written.pop(tag) for tag in ("shared/picture", "shared/scalar")}
    assert written == {tag: steps for tag, steps in accepted.items() if steps}
    for steps in shared.values():
        assert steps == list(range(len(steps)))
    assert sum(map(len, [*written.values(), *shared.values()])) == stats.written
    if on_full == "block":
        assert stats.logged == stats.written == 64 * (1980 + 2 * 11)


def test_a_summary_above_the_bound_is_admitted_alone(tmp_path: Path) -> None:
    """It is admitted although other calls come all the time."""
    writer = tbimage.SummaryWriter(tmp_path, max_pending_bytes=100_000, workers=2)
    over = threading.Event()

    def others(number: int) -> None:
        if number == 0:
            for step in range(5):
                assert writer.image("large", np.zeros((500, 500), np.uint8), step)
            over.set()
        while not over.is_set():
            assert writer.scalar(f"t{number}", 0.5)
            if number % 2:
                assert writer.image(f"t{number}/picture", PICTURE)

    in_threads(6, others)
    assert writer.close()
    assert logs.steps(tmp_path, "large") == list(range(5))


def test_memory_is_bounded(tmp_path: Path) -> None:
    """The kernel reports the memory of a process that logs ten times too much."""
    from tests.pipeline import children

    script = """
import resource, sys
import numpy as np
import tbimage

def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

writer = tbimage.SummaryWriter(sys.argv[1], on_full="drop", max_pending_bytes=32 << 20, workers=2)
picture = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
for step in range(4):
    writer.image("a", picture, step)
writer.flush()
before = megabytes()
for step in range(4, 3000):
    writer.image("a", picture, step)
stats = writer.stats()
assert stats.dropped["full"] > 1000, stats
print(megabytes() - before)
"""
    grown = float(children.run(script, tmp_path).stdout)
    assert grown < 32 + 30  # the memory of two encoders, and memory that malloc keeps


def test_close_under_load(tmp_path: Path) -> None:
    """Calls that returned True are in the file, the others raise, and none waits for ever."""
    for attempt in range(10):
        writer = tbimage.SummaryWriter(tmp_path / str(attempt), max_pending_bytes=50_000)
        accepted: dict[int, list[int]] = {}

        def work(number: int, writer: tbimage.SummaryWriter = writer) -> None:
            kept = accepted[number] = []  # noqa: B023
            if number < 2:
                time.sleep(0.01)
                assert writer.close()
                assert writer.closed
                return
            log = partial(writer.image, f"t{number}", PICTURE)
            if number % 2:
                log = partial(writer.scalar, f"t{number}", 0.5)
            with pytest.raises(RuntimeError, match="is closed"):
                kept.extend(step for step in range(10**9) if log(step))

        in_threads(10, work)
        stats = writer.stats()
        assert stats.pending_items == stats.pending_bytes == 0
        assert stats.logged == stats.written
        for number in range(2, 10):
            assert logs.steps(tmp_path / str(attempt), f"t{number}") == accepted[number]


def test_flush_under_load_confirms_earlier_summaries(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path, workers=2)

    def work(number: int) -> None:
        for step in range(30):
            writer.scalar(f"t{number}", 0.5, step)
            writer.image(f"t{number}/picture", PICTURE, step)
            assert writer.flush(20)
            if step % 10 == 0:
                assert logs.steps(tmp_path, f"t{number}") == list(range(step + 1))
                assert logs.steps(tmp_path, f"t{number}/picture") == list(range(step + 1))

    in_threads(6, work)
    writer.close()


@pytest.mark.parametrize("loader", readers.LOADERS)
def test_tensorboard_reads_while_three_hundred_segments_are_written(
    tmp_path: Path, loader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One reader follows while segments begin and are deleted; another one reads the rest later."""
    shown: dict[str, list[int]] = {}
    monkeypatch.setattr(event_files, "YOUNG_SECS", 100.0)
    writer = tbimage.SummaryWriter(tmp_path, max_file_bytes=120, keep_files=20)
    picture = np.zeros((4, 4), np.uint8)
    with readers.open_loader(tmp_path, loader, live=True) as load:
        for step in range(300):
            writer.scalar("scalar", 0.5, step)
            writer.image(f"image/{step // 10}", picture, step)
            assert writer.flush()
            if step % 50 == 49:

                def has_all() -> bool:
                    shown.update(logs.provider_steps(load()).get(".", {}))
                    images = [each for tag in shown if tag != "scalar" for each in shown[tag]]
                    return shown.get("scalar") == sorted(images) == list(range(step + 1))  # noqa: B023

                readers.wait_until(has_all, f"step {step}")
                age(tmp_path, but=5)  # the reader has them
    stats = writer.stats()
    assert stats.segments >= 300
    assert stats.displaced_files == 0
    writer.close()
    left = readers.event_files(tmp_path)
    assert 20 <= len(left) < 150
    late = logs.shown(tmp_path, loader)["."]
    assert late["scalar"] == logs.steps(tmp_path, "scalar")
    assert late["scalar"][-1] == 299


def age(directory: Path, but: int) -> None:
    """Let all files but the newest look as if nothing had been written to them for an hour."""
    for path in readers.event_files(directory)[:-but]:
        os.utime(path, (time.time() - 3600,) * 2)


# asyncio.


def test_aflush_does_not_block_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.pipeline.faulty import FaultyStorage, healthy

    going_on = threading.Event()
    storage = FaultyStorage(healthy)
    monkeypatch.setattr(sub_runs, "LocalStorage", lambda: storage)

    def hang(operation: str, size: int) -> None:
        assert going_on.wait(20)

    async def main() -> None:
        writer = tbimage.SummaryWriter(tmp_path)
        storage.plan = hang
        writer.image("a", PICTURE, 0)
        assert await writer.aflush(0.05) is False
        flush = asyncio.create_task(writer.aflush())
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert not flush.done()
        going_on.set()
        assert await flush
        assert await writer.aflush(timeout=60)
        writer.image("a", np.full((2, 2), 300), 1)
        with pytest.raises(ValueError, match="value_range"):
            await writer.aflush()
        writer.close()

    asyncio.run(main())
    assert logs.steps(tmp_path, "a") == [0]


def test_tasks_share_a_writer(tmp_path: Path) -> None:
    async def main() -> None:
        writer = tbimage.SummaryWriter(tmp_path)

        async def work(number: int) -> None:
            for step in range(50):
                writer.scalar(f"t{number}", 0.5, step)
                await asyncio.sleep(0)
            assert await writer.aflush()

        await asyncio.gather(*map(work, range(20)))
        writer.close()

    asyncio.run(main())
    for number in range(20):
        assert logs.steps(tmp_path, f"t{number}") == list(range(50))
