"""A thousand writers, each with a picture a minute: requests, bytes and objects, and compaction.

    pip install -e '.[stores]'
    python -m benchmarks.scale                          # a thousand writers, ten minutes
    python -m benchmarks.scale --writers 50 --minutes 5

The writers are real. The store is moto behind a counter, to which all requests go by HTTP. Minutes
are not waited for: a minute ends with a flush of all writers, as an upload would end it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import tbimage
from tbimage.reading.compact import compact
from tests.stores.servers import CountingS3, counting_s3, url_in

__all__ = ["main"]


def picture(writer: int, minute: int) -> NDArray[np.uint8]:
    """Make a picture of 128×128 whose PNG has 30 kB, like that of a photograph."""
    random = np.random.default_rng((writer, minute))
    blocks = random.integers(0, 256, (16, 16, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    noise = random.integers(0, 16, (128, 128, 3), np.uint8)
    return (blocks // 2 + noise).astype(np.uint8)


def tell(what: str, counts: Counter[str], calls: int) -> None:
    """Print how many requests there were for each call."""
    each = ", ".join(f"{count / calls:.2f} {name}" for name, count in sorted(counts.items()))
    print(f"{what}: {sum(counts.values())} requests; each: {each}", flush=True)


def log(store: CountingS3, root: str, writers: int, minutes: int) -> None:
    """Log from all writers, and print the counts."""
    opened = [
        tbimage.SummaryWriter(f"{root}/worker-{number:05}", workers=2) for number in range(writers)
    ]
    tell("opening", store.requests, writers)
    store.reset_counts()
    for minute in range(minutes):
        for number, writer in enumerate(opened):
            writer.image("input", picture(number, minute), minute)
        for writer in opened:
            writer.flush()
    tell("a minute of a writer", store.requests, writers * minutes)
    size = sum(writer.stats().bytes_written for writer in opened)
    print(f"an event: {size / writers / minutes / 1e3:.1f} kB; {len(store.objects())} objects")
    print(f"bytes up: {store.bytes_up / 1e6:.1f} MB, {store.bytes_up / size:.2f} times the data")
    for writer in opened:
        writer.close()


def simulate(store: CountingS3, writers: int, minutes: int) -> None:
    """Log, compact, and compact again."""
    root, small = url_in("s3://bucket"), url_in("s3://bucket")
    log(store, root, writers, minutes)
    for what in ("compaction of a run", "a second time"):
        store.reset_counts()
        started = time.perf_counter()
        done = compact(root, small)
        tell(what, store.requests, writers)
        print(
            f"  {done.runs} runs, {done.unchanged} unchanged, {time.perf_counter() - started:.0f} s"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=1000)
    parser.add_argument("--minutes", type=int, default=3)
    options = parser.parse_args(arguments)
    with counting_s3() as store:
        simulate(store, options.writers, options.minutes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
