"""Real servers: uWSGI, gunicorn with gevent workers, and gevent by itself.

All requests are answered, and after a graceful stop all that was accepted is in the files, once.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline import children
from tests.pipeline.soundness import everything
from tests.processes import free_port, listens, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# Each request logs a scalar and a picture under its own name, and returns which were accepted.
# Loading ends with a flush: uWSGI forks a loaded application without the lock of the interpreter.
# If a thread has that lock then, the child waits for ever (2 to 8 of 100 starts, uWSGI 2.0.31).
# After the flush, the threads need a moment until they sleep.
APPLICATION = """
import os
import time
import numpy as np
import tbimage

PICTURE = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
LARGE = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
writer = tbimage.SummaryWriter(os.environ["LOGDIR"], on_error="log", close_timeout=600.0)
writer.scalar("loaded", 0.5, os.getpid())
assert writer.flush(60)
time.sleep(0.5)

def application(environ, start_response):
    name = environ["PATH_INFO"][1:]
    accepted = [name] * writer.scalar(name, 0.5, 0)
    accepted += [name + "/picture"] * writer.image(name + "/picture", PICTURE, 0)
    if name.endswith("5"):
        accepted += [name + "/large"] * writer.image(name + "/large", LARGE, 0)
    if name.endswith("7"):
        assert writer.flush(20)
    stats = writer.stats()
    assert stats.logged == stats.written + sum(stats.dropped.values()) + stats.pending_items
    assert stats.healthy
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(accepted + [str(os.getpid())]).replace(" ", ",").encode()]
"""

REQUESTS = 200


@contextlib.contextmanager
def serving(command: list[str], directory: Path, logdir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in its own process group, and end all its processes after the block."""
    roots = os.pathsep.join([*children._ROOTS, str(directory)])
    environment = {**os.environ, "PYTHONPATH": roots, "LOGDIR": str(logdir)}
    with open(directory / "output", "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(port: int, name: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", f"/{name}")
        response = connection.getresponse()
        body = response.read().decode()
    assert response.status == 200, body
    return body


def pids_of(replies: list[str]) -> set[str]:
    return {reply.rpartition(",")[2] for reply in replies}


def serve_and_stop(
    tmp_path: Path,
    command: list[str],
    port: int,
    stop: Callable[[subprocess.Popen[bytes]], object],
    loaded: int | None,
) -> None:
    """Send all requests, stop gracefully, and compare the accepted summaries with the files."""
    logdir = tmp_path / "logs"
    (tmp_path / "app.py").write_text(APPLICATION)
    with serving(command, tmp_path, logdir) as process:

        def answers() -> bool:
            assert process.poll() is None, (tmp_path / "output").read_text()
            return listens(port)

        wait_until(answers, "the server")
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            replies: list[str] = []
            workers = max(loaded or 0, 2)
            end = time.monotonic() + 60
            while len(replies) < REQUESTS or len(pids_of(replies)) < workers:  # some start later
                assert time.monotonic() < end, "not all workers answered"
                numbers = range(len(replies), len(replies) + REQUESTS)
                replies += pool.map(lambda number: ask(port, f"request{number}"), numbers)
        stop(process)
        process.wait(200)  # less than close_timeout, so no process waits for missing threads
    output = (tmp_path / "output").read_text()
    accepted = [name for reply in replies for name in reply.split(",")[:-1]]
    assert len(accepted) == 2 * len(replies) + len(replies) // 10
    found = everything(logdir)
    at_load = found.pop("loaded")
    if loaded is not None:
        assert len(at_load) == loaded
    counts = collections.Counter({name: len(steps) for name, steps in found.items()})
    assert counts == collections.Counter(accepted), output
    assert "Traceback" not in output, output


# uWSGI


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("threads", ["none", "enabled", "several"])
def test_uwsgi(tmp_path: Path, threads: str, lazy: bool) -> None:
    """Its workers are forked in C, after the application is loaded or, if lazy, before."""
    program = shutil.which(
        "uwsgi", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    if program is None:
        pytest.skip("uwsgi is not installed")
    port = free_port()
    fifo = tmp_path / "fifo"
    command = [
        program,
        f"--http-socket=127.0.0.1:{port}",
        "--wsgi-file=app.py",
        "--master",
        "--processes=3",
        "--need-app",
        "--die-on-term",
        "--disable-logging",
        f"--master-fifo={fifo}",
        f"--virtualenv={sys.prefix}",
        "--worker-reload-mercy=200",
    ]
    command += {"none": [], "enabled": ["--enable-threads"], "several": ["--threads=3"]}[threads]
    command += ["--lazy-apps"] if lazy else []
    # From Python 3.13 on, a child must know that it was forked (docs/reliability.md).
    command += ["--py-call-uwsgi-fork-hooks"] if sys.version_info >= (3, 13) else []

    def stop(process: subprocess.Popen[bytes]) -> None:
        # After SIGTERM, uWSGI calls no exit functions in a worker whose last request just ended.
        wait_until(fifo.is_fifo, "the FIFO")
        fifo.write_text("q")

    serve_and_stop(tmp_path, command, port, stop, 3 if lazy else 1)


# gunicorn


@pytest.mark.parametrize("preload", [False, True])
@pytest.mark.parametrize("worker", ["gevent", "gthread", "sync"])
def test_gunicorn(tmp_path: Path, worker: str, preload: bool) -> None:
    pytest.importorskip("gunicorn")
    if worker == "gevent":
        pytest.importorskip("gevent")
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "app:application",
        f"--bind=127.0.0.1:{port}",
        f"--worker-class={worker}",
        "--workers=2",
        "--threads=4",
        "--graceful-timeout=200",
        "--timeout=60",
        "--log-level=warning",
    ]
    command += ["--preload"] if preload else []
    serve_and_stop(tmp_path, command, port, subprocess.Popen.terminate, 1 if preload else 2)


