"""Handlers of the logger ``tbimage`` that raise, log, flush, close or hold their lock.

No handler can stop the pipeline or lose a picture, and none is called recursively.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tbimage.events import reporting
from tests.pipeline import children
from tests.pipeline.soundness import everything

START = """
import asyncio, dataclasses, json, logging, os, sys, threading
import numpy as np
import tbimage

GOOD = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)
NAN = np.full((20, 20), np.nan)             # is written, and leads to a notice
CLIPPED = np.full((20, 20), 3.0)            # the same
BAD = np.full((20, 20), 300)                # is not written, and leads to an error
LARGE_NAN = np.full((600, 600, 3), np.nan)  # the same in an encoder
LARGE_BAD = np.full((600, 600, 3), 300)

class Handler(logging.Handler):
    "Counts its calls, and notes when one comes within another of the same thread."
    calls = 0
    nested = False

    def __init__(self, action):
        super().__init__()
        self.action, self.local = action, threading.local()

    def emit(self, record):
        if getattr(self.local, "inside", False):
            self.nested = True
            return
        self.calls += 1
        if self.calls > 500:
            return  # a loop without end
        self.local.inside = True
        try:
            self.action(record)
        finally:
            self.local.inside = False

def listen(action, name="tbimage"):
    handler = Handler(action)
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    if name == "tbimage":
        logger.propagate = False
    return handler

def report(writer, handler, **more):
    stats = writer.stats()
    total = stats.written + sum(stats.dropped.values()) + stats.pending_items
    assert stats.logged == total, stats
    shown = dataclasses.asdict(stats)
    print(json.dumps(dict(shown, calls=handler.calls, nested=handler.nested, **more)))

def log_six(writer):
    writer.image("good", GOOD, 0)
    writer.image("nan", NAN, 0)
    writer.image("large nan", LARGE_NAN, 0)
    writer.image("clipped", CLIPPED, 0)
    writer.image("good", GOOD, 1)
    writer.scalar("scalar", 0.5, 0)

"""

SIX = {"good": [0, 1], "nan": [0], "large nan": [0], "clipped": [0], "scalar": [0]}


def run(tmp_path: Path, script: str) -> dict[str, Any]:
    done = children.run(START + script, tmp_path)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


ERRORS = [
    "ValueError",
    "MemoryError",
    "OSError",
    "RecursionError",
    "GeneratorExit",
    "KeyboardInterrupt",
    "SystemExit",
    "asyncio.CancelledError",
    "BaseException",
    "type('Timeout', (BaseException,), {})",
]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("on_error", ["log", "raise"])
def test_a_handler_that_raises_loses_no_summary(tmp_path: Path, error: str, on_error: str) -> None:
    script = f"""
def fail(record):
    raise {error}("of the handler")
handler = listen(fail)
writer = tbimage.SummaryWriter(sys.argv[1], on_error="{on_error}")
log_six(writer)
assert writer.flush(10)
writer.image("bad", BAD, 0)
writer.image("large bad", LARGE_BAD, 0)
try:
    assert writer.flush(10) is False
    assert "{on_error}" == "log"
except ValueError as raised:
    assert "{on_error}" == "raise" and "of the handler" not in str(raised)
log_six_later = writer.image("later", GOOD, 0) and writer.scalar("later scalar", 0.5, 0)
assert writer.flush(10)
assert writer.stats().healthy
assert writer.close()
report(writer, handler)
"""
    told = run(tmp_path, script)
    assert everything(tmp_path) == {**SIX, "later": [0], "later scalar": [0]}
    assert told["written"] == 8
    assert told["dropped"]["error"] == 2
    assert told["calls"] >= 4


@pytest.mark.parametrize("error", ["ValueError", "GeneratorExit", "BaseException"])
def test_a_filter_that_raises_loses_no_summary(tmp_path: Path, error: str) -> None:
    script = f"""
handler = listen(lambda record: None)
def fail(record):
    raise {error}
