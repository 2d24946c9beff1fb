"""The fsspec filesystems of one process.

- Each process makes its own filesystems, because fsspec, aiobotocore and aiohttp do not work after
  a fork.
- The filesystems run on their own event loop. Its executor works even while the interpreter shuts
  down. At that time, asyncio's own executor refuses new calls, so aiohttp could not resolve host
  names.
- Data that another process may change is not cached.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Thread
from typing import Any

from tbimage.events.storage.urls import protocol_of

__all__ = ["filesystem_of"]

# When the program ends, it waits at most this number of seconds for unfinished requests.
_LAST_SECS = 2.0


class _Executor(ThreadPoolExecutor):
    """Runs functions in threads, or in the event loop's thread while the interpreter shuts down."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:  # no thread can be started
            future: Future[Any] = Future()
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)
            return future


_loops: dict[int, asyncio.AbstractEventLoop] = {}
_filesystems: dict[tuple[int, str], Any] = {}


def _event_loop() -> asyncio.AbstractEventLoop:
    pid = os.getpid()
    loop = _loops.get(pid)
    if loop is None:
        new = asyncio.new_event_loop()
        new.set_default_executor(_Executor(4, "tbimage-requests"))
        try:  # before the loop is stored: if no thread can be started, the next call tries again
            Thread(target=_run, args=(new,), name="tbimage-requests", daemon=True).start()
        except BaseException:
            if not new.is_running():
                new.close()
            raise
        loop = _loops.setdefault(pid, new)
        if loop is not new:  # another thread has set the loop
            new.call_soon_threadsafe(new.stop)
    return loop


# In a forked child: an ancestor may have had the same process id.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_loops.clear)
    os.register_at_fork(after_in_child=_filesystems.clear)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def filesystem_of(url: str) -> Any:
    """Return the filesystem of this process for the protocol of a URL."""
    import fsspec
    from fsspec.asyn import AsyncFileSystem

    protocol = protocol_of(url)
    host = "" if protocol in _ONE_FOR_ALL else url.partition("://")[2].partition("/")[0]
    key = os.getpid(), f"{protocol}://{host}"
    found = _filesystems.get(key)
    if found is None:
        kind = fsspec.get_filesystem_class(protocol)
        options = dict(_OPTIONS.get(protocol, dict)())
        if issubclass(kind, AsyncFileSystem):
            options.update(loop=_event_loop(), use_listings_cache=False, skip_instance_cache=True)
        new, _ = fsspec.url_to_fs(url, **options)
        found = _filesystems.setdefault(key, new)
        # Finalizers of gcsfs and adlfs close their sessions. At the end of the program, these
        # finalizers may run before pending data is uploaded. In this case a new filesystem is made.
        weakref.finalize(new, _retire, key)
    return found


def _retire(key: tuple[int, str]) -> None:
    """Forget a filesystem. Wait at most 2 seconds for requests before its session is closed."""
    _filesystems.pop(key, None)
    loop = _loops.get(os.getpid())
    if loop is not None and key[0] == os.getpid() and not _is_in_loop():
        with contextlib.suppress(TimeoutError, FutureTimeoutError):
            asyncio.run_coroutine_threadsafe(_requests(), loop).result(_LAST_SECS)


async def _requests() -> None:
    """Wait for all unfinished requests."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _s3_options() -> dict[str, Any]:
    """Turn off the retries of boto, because the pipeline itself retries."""
    import fsspec.config

    given = fsspec.config.conf.get("s3", {}).get("config_kwargs", {})
    return {"config_kwargs": {"retries": {"total_max_attempts": 1}, **given}}


# For each of these protocols, one filesystem serves all buckets. URLs of other protocols may have a
# host (sftp, abfs).
_ONE_FOR_ALL = frozenset({"s3", "s3a", "gs", "gcs", "memory"})
_OPTIONS: dict[str, Callable[[], dict[str, Any]]] = {"s3": _s3_options, "s3a": _s3_options}
