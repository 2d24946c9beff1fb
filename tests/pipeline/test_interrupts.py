"""Ctrl-C at every place of every call, in tbimage and in the standard library.

An interrupt loses at most the call that it ends: later calls are written, ``flush`` returns True,
and the counters add up. The ordinary and the slow suite interrupt each call at some fifty places,
and the soak suite at all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
import time
import types
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage.compat import tf_summary
from tbimage.compat.tf_summary import peer
from tbimage.writer import directories
from tests.pipeline import logs
from tests.pipeline.interrupter import Interrupted, Interrupter
from tests.pipeline.public_calls import CALLS, LARGE
from tests.pipeline.soundness import assert_adds_up, assert_goes_on, everything

pytestmark = pytest.mark.usefixtures("no_garbage")

#: Tested in the ordinary suite; the other calls are slow tests.
ORDINARY = {
    "scalar",
    "scalar, automatic step",
    "scalar, kept out",
    "scalars",
    "histogram",
    "text",
    "image, small",
    "image, large",
    "flush",
    "flush, of an image",
    "stats",
}

WORK = pytest.param(False, id="some places"), pytest.param(True, id="all", marks=pytest.mark.soak)
EACH_CALL = [
    *(pytest.param(name, False, id=name) for name in CALLS if name in ORDINARY),
    *(
        pytest.param(name, False, id=name, marks=pytest.mark.slow)
        for name in CALLS
        if name not in ORDINARY
    ),
    *(pytest.param(name, True, id=f"{name}-all", marks=pytest.mark.soak) for name in CALLS),
]


def places_of(every: bool, call: Callable[[], object]) -> int:
    """Return the distance between two tested places, so that about fifty are tested."""
    if every:
        return 1
    with Interrupter() as interrupter:
        call()
    return max(1, interrupter.places // 50)


def interrupt(place: int, call: Callable[[], object]) -> str | None:
    """Call a function with an interrupt at one place; return the place, or None without one."""
    interrupter = Interrupter(place)
    raised = False
    try:
        with interrupter:
            call()
    except Interrupted:
        raised = True
    assert raised is (interrupter.happened is not None), f"swallowed: {interrupter.happened}"
    return interrupter.happened


def warm(writer: tbimage.SummaryWriter, *names: str) -> None:
    """Log: everything is imported, threads run, old steps are read, and there is a sub-run."""
    for name in dict.fromkeys((*ORDINARY, *names)):
        for step in (-2, -1):
            CALLS[name](writer, f"warm {name}", step)
    assert writer.flush(10)


def open_writer(logdir: Path, **settings: object) -> tbimage.SummaryWriter:
    keep = {"never*": tbimage.Keep(every=10**9)}
    return tbimage.SummaryWriter(logdir, keep=keep, **settings)  # type: ignore[arg-type]


def assert_written(
    writer: tbimage.SummaryWriter, logdir: Path, later: list[int], before: int = 0
) -> None:
    """Check that the calls before and after are in the file, none is twice, and counts are right.

    ``before``: how many rounds logged three scalars and a picture before the interrupt.
    """
    assert writer.close(10)
    found = everything(logdir)
    assert found["after"] == found["picture after"] == later
    assert found.get("before", []) == list(range(3, 3 * before + 3))
    assert found.get("picture before", []) == list(range(1, before + 1))
    for tag, steps in found.items():
        if not tag.startswith("_hparams_/"):  # each call writes the trial again, at step 0
            assert len(steps) == len(set(steps)), tag
    stats = writer.stats()
    assert_adds_up(stats)
    assert stats.logged == stats.written == summaries_in(logdir), stats


def summaries_in(logdir: Path) -> int:
    """Count the summaries in the files. ``purge`` writes two events to each run below a run."""
    count = 0
    for run in logs.runs(logdir):
        kinds = Counter(event.WhichOneof("what") for event in logs.events_in(run))
        count += kinds.total() - kinds["file_version"]
        if run != logdir:
            count -= kinds["session_log"] // 2
    return count


def test_each_public_function_is_interrupted() -> None:
    called = {part for name in CALLS for part in name.split(", ")}
    public = {name for name in dir(tbimage.SummaryWriter) if not name.startswith("_")}
    assert public - called == {"aflush", "close"}, "tested below"


def test_the_interrupter_reaches_every_place() -> None:
    """In each version of Python, and again after each interrupt."""

    def call() -> None:
        box: queue.SimpleQueue[int] = queue.SimpleQueue()
        condition = threading.Condition()
        box.put(len([1]))
        with condition:
            condition.notify()

    for _ in range(2):
        with Interrupter() as interrupter:
            call()
        hit: list[str] = []
        while where := interrupt(len(hit), call):
            hit.append(where)
        assert len(hit) == interrupter.places > 80
        for what in ("return from put in call", "bytecode in call", "in notify", "in __exit__"):
            assert any(what in where for where in hit), what
        assert len(set(hit)) == len(hit)


@pytest.mark.parametrize("state", ["asleep", "at work"])
@pytest.mark.parametrize(("name", "every"), EACH_CALL)
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # closed with the traceback
def test_an_interrupt_loses_at_most_its_call(
    tmp_path: Path, name: str, state: str, every: bool
) -> None:
    if name == "figure":
        pytest.importorskip("matplotlib")
    writer = open_writer(tmp_path)
    warm(writer, name)
    call = CALLS[name]
    stride = places_of(every, lambda: call(writer, "a", 0))
    later = []
    place = beyond = step = 0
    while beyond < 3:  # the places of a call depend on what other threads do at the same time
        step += 1
        if state == "at work":
            for offset in range(3):
                writer.scalar("before", 0.5, 3 * step + offset)
            writer.image("picture before", LARGE, step)
        else:
            time.sleep(0.001)  # only a pause, in which idle threads may fall asleep
        where = interrupt(place, lambda: call(writer, "a", step))  # noqa: B023
        assert_goes_on(writer, step, where)
        later.append(step)
        beyond = 0 if where else beyond + 1
        place += stride if where else 0
    assert place >= 10
    assert_written(writer, tmp_path, later, step if state == "at work" else 0)


@pytest.mark.parametrize("every", WORK)
@pytest.mark.parametrize("name", ["scalar", "scalar, automatic step", "image, small", "flush"])
@pytest.mark.timeout(1800)
def test_an_interrupt_of_the_first_call_loses_at_most_that_call(
    tmp_path: Path, name: str, every: bool
) -> None:
    """The first call starts threads and opens files."""
    call = CALLS[name]
    with open_writer(tmp_path / "imports") as writer:
        warm(writer)
    with open_writer(tmp_path / "counting") as writer:
        stride = places_of(every, lambda: call(writer, "a", 0))
    place = beyond = 0
    while beyond < 2:
        logdir = tmp_path / f"{place}-{beyond}"
        writer = open_writer(logdir, workers=1)
        where = interrupt(place, lambda: call(writer, "a", 0))  # noqa: B023
        assert_goes_on(writer, 1, where)
        assert_written(writer, logdir, [1])
        beyond = 0 if where else beyond + 1
        place += stride if where else 0
    assert place >= 10


@pytest.mark.parametrize("every", WORK)
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_an_interrupted_aflush_may_be_repeated(tmp_path: Path, every: bool) -> None:
    """Interrupted in its own steps and in those of ``asyncio.sleep``, not in the event loop."""

    @types.coroutine
    def in_steps(interrupter: Interrupter) -> Iterator[object]:
        steps = writer.aflush(10)
        with contextlib.suppress(StopIteration):
            while True:
                with interrupter:
                    pause = steps.send(None)
                yield pause

    async def aflush(interrupter: Interrupter) -> None:
        try:
            await in_steps(interrupter)
        except Interrupted:
            assert interrupter.happened
        else:
            assert not interrupter.happened, f"swallowed: {interrupter.happened}"

    writer = open_writer(tmp_path)
    warm(writer)
    writer.image("a", LARGE, 0)
    counting = Interrupter()
    asyncio.run(aflush(counting))
    place = beyond = step = 0
    later = []
    while beyond < 3:
        step += 1
        writer.image("a", LARGE, step)
        interrupter = Interrupter(place)
        asyncio.run(aflush(interrupter))
        where = interrupter.happened
        assert asyncio.run(writer.aflush(10)), where
        assert_goes_on(writer, step, where)
        later.append(step)
        beyond = 0 if where else beyond + 1
        place += (1 if every else max(1, counting.places // 50)) if where else 0
    assert place >= 10
    assert logs.steps(tmp_path, "a") == list(range(step + 1))
    assert_written(writer, tmp_path, later)


Block = Callable[[], AbstractContextManager[object]]

BLOCKS: dict[str, Callable[[tbimage.SummaryWriter], Block]] = {
    "as_default": lambda writer: writer.as_default,
    "as_default with a step": lambda writer: partial(writer.as_default, 3),
    "record_if": lambda writer: partial(tbimage.record_if, False),
    "as_default of tf.summary": lambda writer: partial(
        tf_summary.create_file_writer(f"{writer.logdir}/tf").as_default, 3
    ),
    "record_if of tf.summary": lambda writer: partial(tf_summary.record_if, False),
    "summary_scope of tf.summary": lambda writer: partial(
        tf_summary.experimental.summary_scope, "layer"
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_an_interrupted_block_restores_what_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Otherwise later calls without a step, for example, would all have the step of the block."""
    monkeypatch.setattr(peer, "imported", lambda: None)  # its scopes, not those of TensorFlow
    writer = open_writer(tmp_path)

    def values() -> dict[str, object]:
        now = contextvars.copy_context()
        return {variable.name: value for variable, value in now.items() if value}

    def block() -> None:
        with enter():
            changed.append(values())

    def try_block(place: int) -> str | None:
        before = values()
        where = interrupt(place, block)
        assert values() == before, where
        return where

    enter = BLOCKS[name](writer)
    changed: list[dict[str, object]] = []
    place = 0
    while contextvars.copy_context().run(try_block, place):
        place += 1
    assert place > 100
    assert changed[-1] != values()
    writer.close()


