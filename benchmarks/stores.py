"""What event files in object stores cost, in bytes, requests and objects.

    pip install -e '.[stores]' tensorboardX torch
    python -m benchmarks.stores                 # about five minutes on two cores
    python -m benchmarks.stores --only scalars photos

moto is the store, behind a counter. A day of training is simulated with a store that only counts.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import tbimage
from benchmarks import document, machine
from tbimage.events.storage.objects import Objects, Version
from tests.stores.servers import CountingS3, counting_s3, url_in

__all__ = ["main"]

STORE = "s3://bucket"
_VERSIONS = ("s3fs", "moto", "boto3", "tensorboardX", "torch")
Row = tuple[str, str, str]


_SCALARS = """
import sys
sys.modules["tensorflow"] = None  # the file system of TensorFlow has no S3
{before}
from {module} import SummaryWriter
writer = SummaryWriter({url!r})
for step in range(1000):
    writer.add_scalar("loss", 0.5, step)
    if step % 100 == 99:
        writer.flush()
writer.close()
"""
_WRITERS = {
    "tbimage": ("tbimage.compat.torch", ""),
    "tensorboardX": ("tensorboardX", ""),
    "torch by boto3": ("torch.utils.tensorboard", ""),
    "torch by s3fs": ("torch.utils.tensorboard", 'sys.modules["boto3"] = None'),
}


def scalars(store: CountingS3) -> list[Row]:
    """Measure 1,000 scalars, flushed after each 100."""
    rows = []
    for name, (module, before) in _WRITERS.items():
        store.empty("bucket")
        store.reset_counts()
        program = _SCALARS.format(module=module, before=before, url=url_in(STORE))
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        requests, up = sum(store.requests.values()), store.bytes_up
        size = sum(store.objects().values())
        target = "≤ 5.5×" if name == "tbimage" else ""
        what = f"1,000 scalars, a flush each 100, {name}: bytes up over data"
        fails = "" if done.returncode == 0 else f"; it ended with {done.stderr.splitlines()[-1]!r}"
        reached = f"{up / size:.2f}×, {requests} requests{fails}" if size else f"nothing{fails}"
        rows.append((what, target, reached))
    return rows


class _Counting(Objects):
    """The rules of S3, without contents."""

    grows_from = 5 << 20

    def __init__(self, url: str) -> None:
        self.sizes: dict[str, int] = {}
        self.bytes_up = 0

    def put(self, path: str, data: Any, *_: Any) -> Version:
        self.bytes_up += len(data)
        self.sizes[path] = len(data)
        return Version(len(data))

    def append(self, path: str, data: Any, source: str, size: int, *_: Any) -> Version:
        self.bytes_up += len(data)
        self.sizes[path] = size + len(data)
        return Version(size + len(data))

    def names(self, directory: str) -> list[str]:
        return []


def day(_: CountingS3) -> list[Row]:
    """Simulate a day of 100 scalars every 5 seconds; count uploaded bytes and objects."""
    from tbimage.events.batches import Batch
    from tbimage.events.object_segments import ObjectSegments
    from tbimage.events.records import small_record
    from tbimage.events.segments import SegmentOptions
    from tbimage.events.wire import small_event
    from tbimage.kinds.scalar import summary

    store = _Counting("s3://bucket")
    segments = ObjectSegments(store, "s3://bucket/run", SegmentOptions())
    data = 0
    for upload in range(24 * 3600 // 5):
        records = [
            small_record(small_event(time.time(), upload, summary(f"layer/{number:02}", 0.5, None)))
            for number in range(100)
        ]
        data += sum(map(len, records))
        segments.append(Batch([b"".join(records)], [len(each) for each in records]))
    what = f"a day of 100 scalars every 5 s ({data / 1e6:.0f} MB), simulated"
    return [
        (f"{what}: bytes up over data", "≤ 1.6×", f"{store.bytes_up / data:.2f}×"),
        (f"{what}: objects", f"≤ {80 - -data // (64 << 20)}", str(len(store.sizes))),
    ]


def growth(store: CountingS3) -> list[Row]:
    """Measure the uploads of a run of more than 5 MiB."""
    with tbimage.SummaryWriter(url_in(STORE)) as writer:
        writer.tensor("weights", np.zeros(6 << 20, np.uint8), step=0)
        writer.flush()
        store.reset_counts()
        for step in range(20):
            writer.tensor("weights", np.zeros(100_000, np.uint8), step=step + 1)
            writer.flush()
    requests = sum(store.requests.values()) / 20
    return [
        ("above 5 MiB, 20 × 100 kB: bytes up over data", "≤ 1.1×", f"{store.bytes_up / 2e6:.3f}×"),
        ("above 5 MiB: requests an upload", "≤ 4", f"{requests:.0f}"),
    ]


_PHOTOS = """
import resource, time
import numpy as np
import tbimage
from statistics import median
pictures = [np.random.default_rng(n).integers(0, 256, (350, 340, 3), np.uint8) for n in range(4)]
waits = []
with tbimage.SummaryWriter({url!r}) as writer:
    for step in range({count}):
        started = time.perf_counter()
        writer.image("photo", pictures[step % 4], step=step)
        waits.append(time.perf_counter() - started)
        time.sleep(0.02)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(median(waits) * 1e6, writer.stats().bytes_written, memory)
