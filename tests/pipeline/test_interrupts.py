"""Ctrl-C at every place of every call, in tbimage and in the standard library.

An interrupt loses at most the call that it ends: later calls are written, ``flush`` returns True,
and the counters add up. In the ordinary suite each call is interrupted at some fifty places, in the
slow one at all of them.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tests.pipeline import logs
from tests.pipeline.interrupter import Interrupted, Interrupter
from tests.pipeline.soundness import PICTURE, assert_adds_up, assert_goes_on, everything

pytestmark = pytest.mark.usefixtures("no_garbage")

LARGE = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
POINTS = np.linspace(0.0, 1.0, 1000)

#: The interrupted calls, with a tag and a step.
CALLS: dict[str, Callable[[tbimage.SummaryWriter, str, int], object]] = {
    "scalar": lambda writer, tag, step: writer.scalar(tag, 0.5, step),
    "scalar, automatic step": lambda writer, tag, step: writer.scalar(tag, 0.5),
    "small image": lambda writer, tag, step: writer.image(tag, PICTURE, step),
    "large image": lambda writer, tag, step: writer.image(tag, LARGE, step),
    "histogram": lambda writer, tag, step: writer.histogram(tag, POINTS, step),
    "text": lambda writer, tag, step: writer.text(tag, "some words", step),
    "scalars": lambda writer, tag, step: writer.scalars(tag, {"x": 1.0}, step),
    "kept out": lambda writer, tag, step: writer.scalar(f"never {tag}", 0.5, step),
    "flush": lambda writer, tag, step: writer.scalar(tag, 0.5, step) and writer.flush(10),
    "flush of an image": lambda writer, tag, step: (
        writer.image(tag, LARGE, step) and writer.flush(10)
    ),
    "stats": lambda writer, tag, step: writer.stats(),
}

WORK = pytest.param(False, id="some places"), pytest.param(True, id="all", marks=pytest.mark.soak)


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


def warm(writer: tbimage.SummaryWriter) -> None:
    """Log once, so that everything is imported, threads run, and old steps are read."""
    for name, call in CALLS.items():
        for step in (-2, -1):
            call(writer, f"warm {name}", step)
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
        assert len(steps) == len(set(steps)), tag
    stats = writer.stats()
    assert_adds_up(stats)
    assert sum(map(len, found.values())) == stats.written, stats
    assert stats.logged == stats.written, stats


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


@pytest.mark.parametrize("every", WORK)
@pytest.mark.parametrize("state", ["asleep", "at work"])
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.timeout(1800)
def test_an_interrupt_loses_at_most_its_call(
    tmp_path: Path, name: str, state: str, every: bool
) -> None:
    writer = open_writer(tmp_path)
    warm(writer)
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
@pytest.mark.parametrize("name", ["scalar", "scalar, automatic step", "small image", "flush"])
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
