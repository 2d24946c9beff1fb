"""Dask: an engine for ``tbimage compact``, and a writer for each worker.

This module needs ``dask`` and ``distributed``: ``pip install 'dask[distributed]'``.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

try:
    import distributed
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "this needs Dask, which is not installed: pip install 'dask[distributed]'", name=error.name
    ) from None

from tbimage.reading.processes import batches, call_each
from tbimage.writer import SummaryWriter
from tbimage.writer.settings import check_logdir

if TYPE_CHECKING:
    from tbimage.reading.compact import Engine

__all__ = ["WorkerWriters", "dask_engine", "worker_writer"]

# The largest number of tasks in the scheduler, so that a million runs do not fill its memory.
_MOST_TASKS = 1000
_PLUGIN = "tbimage-writers"


@contextmanager
def dask_engine(
    address: str | None = None, workers: int | None = None
) -> Iterator[Engine[Any, Any]]:
    """Run ``tbimage.reading.compact`` on Dask. A task copies 1 to 16 runs.

    Args:
        address: The address of a scheduler, such as "tcp://10.0.0.1:8786". The workers
            need tbimage and access to the same paths as this process. If None, worker processes on
            this machine are started, and ended with the block.
        workers: The number of processes to start. Default: one per core.

    Yields:
        An engine for ``compact``.

    Raises:
        OSError: No scheduler answers at the address.
        ValueError: Both ``address`` and ``workers`` are given.

    Example:
        >>> from tbimage.reading.compact import compact
        >>> with dask_engine(workers=2) as engine:  # doctest: +SKIP
        ...     compact("runs", "small", engine=engine)
    """
    if address is not None and workers is not None:
        raise ValueError(
            f"address={address!r} uses workers that run, but workers={workers!r} starts new ones: "
            "pass only one of these arguments"
        )
    if address is not None:
        with distributed.Client(address, set_as_default=False) as client:
            yield _engine(client)
        return
    with (
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,  # hides shutdown errors; errors of tasks are raised
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield _engine(client)


def _engine(client: Any) -> Engine[Any, Any]:
    def engine(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        waiting = iter(batches(items, sum(client.nthreads().values()) or 1))
        call = partial(call_each, function)
        first = client.map(call, list(islice(waiting, _MOST_TASKS)), pure=False)
        done = distributed.as_completed(first, loop=client.loop, with_results=True)
        try:
            for _, results in done:
                for batch in islice(waiting, 1):
                    done.add(client.submit(call, batch, pure=False))
                yield from results
        finally:
            client.cancel(list(done.futures), force=True)

    return engine


class WorkerWriters(distributed.WorkerPlugin):
    """A plugin that gives each Dask worker a writer, and closes the writer when the worker ends.

    Each worker logs to its own run, ``logdir/worker-NAME`` with the name of the worker. The first
    call of ``worker_writer`` makes the run. The threads of a worker share its writer.

    Args:
        logdir: The directory of all runs. All workers must be able to write to it.
        settings: Settings of the ``SummaryWriter``.

    Example:
        >>> def double(number):
        ...     worker_writer().scalar("number", number)
        ...     return 2 * number
        >>> with distributed.Client(processes=False, dashboard_address=None) as client:
        ...     _ = client.register_plugin(WorkerWriters("runs/job"))
        ...     client.gather(client.map(double, range(3)))
        [0, 2, 4]
    """

    name = _PLUGIN

    def __init__(self, logdir: str | os.PathLike[str], **settings: Any) -> None:
        self._logdir = check_logdir(logdir)
        self._settings = settings

    def setup(self, worker: Any) -> None:
        """Prepare the plugin in a worker; Dask calls this."""
        self._run = "worker-" + re.sub(r"[^\w.-]+", "-", str(worker.name)).strip(".-")
        self._writer: SummaryWriter | None = None
        self._lock = threading.Lock()

    def writer(self) -> SummaryWriter:
        """Return the writer of this worker."""
        with self._lock:
            if self._writer is None:
                self._writer = SummaryWriter(f"{self._logdir}/{self._run}", **self._settings)
            return self._writer

    def teardown(self, worker: Any) -> None:
        """Write all pending summaries, and close the writer; Dask calls this at a worker's end."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()


def worker_writer() -> SummaryWriter:
    """Return the writer of the worker that runs this task.

    If ``flush`` of the writer returns True, all summaries of the task are in the file. Without a
    flush, a summary is written after 0.1 seconds (``flush_secs``), or when the worker ends.

    Raises:
        ValueError: The caller is not a Dask task.
        RuntimeError: ``WorkerWriters`` is not registered.

    Example:
        >>> def square(number):
        ...     worker_writer().scalar("number", number)
        ...     return number**2
    """
    plugin = distributed.get_worker().plugins.get(_PLUGIN)
    if plugin is None:
        raise RuntimeError(
            "this worker has no writer: call client.register_plugin(WorkerWriters(logdir)) first"
        )
    writer: SummaryWriter = plugin.writer()
    return writer