# gevent by itself

GEVENT = """
import faulthandler, sys
faulthandler.dump_traceback_later(45, exit=True)
if sys.argv[2] == "after":
    import tbimage
    early = tbimage.SummaryWriter(sys.argv[1] + "/early")
    early.scalar("a", 0.5, 0)
    early.flush()
import gevent
import gevent.monkey
gevent.monkey.patch_all()
import os, threading, time
import numpy as np
import tbimage

PICTURE = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
LARGE = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
logdir = sys.argv[1]
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("end", ["close", "nothing", "context"])
@pytest.mark.parametrize("on_full", ["block", "drop"])
def test_a_hundred_greenlets(tmp_path: Path, when: str, end: str, on_full: str) -> None:
    """``patch_all`` before tbimage is imported, and after a writer was used."""
    pytest.importorskip("gevent")
    script = f"""
writer = tbimage.SummaryWriter(
    logdir, on_full="{on_full}", max_pending_bytes=2_000_000 if "{on_full}" == "block" else 1 << 28)
ticks = []
def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0.001)
ticker = gevent.spawn(tick)
def work(number):
    for step in range(20):
        assert writer.scalar(f"t{{number}}", 0.5, step)
        if step % 5 == 0:
            assert writer.image(f"p{{number}}", PICTURE, step)
            gevent.sleep(0)
        if step == 10 and number % 10 == 0:
            assert writer.image(f"l{{number}}", LARGE, step)
            assert writer.flush(30)
jobs = [gevent.spawn(work, number) for number in range(100)]
gevent.joinall(jobs, raise_error=True)
assert len(ticks) > 1
ticker.kill()
stats = writer.stats()
assert stats.healthy
assert stats.logged == stats.written + sum(stats.dropped.values()) + stats.pending_items
if "{end}" == "close":
    assert writer.close(30)
elif "{end}" == "context":
    with writer:
        pass
"""
    done = children.run(GEVENT + script, tmp_path, when)
    assert done.stderr == ""
    found = everything(tmp_path)
    if when == "after":
        assert found.pop("a") == [0]
    for number in range(100):
        assert found.pop(f"t{number}") == list(range(20))
        assert found.pop(f"p{number}") == [0, 5, 10, 15]
        if number % 10 == 0:
            assert found.pop(f"l{number}") == [10]
    assert found == {}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_greenlet_loses_at_most_its_call(tmp_path: Path, when: str) -> None:
    """``gevent.Timeout`` and ``GreenletExit`` come wherever a greenlet waits."""
    pytest.importorskip("gevent")
    script = """
writer = tbimage.SummaryWriter(logdir, max_pending_bytes=1_000_000)
def work(number):
    for step in range(1000):
        writer.image(f"p{number}", LARGE, step)
        writer.flush(5)
        gevent.sleep(0)  # Python's own queues, from before the patch, let nobody else run
for trial in range(30):
    job = gevent.spawn(work, trial)
    with gevent.Timeout(0.002 * trial + 0.001, False):
        job.join()
    job.kill(timeout=20)
    assert job.dead, trial
    assert writer.scalar("after", 0.5, trial)
    assert writer.flush(20), (trial, writer.stats())
    stats = writer.stats()
    assert stats.healthy and stats.pending_items == stats.pending_bytes == 0, stats
    assert stats.logged == stats.written, stats
assert writer.close(20)
"""
    children.run(GEVENT + script, tmp_path, when)
    found = everything(tmp_path)
    assert found.pop("after") == list(range(30))
    for steps in found.values():
        assert steps == list(range(len(steps)))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fork_of_a_patched_process(tmp_path: Path, when: str) -> None:
    pytest.importorskip("gevent")
    script = """
writer = tbimage.SummaryWriter(logdir)
writer.scalar("p", 0.5, 0)
writer.image("q", LARGE, 0)
pid = os.fork()
if pid == 0:
    for step in range(20):
        assert writer.scalar("child", 0.5, step)
    assert writer.image("child/large", LARGE, 0)
    assert writer.flush(20)
    assert writer.stats().healthy
    os._exit(0)
_, status = os.waitpid(pid, 0)
assert status == 0
assert writer.scalar("p", 0.5, 1)
assert writer.close(20)
"""
    children.run(GEVENT + script, tmp_path, when)
    found = everything(tmp_path)
    found.pop("a", None)
    assert found == {"p": [0, 1], "q": [0], "child": list(range(20)), "child/large": [0]}