@pytest.mark.parametrize("every", WORK)
@pytest.mark.parametrize("state", ["asleep", "at work"])
@pytest.mark.timeout(1800)
def test_an_interrupted_close_may_be_called_again(tmp_path: Path, state: str, every: bool) -> None:
    def prepared(logdir: Path) -> tbimage.SummaryWriter:
        writer = open_writer(logdir, workers=1)
        writer.scalar("a", 0.5, 0)
        writer.image("b", LARGE, 0)
        if state == "asleep":
            writer.flush(10)
        return writer

    with open_writer(tmp_path / "imports") as writer:
        warm(writer)
    stride = places_of(every, prepared(tmp_path / "counting").close)
    place = beyond = 0
    while beyond < 2:
        logdir = tmp_path / f"{place}-{beyond}"
        writer = prepared(logdir)
        where = interrupt(place, writer.close)
        assert writer.close(10), where
        stats = writer.stats()
        assert_adds_up(stats)
        assert stats.written == 2, (where, stats)
        assert everything(logdir) == {"a": [0], "b": [0]}, where
        assert writer.logdir not in directories._tenants, where
        beyond = 0 if where else beyond + 1
        place += stride if where else 0
    assert place >= 10


@pytest.mark.parametrize("every", WORK)
@pytest.mark.timeout(1800)
def test_interrupted_opening_may_be_repeated(tmp_path: Path, every: bool) -> None:
    """Other writers are not affected, and the next writer of the directory causes no warning."""
    other = open_writer(tmp_path / "other")
    warm(other)
    opened: list[tbimage.SummaryWriter] = []

    def opening(logdir: Path) -> None:
        opened.append(tbimage.SummaryWriter(logdir))

    stride = places_of(every, lambda: opening(tmp_path / "counting"))
    place = beyond = 0
    later = []
    while beyond < 2:
        logdir = tmp_path / f"{place}-{beyond}"
        where = interrupt(place, lambda: opening(logdir))  # noqa: B023
        if where:
            opened.clear()
            opening(logdir)
        (writer,) = opened
        opened.clear()
        assert_goes_on(writer, 0, where)
        assert writer.close(10), where
        assert everything(logdir) == {"after": [0], "picture after": [0]}, where
        assert_goes_on(other, place + beyond, where)
        later.append(place + beyond)
        beyond = 0 if where else beyond + 1
        place += stride if where else 0
    assert place >= 10
    assert_written(other, tmp_path / "other", later)


