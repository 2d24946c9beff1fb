"""Ray: an engine for ``tbimage compact``, and run names. ``tune.py`` has the Tune callback."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

try:
    import ray
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "this needs Ray, which is not installed: pip install ray", name=error.name
    ) from None

from tbimage.reading.processes import batches, call_each

if TYPE_CHECKING:
    from tbimage.reading.compact import Engine

__all__ = ["ray_engine", "run_name"]

# The largest number of submitted tasks, so that a million runs do not fill the memory.
_MOST_TASKS = 1000
# A task id has 48 characters. These are the first 16, or 64 bits, which differ between the tasks of
# a job. The others name the actor and the job. An actor id also begins with such bits.
_ID_CHARACTERS = 16


@contextmanager
def ray_engine(
    address: str | None = None, workers: int | None = None
) -> Iterator[Engine[Any, Any]]:
    """Run ``tbimage.reading.compact`` on Ray. A task copies 1 to 16 runs.

    Args:
        address: As for ``ray.init``: "auto", "10.0.0.1:6379", or "ray://10.0.0.1:10001". Each node
            needs tbimage and access to the same paths as this process. If None, the environment
            variable RAY_ADDRESS is used, or else a Ray cluster that runs on this machine. If there
            is neither, Ray is started here. If this process is already connected to Ray, that
            connection is used, and both arguments are ignored.
        workers: Start Ray on this machine, with this number of parallel tasks. If None, and if Ray
            must be started, it runs one task for each processor.

    Yields:
        An engine for ``compact``.

    Raises:
        ConnectionError: No Ray cluster answers at the address.
        ValueError: Both ``address`` and ``workers`` are given.

    Example:
        >>> from tbimage.reading.compact import compact
        >>> with ray_engine(workers=2) as engine:  # doctest: +SKIP
        ...     compact("runs", "small", engine=engine)
    """
    if address is not None and workers is not None:
        raise ValueError(
            f"address={address!r} uses a Ray that runs, but workers={workers!r} starts a new Ray: "
            "pass only one of these arguments"
        )
    if ray.is_initialized():
        yield _engine
        return
    local = {} if workers is None else {"address": "local", "num_cpus": workers}
    given = {} if address is None else {"address": address}
    ray.init(**local, **given, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        yield _engine
    finally:
        ray.shutdown()


def _engine(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
    task = ray.remote(call_each)
    waiting = iter(batches(items, int(ray.cluster_resources().get("CPU", 1)) or 1))
    pending = [task.remote(function, batch) for batch in islice(waiting, _MOST_TASKS)]
    try:
        while pending:
            done, pending = ray.wait(pending)
            pending += [task.remote(function, batch) for batch in islice(waiting, len(done))]
            yield from chain.from_iterable(ray.get(done))
    finally:
        for reference in pending:
            ray.cancel(reference)


def run_name() -> str:
    """Return a run name for the calling task or actor.

    The name has two parts, as in ``train-1a2b3c4d5e6f7a8b``: the name of the function, class or
    actor, and the first characters of the id. All methods of an actor get the same name, even after
    a restart. A task also gets the same name if Ray retries it. Outside of tasks and actors, the
    name is ``driver``. A new cluster of Ray gives its tasks the same ids again, so give each job a
    log directory of its own.

    Example:
        >>> import tbimage
        >>> @ray.remote  # doctest: +SKIP
        ... def train(rate):
        ...     with tbimage.SummaryWriter(f"/shared/runs/{run_name()}") as writer:
        ...         writer.scalar("loss", 0.5)
        >>> run_name()
        'driver'
    """
    if not ray.is_initialized():  # reading the context would start Ray
        return "driver"
    context = ray.get_runtime_context()
    task, actor = context.get_task_id(), context.get_actor_id()
    if task is None:
        return "driver"
    parts = context.get_task_function_name().split(".")  # module.function, module.Class.method
    name = parts[-1] if actor is None else context.get_actor_name() or parts[-2]
    safe = re.sub(r"[^\w.-]+", "-", name).strip(".-")
    return f"{safe}-{(actor or task)[:_ID_CHARACTERS]}"