logging.getLogger("tbimage").addFilter(fail)
writer = tbimage.SummaryWriter(sys.argv[1], on_error="log")
log_six(writer)
assert writer.flush(10)
assert writer.close()
report(writer, handler)
"""
    assert run(tmp_path, script)["written"] == 6
    assert everything(tmp_path) == SIX


@pytest.mark.parametrize(
    "action",
    [
        "writer.scalar('handler', 0.5)",
        "writer.image('handler', GOOD)",
        "writer.image('handler', NAN)",
        "writer.image('handler', BAD)",
        "writer.flush(2)",
        "writer.flush()",
        "writer.stats()",
        "(writer.scalar('handler', 0.5), writer.flush())",
        "logging.getLogger('tbimage').error('within')",
        "logging.getLogger('other').error('within')",
        "threading.Thread(target=writer.flush).start()",
    ],
)
def test_a_handler_may_use_the_writer(tmp_path: Path, action: str) -> None:
    """It neither waits for itself nor is called recursively."""
    script = f"""
def act(record):
    {action}
handler = listen(act)
writer = tbimage.SummaryWriter(sys.argv[1], on_error="log", close_timeout=20)
log_six(writer)
writer.flush(20)
writer.image("bad", BAD, 0)
writer.flush(20)
assert writer.image("later", GOOD, 0) and writer.scalar("later scalar", 0.5, 0)
writer.flush(20)
assert writer.stats().healthy
writer.close()
report(writer, handler)
"""
    told = run(tmp_path, script)
    found = everything(tmp_path)
    handled = found.pop("handler", [])
    assert found == {**SIX, "later": [0], "later scalar": [0]}
    assert handled == list(range(len(handled)))
    assert told["written"] == 8 + len(handled)
    assert told["pending_items"] == 0
    assert 3 <= told["calls"] < 50
    if "image" not in action and "error" not in action:
        assert not told["nested"]


@pytest.mark.parametrize("timeout", ["", "5"])
def test_a_handler_may_close_the_writer(tmp_path: Path, timeout: str) -> None:
    script = f"""
handler = listen(lambda record: writer.close({timeout}))
writer = tbimage.SummaryWriter(sys.argv[1], on_error="log", close_timeout=20)
accepted = []
def log(name, data):
    try:
        if writer.image(name, data, 0):
            accepted.append(name)
    except RuntimeError:
        pass  # it is closed
for number in range(5):
    log(f"good {{number}}", GOOD)
log("nan", NAN)
for number in range(5, 10):
    log(f"good {{number}}", GOOD)
try:
    writer.flush(20)
except RuntimeError:
    pass
assert writer.close(20)
assert writer.closed
report(writer, handler, accepted=accepted)
"""
    told = run(tmp_path, script)
    assert sorted(everything(tmp_path)) == sorted(told["accepted"])
    assert told["calls"] >= 1
    assert sum(told["dropped"].values()) == told["pending_items"] == 0


def test_a_root_handler_that_flushes_causes_no_deadlock(tmp_path: Path) -> None:
    """The main thread holds the handler's lock in ``flush``, and the writer's notice needs it."""
    script = """
handler = listen(lambda record: writer.flush(), name="")
logging.getLogger().setLevel(logging.INFO)
writer = tbimage.SummaryWriter(sys.argv[1], on_error="log")
for attempt in range(10):
    for number in range(5):
        writer.image("good", GOOD)
    writer.image(f"nan {attempt}", LARGE_NAN, 0)
    writer.image(f"bad {attempt}", LARGE_BAD, 0)
    logging.info("hi")
writer.flush(10)
assert writer.flush(10)
assert writer.close()
report(writer, handler)
"""
    told = run(tmp_path, script)
    assert told["written"] == 60
    assert told["dropped"]["error"] == 10
    assert everything(tmp_path)["good"] == list(range(50))


@pytest.mark.parametrize("size", ["", "LARGE_"])
@pytest.mark.parametrize("call", ["flush()", "close()", "image('more', GOOD, 0)"])
def test_a_caller_may_hold_the_lock_of_a_handler(tmp_path: Path, size: str, call: str) -> None:
    """Summaries before and after the notice are written while logging is blocked."""
    script = f"""
handler = listen(lambda record: None)
writer = tbimage.SummaryWriter(sys.argv[1], on_error="log", max_pending_bytes=3_000_000)
handler.acquire()
try:
    for number in range(20):
        writer.image("good", GOOD)
        writer.image(f"nan {{number}}", {size}NAN, 0)
        writer.image(f"bad {{number}}", {size}BAD, 0)
    writer.{call}
    if not writer.closed:
        writer.flush()  # hears of the errors
        assert writer.flush()
    written = writer.stats().written
