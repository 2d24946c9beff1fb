"""Child processes for the tests: TensorBoard's data server, and TensorBoard itself.

Rules:
- Nothing sleeps for a fixed time. The data server logs the end of each load cycle, also if
  TensorBoard starts it. TensorBoard's Python loader loads before it serves.
- Every process ends here. The data server ends when its standard input closes, also if the tests
  are killed. TensorBoard ends by SIGTERM.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

R = TypeVar("R")

#: Enough for a busy machine; nothing waits for it unless something is broken.
DEADLINE_SECONDS = 200.0

# The line that the data server logs at level "info" after it has read all files, and the variable
# that sets this level, also through TensorBoard.
_LOADED = "Finished load cycle"
_LOG_LOADING = {"RUST_LOG": "info"}

#: TensorBoard's own switch for "do as if TensorFlow were not installed" (tensorboard/compat): a
#: module of this name.
NO_TENSORFLOW = "tensorboard.compat.notf"

_MAIN = f"""
import sys, types
sys.modules["{NO_TENSORFLOW}"] = types.ModuleType("{NO_TENSORFLOW}")
from tensorboard.main import run_main
run_main()
"""


def wait_until(
    condition: Callable[[], R | None], what: str, seconds: float = DEADLINE_SECONDS
) -> R:
    """Poll until a condition is truthy and return it, or raise TimeoutError that says what for."""
    deadline = time.monotonic() + seconds
    while True:
        if outcome := condition():
            return outcome
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s in vain for {what}; last: {outcome!r}")
        time.sleep(0.02)


def free_port() -> int:
    """A port of this machine that no server has now."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def listens(port: int) -> bool:
    """Whether a server accepts connections at this port of this machine.

    A port in a server's log is not enough: uvicorn names it before its workers listen.
    """
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Program:
    """A child process that ends with the test, and whose standard error is read line by line."""

    def __init__(self, arguments: list[str], **environment: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self.lines.append(line)

    def wait_for_line(self, pattern: str) -> re.Match[str]:
        """Wait for a line that matches; RuntimeError with all lines if the process ends first."""

        def found() -> re.Match[str] | None:
            ended = self.process.poll() is not None
            if ended:
                self._reader.join()
            for line in list(self.lines):
                if match := re.search(pattern, line):
                    return match
            if ended:
                raise RuntimeError("ended early:\n" + "".join(self.lines))
            return None

        return wait_until(found, f"a line with {pattern!r} from {self.process.args!r}")

    def stop(self) -> None:
        """Close its standard input, which ends the data server, and terminate it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        sys.stderr.write("".join(self.lines))  # pytest shows it beside a failure


@contextlib.contextmanager
def data_server(logdir: os.PathLike[str] | str, *, reload: str) -> Iterator[Any]:
    """The real data server on a directory, loaded, as a tensorboard GrpcDataProvider."""
    pytest.importorskip("tensorboard")
    import grpc
    import tensorboard_data_server
    from tensorboard.data import grpc_provider

    with tempfile.TemporaryDirectory() as directory:
        port_file = Path(directory) / "port"
        program = Program(
            [
                tensorboard_data_server.server_binary(),
                f"--logdir={logdir}",
                f"--reload={reload}",
                "--port=0",
                f"--port-file={port_file}",
                "--die-after-stdin",
            ],
            **_LOG_LOADING,
        )
        try:
            program.wait_for_line(_LOADED)
            address = f"localhost:{int(port_file.read_text())}"
            options = [
                ("grpc.enable_http_proxy", 0),
                ("grpc.max_receive_message_length", 1 << 28),  # what TensorBoard sets
            ]
            with grpc.insecure_channel(address, options=options) as channel:
                stub = grpc_provider.make_stub(channel)
                yield grpc_provider.GrpcDataProvider(address, stub)
        finally:
            program.stop()


def _start_tensorboard(arguments: list[str]) -> tuple[Program, str]:
    """Start it, again if its data server did not answer within the 5 s that TensorBoard waits."""
    program = Program([sys.executable, "-c", _MAIN, *arguments], **_LOG_LOADING)
    try:
        return program, program.wait_for_line(r"TensorBoard \S+ at (http://\S+)").group(1)
    except (RuntimeError, TimeoutError) as error:
        program.stop()
        if "Could not start data server" not in str(error):
            raise
    return _start_tensorboard(arguments)


@contextlib.contextmanager
def tensorboard_server(logdir: os.PathLike[str] | str, *, load_fast: bool = True) -> Iterator[str]:
    """The real TensorBoard on a directory, loaded, as the address of its page.

    It loads once: what is written later does not show. `load_fast` is TensorBoard's flag, True
    being what it does by default: read through the data server.
    """
    pytest.importorskip("tensorboard")
    arguments = [f"--logdir={logdir}", "--host=localhost", "--port=0", "--reload_interval=0"]
    if load_fast:
        arguments.append("--load_fast=true")
    else:
        arguments += ["--load_fast=false", "--reload_task=blocking"]
    program, address = _start_tensorboard(arguments)
    try:
        if load_fast:
            program.wait_for_line(_LOADED)
        yield address
    finally:
        program.stop()
