"""The service as processes: started, watched and ended.

Rules:
- Every process ends here: by SIGTERM, and after a time limit by SIGKILL, including worker
  processes.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.load.service import CONTESTANT, DIRECTORY

__all__ = ["Server", "serving"]

ROOT = Path(__file__).resolve().parent.parent.parent

# Importing torch in four processes at once takes ten seconds on two processors.
_START_SECS = 120
_ENVIRONMENT = {
    # One thread for a matrix product, because the service runs a model on each processor.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
}


class Server:
    """A running service.

    Attributes:
        port: Where it listens.
        directory: Where it logs.
    """

    def __init__(self, contestant: str, workers: int, directory: Path, log: Path) -> None:
        self.directory = directory
        self._workers = workers
        self._log = log
        self._stopped = False
        with log.open("wb") as stream:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "uvicorn", "benchmarks.load.service:app"),
                    *("--workers", str(workers), "--host", "127.0.0.1", "--port", "0"),
                    # Longer than the turns of others, and than the queue of an overload.
                    *("--timeout-keep-alive", "120", "--backlog", "4096", "--no-access-log"),
                ],
                cwd=ROOT,
                env={
                    **os.environ,
                    **_ENVIRONMENT,
                    CONTESTANT: contestant,
                    DIRECTORY: os.fspath(directory),
                },
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,  # a group of its own, which can be ended as one
            )
        self.port = 0

    def wait(self) -> None:
        """Wait until all worker processes serve.

        Raises:
            RuntimeError: It ended, or took too long.
        """
        deadline = time.monotonic() + _START_SECS
        while time.monotonic() < deadline and self._process.poll() is None:
            text = self._log.read_text(encoding="utf-8", errors="replace")
            address = re.search(r"running on http://127\.0\.0\.1:(\d+)", text)
            if address is not None and text.count("startup complete") == self._workers:
                self.port = int(address[1])
                return
            time.sleep(0.05)
        raise RuntimeError(f"the service did not start: {self.last_line()}")

    def last_line(self) -> str:
        """Return its last line of output."""
        text = self._log.read_text(encoding="utf-8", errors="replace").strip()
        return text.rpartition("\n")[2]

    def processes(self) -> list[int]:
        """Return the process and all its children."""
        found = [self._process.pid]
        for process in found:  # the list grows in the loop
            for children in Path(f"/proc/{process}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    found += map(int, children.read_text().split())
        return found

    def stop(self, timeout: float) -> bool:
        """End it; return whether all its processes ended after SIGTERM."""
        if self._stopped:
            return True  # checked again: another process may have its number now
        self._stopped = True
        deadline = time.monotonic() + timeout
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        # Python's resource tracker ends shortly after the process that started it.
        while self._signal_all(0) and time.monotonic() < deadline:
            time.sleep(0.02)
        left = self._signal_all(signal.SIGKILL)
        self._process.wait()
        return not left

    def _signal_all(self, number: int) -> bool:
        """Send a signal to all its processes; return whether there were any."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        return True


@contextlib.contextmanager
def serving(contestant: str, workers: int, scratch: Path) -> Iterator[Server]:
    """Start a service with its own log directory; delete both after the block."""
    directory = Path(tempfile.mkdtemp(dir=scratch))
    server = Server(contestant, workers, directory / "runs", directory / "server.log")
    try:
        yield server
    finally:
        server.stop(0)
        shutil.rmtree(directory)
