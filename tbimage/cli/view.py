"""Start TensorBoard on a run directory, in a separate process."""

from __future__ import annotations

import importlib.util
import re
import shlex
import signal
import subprocess
import sys
import threading
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import IO

__all__ = ["INSTALL", "check_installed", "how_to_see", "is_installed", "served", "view"]

#: The command that installs TensorBoard.
INSTALL = "pip install tensorboard"  # tbimage[view] is not on a package index yet

# By default, TensorBoard keeps and shows this number of images of a tag
# (tensorboard/backend/event_processing/data_ingester.py, tensorboard/data/server/run.rs,
# tensorboard/plugins/metrics/metrics_plugin.py).
_IMAGES_SHOWN = 10

# The line that TensorBoard prints to stderr when its port is open (tensorboard/program.py of 2.21).
_ADDRESS = re.compile(r"TensorBoard \S+ at (http://\S+)")

_SECONDS_TO_ANSWER = 60
_SECONDS_TO_END = 10


def how_to_see(logdir: str, images_of_a_tag: int = 1) -> str:
    """Return the command that shows a run. If TensorBoard is missing, add how to install it."""
    command = f"tensorboard --logdir {shlex.quote(logdir)}"
    if images_of_a_tag > _IMAGES_SHOWN:
        command += f" --samples_per_plugin images={images_of_a_tag}"
    line = f"To see them: {command}"
    return line if is_installed() else f"{line}\nTensorBoard is not installed here: {INSTALL}"


def check_installed() -> None:
    """Raise ModuleNotFoundError if TensorBoard is not installed."""
    if not is_installed():
        raise ModuleNotFoundError(f"--view needs TensorBoard, which is not installed: {INSTALL}")


def is_installed() -> bool:
    """Tell whether TensorBoard is installed, without importing it."""
    return importlib.util.find_spec("tensorboard") is not None


def view(logdir: str) -> int:
    """Show a run directory in TensorBoard until Ctrl-C, and return 0."""
    with _sigterm_as_exit():
        process = _start(logdir)
        try:
            last_words = _show(process)
        except KeyboardInterrupt:
            return 0
        finally:
            _end(process)
    raise ChildProcessError(f"TensorBoard ended by itself: {last_words}")


@contextmanager
def served(logdir: str) -> Iterator[Callable[[str], bytes]]:
    """Run TensorBoard on a log directory; yield a function that fetches a path from TensorBoard.

    Raises ChildProcessError if TensorBoard ends, and TimeoutError if it opens no port in 60 s.
    """
    process = _start(logdir, "--port=0", "--host=localhost")
    try:
        said, addresses = _listen(process)
        try:
            address = addresses.get(timeout=_SECONDS_TO_ANSWER)
        except Empty:
            raise TimeoutError(f"it has no port after {_SECONDS_TO_ANSWER} seconds") from None
        if address is None:
            raise ChildProcessError(f"TensorBoard ended by itself: {said[0]}")
        yield lambda path: _fetch(address.rstrip("/") + path)
    finally:
        _end(process)


def _start(logdir: str, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", "--logdir", logdir, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def _listen(process: subprocess.Popen[str]) -> tuple[deque[str], SimpleQueue[str | None]]:
    """Return a deque of the last output line, and a queue of the address, or None at the end."""
    addresses: SimpleQueue[str | None] = SimpleQueue()
    said: deque[str] = deque(["nothing"], maxlen=1)
    threading.Thread(target=_read, args=(process.stderr, said, addresses), daemon=True).start()
    return said, addresses


def _show(process: subprocess.Popen[str]) -> str:
    """Print the address of TensorBoard, wait until it ends, and return its last output line."""
    said, addresses = _listen(process)
    address = addresses.get()
    if address is not None:
        _fetch(address)
        print(f"TensorBoard shows them at {address} (Ctrl-C ends it)", flush=True)
    process.wait()
    return said[0]


def _read(stream: IO[str], said: deque[str], addresses: SimpleQueue[str | None]) -> None:
    """Read the output of TensorBoard until the end, so that its writes never block."""
    with stream:
        for line in stream:
            if line.strip():
                said.append(line.strip())
            if found := _ADDRESS.search(line):
                addresses.put(found[1])
    addresses.put(None)  # TensorBoard has ended


def _fetch(address: str) -> bytes:
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with directly.open(address, timeout=_SECONDS_TO_ANSWER) as answer:
        data: bytes = answer.read()
    return data


@contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """Raise SystemExit on SIGTERM, so that the caller can end TensorBoard."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