"""


def photos(store: CountingS3, count: int = 2000) -> list[Row]:
    """Log photographs to the store and to a disk, and compare the times of calls."""
    measured: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        for where, url in (("disk", directory), ("store", url_in(STORE))):
            store.empty("bucket")
            store.reset_counts()
            program = _PHOTOS.format(url=url, count=count)
            printed = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, check=True
            )
            measured[where] = [float(each) for each in printed.stdout.split()]
    disk, own = measured["disk"], measured["store"]
    what = f"{count} photographs ({own[1] / 1e6:.0f} MB)"
    most = 80 - -int(own[1]) // (64 << 20)
    return [
        (f"{what}: bytes up over data", "≤ 1.05×", f"{store.bytes_up / own[1]:.3f}×"),
        (f"{what}: objects", f"≤ {most}", str(len(store.objects()))),
        (f"{what}: caller's p50", f"a disk's: {disk[0]:.0f} µs", f"{own[0]:.0f} µs"),
        (f"{what}: peak RSS", f"a disk's: {disk[2]:.0f} MiB", f"{own[2]:.0f} MiB"),
    ]


def runs(store: CountingS3, count: int = 1000) -> list[Row]:
    """Read many runs."""
    from tests.stores.servers import client_of

    store.empty("bucket")
    with tbimage.SummaryWriter(f"{STORE}/runs/0") as writer:
        for step in range(100):
            writer.scalar("loss", 1.0, step=step)
    ((key, _),) = store.objects().items()
    client = client_of(store)
    body = client.get_object(Bucket="bucket", Key=key)["Body"].read()
    for number in range(1, count):
        client.put_object(Bucket="bucket", Key=key.replace("runs/0/", f"runs/{number}/"), Body=body)
    started = time.perf_counter()
    logs = tbimage.read(f"{STORE}/runs")
    secs = time.perf_counter() - started
    assert len(logs) == count
    return [(f"tbimage.read of {count} runs from moto", "≤ 60 s", f"{secs:.1f} s")]


def tensorboard(store: CountingS3) -> list[Row]:
    """Measure the delay until TensorBoard shows a point, with the defaults of both."""
    from tests.stores.test_tensorboard import seconds_until_shown, tensorboard_on

    rows = []
    for package in ("boto3", "s3fs"):
        store.empty("bucket")
        with tbimage.SummaryWriter(f"{STORE}/runs/a") as writer:
            writer.flush()
            with tensorboard_on(f"{STORE}/runs", package, 5) as address:
                longest = max(seconds_until_shown(address, writer, 6))
        what = f"TensorBoard by {package}, reloading each 5 s: longest until a point is shown"
        rows.append((what, "≤ 10 s", f"{longest:.1f} s"))
    return rows


SECTIONS: dict[str, Callable[[CountingS3], list[Row]]] = {
    "scalars": scalars,
    "day": day,
    "growth": growth,
    "photos": photos,
    "runs": runs,
    "tensorboard": tensorboard,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the part of RESULTS.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stores", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--output", type=Path, help="a directory for RESULTS.md")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    with counting_s3() as store:
        for name in options.only:
            rows += SECTIONS[name](store)
            print(*rows[-3:], sep="\n", file=sys.stderr)
    versions = ", ".join(f"{name} {version(name)}" for name in _VERSIONS)
    lines = [
        "## Object stores",
        "",
        "Made by",
        "",
        "```sh",
        "python -m benchmarks.stores",
        "```",
        "",
        f"{machine.facts()}. {versions}. The store is moto behind a counter of bodies and "
        "requests; a day is simulated with a store that only counts.",
        "",
    ]
    lines += ["| figure | target | reached |", "| --- | ---: | ---: |"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    print("\n".join(lines))
    if options.output is not None:
        document.write_part(options.output, "benchmarks.stores", "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
