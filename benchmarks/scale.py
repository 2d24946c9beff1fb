"""A thousand writers, each with a picture a minute: requests, bytes and objects, and compaction.

    pip install -e '.[stores]'
    python -m benchmarks.scale                          # a thousand writers: about five minutes
    python -m benchmarks.scale --writers 100 --minutes 3

The writers are real, and the stores are a local directory and moto behind a counter, to which all
requests go by HTTP. Minutes are not waited for: a minute ends with a flush of all writers, as an
upload would end it. Costs are computed from the list prices of the stores.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import tbimage
from tbimage.reading.compact import compact
from tests.stores.servers import CountingS3, counting_s3, url_in

__all__ = ["main"]

_MINUTES_OF_A_MONTH = 30 * 24 * 60


@dataclass(frozen=True)
class Prices:
    """List prices of a store in its standard class, in dollars: us-east-1, us-central1, East US."""

    name: str
    writes: float  # a million PUT, POST or LIST requests: class A
    reads: float  # a million GET requests: class B
    storage: float  # a GB and month


PRICES = (
    Prices("Amazon S3", 5.00, 0.40, 0.023),
    Prices("Google Cloud Storage", 5.00, 0.40, 0.020),
    Prices("Azure Blob Storage, hot", 5.00, 0.40, 0.018),
)


def picture(writer: int, minute: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Make a picture of 128×128 that compresses like a photograph."""
    random = np.random.default_rng((writer, minute))
    small = random.integers(0, 256, (16, 16, 3), np.uint8)
    noise = random.integers(0, 16, (128, 128, 3), np.uint8)
    large: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    large = small.repeat(8, 0).repeat(8, 1) // 2 + noise
    return large


def log(root: str, writers: int, minutes: int) -> int:
    """Log from all writers; return the bytes of the event files."""
    opened = [
        tbimage.SummaryWriter(f"{root}/worker-{number:05}", on_full="block", workers=2)
        for number in range(writers)
    ]
    for minute in range(minutes):
        for number, writer in enumerate(opened):
            writer.image("input", picture(number, minute), minute)
        for writer in opened:
            writer.flush()
    size = sum(writer.stats().bytes_written for writer in opened)
    for writer in opened:
        writer.close()
    return size


def simulate(store: CountingS3, writers: int, minutes: int) -> None:
    """Log, read, compact, read again; print what was counted."""
    root, small = url_in("s3://bucket"), url_in("s3://bucket")
    started = time.perf_counter()
    size = log(root, writers, minutes)
    uploads = sum(store.requests.values())
    secs = time.perf_counter() - started
    objects = len(store.objects())
    each = size / writers / minutes
    print(f"{writers} writers, {minutes} minutes: {secs:.0f} s here")
    print(f"  a picture with its event takes {each / 1e3:.1f} kB")
    per_minute = uploads / writers / minutes
    print(f"  requests: {uploads}, {per_minute:.2f} for each writer and minute:")
    print("   ", dict(store.requests))
    print(f"  bytes up: {store.bytes_up / 1e6:.1f} MB, {store.bytes_up / size:.2f} times the data")
    print(f"  objects: {objects}, {objects / writers:.2f} for each writer")
    store.reset_counts()
    done = compact(root, small)
    print(f"compaction: {done.runs} runs, {done.values} values")
    print("   ", dict(store.requests))
    store.reset_counts()
    done = compact(root, small)
    print(f"a second time: {done.unchanged} unchanged")
    print("   ", dict(store.requests))
    tell_costs(writers, per_minute, each)


def tell_costs(writers: int, requests: float, size: float) -> None:
    """Print what ten thousand writers cost in a month."""
    many = 10_000
    monthly = many * requests * _MINUTES_OF_A_MONTH
    stored = many * size * _MINUTES_OF_A_MONTH / 1e9
    print(
        f"{many} writers: {many * requests / 60:.0f} requests/s, {many * size / 60 / 1e6:.1f} MB/s"
    )
    for prices in PRICES:
        print(
            f"  {prices.name}: {monthly / 1e6 * prices.writes:,.0f} $ a month for requests, "
            f"{stored * prices.storage:,.0f} $ for {stored / 1e3:.1f} TB of one month"
        )


def on_a_disk(writers: int, minutes: int) -> None:
    """Log to a local directory; print files and descriptors."""
    with tempfile.TemporaryDirectory() as directory:
        size = log(directory, writers, minutes)
        files = list(Path(directory).rglob("*tfevents*"))
        print(f"a disk: {len(files)} files, {size / 1e6:.1f} MB, {writers} descriptors while open")


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=1000)
    parser.add_argument("--minutes", type=int, default=5)
    options = parser.parse_args(arguments)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    on_a_disk(options.writers, options.minutes)
    with counting_s3() as store:
        simulate(store, options.writers, options.minutes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