@pytest.mark.parametrize("every", WORK)
@pytest.mark.parametrize("kind", ["scalar", "image"])
@pytest.mark.timeout(1800)
def test_a_call_that_waits_for_memory_may_be_interrupted(
    tmp_path: Path, kind: str, every: bool
) -> None:
    """The next waiting caller is admitted, although the interrupted one was before it."""
    large = np.random.default_rng(1).integers(0, 256, (500, 500, 3), np.uint8)
    with open_writer(tmp_path / "imports") as writer:
        warm(writer)
    writer = open_writer(tmp_path / "run", max_pending_bytes=large.nbytes + 1000, workers=1)
    writer.image("fill", large, -1)
    writer.flush(10)
    call: Callable[[int], object] = {
        "scalar": lambda step: writer.scalar("a", 0.5, step),
        "image": lambda step: writer.image("a", large, step),
    }[kind]

    def fill(step: int) -> None:
        writer.image("fill", large, 2 * step)
        writer.image("fill", large, 2 * step + 1)

    fill(0)
    stride = places_of(every, lambda: call(0))
    place = beyond = 0
    later = []
    while beyond < 3:
        step = place + beyond + 1
        fill(step)
        where = interrupt(place, lambda: call(step))  # noqa: B023
        assert_goes_on(writer, step, where)
        later.append(step)
        beyond = 0 if where else beyond + 1
        place += stride if where else 0
    assert place >= 10
    assert_written(writer, tmp_path / "run", later)