finally:
    handler.release()
assert writer.close()
report(writer, handler, written_while_held=written)
"""
    told = run(tmp_path, script)
    assert told["written_while_held"] == told["written"] >= 40
    assert told["dropped"]["error"] == 20
    assert everything(tmp_path)["good"] == list(range(20))


def test_a_slow_handler_does_not_delay_writing(tmp_path: Path) -> None:
    script = """
may_go_on = threading.Event()
handler = listen(lambda record: may_go_on.wait(40))
writer = tbimage.SummaryWriter(sys.argv[1], on_error="log")
log_six(writer)
assert writer.flush(20)
assert writer.stats().written == 6
assert not may_go_on.is_set()
may_go_on.set()
assert writer.close()
report(writer, handler)
"""
    assert run(tmp_path, script)["calls"] >= 1
    assert everything(tmp_path) == SIX


def test_all_lines_are_logged_before_the_process_ends(tmp_path: Path) -> None:
    """Also lines about errors that occur while the exit drains."""
    script = """
logging.basicConfig()
writer = tbimage.SummaryWriter(sys.argv[1], on_error="log")
for number in range(10):
    writer.image("good", LARGE_BAD // 2, number)
writer.image("bad", LARGE_BAD, 0)
"""
    done = children.run(START + script, tmp_path)
    assert "ERROR:tbimage" in done.stderr


def test_lines_are_logged_when_the_clock_has_just_begun(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On some systems the monotonic clock begins with the system, or with the process."""
    monkeypatch.setattr(reporting, "time", SimpleNamespace(monotonic=lambda: 0.1))
    log = reporting.Log()
    log.say(logging.WARNING, "a line")
    log.write()
    assert "a line" in caplog.text


def test_a_line_is_logged_that_comes_while_a_worker_stops_logging(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The owner gives no job for it, because the worker still has the role."""
    log = reporting.Log()
    write = log.write

    def write_late() -> bool:
        done = write()
        if "the second line" not in caplog.text:
            log.say(logging.WARNING, "the second line")
            assert not log.is_due
        return done

    log.write = write_late  # type: ignore[method-assign]
    log.say(logging.WARNING, "the first line")
    log.write_alone()
    assert "the second line" in caplog.text


@pytest.mark.parametrize("how", ["basicConfig", "dictConfig"])
@pytest.mark.parametrize("action", ["flush", "close"])
@pytest.mark.parametrize("picture", ["BAD", "LARGE_BAD"])
def test_a_handler_may_flush_or_close_when_logging_is_configured_again(
    tmp_path: Path, how: str, action: str, picture: str
) -> None:
    """``logging`` closes the old handlers while it holds the lock of all its functions."""
    script = """
import logging.config, time

class OfWriter(logging.Handler):
    def emit(self, record):
        pass

    def close(self):
        getattr(writer, sys.argv[2])(60)
        super().close()

writer = tbimage.SummaryWriter(sys.argv[1], on_error="log")
logging.basicConfig(handlers=[OfWriter()])
writer.image("bad", globals()[sys.argv[4]], 0)
writer.image("good", GOOD, 0)
begin = time.monotonic()
if sys.argv[3] == "basicConfig":
    logging.basicConfig(force=True)
else:
    logging.config.dictConfig({"version": 1})
print(time.monotonic() - begin < 30)
writer.close()
"""
    done = children.run(START + script, tmp_path, action, how, picture)
    assert done.stdout == "True\n", done.stderr
    assert everything(tmp_path) == {"good": [0]}


class UnprintableError(OSError):
    """An error of a caller's class, whose methods raise everything."""

    @property
    def errno(self) -> int:  # type: ignore[override]
        raise SystemExit

    def __str__(self) -> str:
        raise KeyboardInterrupt


@pytest.mark.parametrize("error", [UnprintableError(), OSError([], "text"), ValueError()])
def test_any_error_can_be_noted(error: BaseException) -> None:
    lines: list[tuple[object, ...]] = []
    errors = reporting.Errors(lambda *line: lines.append(line), lambda: "here")
    for _ in range(3):
        errors.lose(error, "lost")
    assert len(lines) == 1
    assert errors.latest is not None
    assert errors.latest.startswith(type(error).__name__)
    assert errors.take() is error