@pytest.mark.parametrize("every", WORK)
@pytest.mark.timeout(1800)
def test_a_waiting_flush_may_be_interrupted(tmp_path: Path, every: bool) -> None:
    """An image is encoded during all places of the flush."""
    large = np.random.default_rng(1).integers(0, 256, (1000, 1000, 3), np.uint8)
    with open_writer(tmp_path / "imports") as writer:
        warm(writer)
    writer = open_writer(tmp_path / "run", workers=1)
    writer.image("fill", large, 0)
    stride = places_of(every, lambda: writer.flush(10))
    place = beyond = 0
    later = []
    while beyond < 3:
        step = place + beyond + 1
        writer.image("fill", large, step)
        where = interrupt(place, lambda: writer.flush(10))
        assert_goes_on(writer, step, where)
        later.append(step)
        beyond = 0 if where else beyond + 1
        place += stride if where else 0
    assert place >= 10
    assert_written(writer, tmp_path / "run", later)


def test_an_interrupted_with_block_closes_its_writer(tmp_path: Path) -> None:
    with open_writer(tmp_path / "imports") as writer:
        warm(writer)
    for place in range(0, 400, 20):
        logdir = tmp_path / str(place)
        interrupter = Interrupter(place)
        with contextlib.suppress(Interrupted), tbimage.SummaryWriter(logdir) as writer:
            writer.scalar("a", 0.5, 0)
            with interrupter:
                for step in range(1, 100):
                    writer.scalar("a", 0.5, step)
        assert interrupter.happened
        assert writer.closed
        steps = logs.steps(logdir, "a")
        assert steps == list(range(len(steps)))
        assert len(steps) == writer.stats().written
