"""Writers begin, nest and end like those of ``tf.summary``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import tbimage
from tbimage.compat.tf_summary import experimental
from tbimage.events.messages import Event
from tests import readers
from tests.compat.tf_summary.same import PIXELS, ours, records


def test_writers_nest(tf: Any, tmp_path: Path) -> None:
    for summary in (ours, tf.summary):
        place = tmp_path / str(summary is ours)
        outer = summary.create_file_writer(str(place / "outer"))
        inner = summary.create_file_writer(str(place / "inner"))
        step = summary.experimental.get_step
        with outer.as_default(step=1) as entered:
            assert entered is outer
            with inner.as_default():
                assert step() == 1
                summary.experimental.set_step(5)
            assert step() == 5  # a block without a step of its own leaves it
            with inner.as_default(step=7):
                assert summary.scalar("a", 1.0)
                summary.experimental.set_step(8)
            assert step() == 5
            assert summary.scalar("b", 1.0)
            with summary.create_noop_writer().as_default(step=9) as nothing:
                assert nothing is None
                assert step() == 5
                assert summary.scalar("c", 1.0)
        assert step() is None
        assert not summary.should_record_summaries()
        outer.close()
        inner.close()
        (event,) = map(Event.FromString, records(place / "inner"))
        assert (event.step, event.summary.value[0].tag) == (7, "a")
        assert [Event.FromString(each).step for each in records(place / "outer")] == [5, 5]


def test_the_end_of_a_block_waits_for_its_summaries(tmp_path: Path) -> None:
    with ours.create_file_writer(tmp_path).as_default():
        ours.image("a", PIXELS["large"], 1)
        ours.scalar("b", 1.0, 1)
        assert ours.flush() is None
        assert len(records(tmp_path)) == 2
        ours.image("a", PIXELS["large"], 2)
    assert len(records(tmp_path)) == 3


def test_closed_writers(tf: Any, tmp_path: Path) -> None:
    for summary in (ours, tf.summary):
        writer = summary.create_file_writer(str(tmp_path / str(summary is ours)))
        assert writer.init() is None
        assert writer.flush() is None
        assert writer.close() is None
        assert writer.close() is None
        assert writer.flush() is None
        assert summary.flush(writer) is None
        for use in (writer.init, writer.as_default, writer.set_as_default):
            with pytest.raises(RuntimeError, match="already closed"):
                use()


def test_closing_the_default_writer_in_its_block(tmp_path: Path) -> None:
    writer = ours.create_file_writer(tmp_path)
    with writer.as_default(1):
        assert ours.scalar("a", 1.0)
        writer.close()
        assert ours.flush() is None
        with pytest.raises(RuntimeError, match="closed"):
            ours.scalar("a", 1.0, 2)
    assert len(records(tmp_path)) == 1


def in_thread(function: Callable[[], Any]) -> Any:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def test_state_belongs_to_the_thread(tmp_path: Path) -> None:
    writer = ours.create_file_writer(tmp_path)

    def state() -> Any:
        with experimental.summary_scope("tag") as (tag, _):
            return experimental.get_step(), ours.should_record_summaries(), tag

    def set_as_default() -> Any:
        writer.set_as_default(step=7)
        return state()

    with writer.as_default(step=3), experimental.summary_scope("outer"):
        assert state() == (3, True, "outer/tag")
        assert in_thread(state) == (None, False, "tag")
        assert in_thread(set_as_default) == (7, True, "tag")
        assert state() == (3, True, "outer/tag")


def test_state_belongs_to_the_task(tmp_path: Path) -> None:
    async def task(step: int) -> Any:
        experimental.set_step(step)
        await asyncio.sleep(0.01)
        return experimental.get_step()

    async def tasks() -> list[int]:
        return await asyncio.gather(*map(task, range(5)))

    assert asyncio.run(tasks()) == [0, 1, 2, 3, 4]


def test_set_as_default(tmp_path: Path) -> None:
    before = tbimage.writer.defaults.default_writer.get()
    writer = ours.create_file_writer(tmp_path)
    try:
        assert writer.set_as_default(step=2) is None
        ours.create_noop_writer().set_as_default(step=4)
        assert ours.scalar("a", 1.0)
    finally:
        tbimage.writer.defaults.default_writer.set(before)
        experimental.set_step(None)
    writer.close()
    (record,) = records(tmp_path)
    assert Event.FromString(record).step == 2


def test_the_noop_writer_does_nothing() -> None:
    writer = ours.create_noop_writer()
    assert isinstance(writer, ours.SummaryWriter)
    assert (writer.init(), writer.flush(), writer.close(), ours.flush(writer)) == (None,) * 4
    with writer.as_default():
        assert not ours.scalar("a", 1.0)


def test_an_error_in_a_block_is_not_hidden_by_one_at_its_end(tmp_path: Path) -> None:
    writer = ours.create_file_writer(tmp_path)

    @contextmanager
    def failing_flush() -> Any:
        within = writer._writer
        assert within is not None
        within._log("a", 1, 0.0, lambda data: [1 / 0], b"")
        yield

    with pytest.raises(KeyError), writer.as_default(), failing_flush():
        raise KeyError
    with pytest.raises(ZeroDivisionError), writer.as_default(), failing_flush():
        pass
    assert not ours.should_record_summaries()  # the state is restored all the same
    writer.close()


def test_arguments_of_create_file_writer(tf: Any, tmp_path: Path) -> None:
    plain = ours.create_file_writer(tmp_path / "path object", max_queue=0, flush_millis=5, name="a")
    suffixed = ours.create_file_writer(bytes(tmp_path / "bytes"), 10, 120_000, ".mine")
    (one,), (other,) = map(readers.event_files, (tmp_path / "path object", tmp_path / "bytes"))
    assert one.suffix == ".v2"
    assert other.suffix == ".mine"
    for writer in (plain, suffixed):
        assert str(tmp_path) in repr(writer)
        writer.close()
    place, suffix = tf.constant(str(tmp_path / "tensor")), tf.constant(".tensor")
    ours.create_file_writer(place, tf.constant(10), tf.constant(5), suffix).close()
    (path,) = readers.event_files(tmp_path / "tensor")
    assert path.suffix == ".tensor"
    with pytest.raises(ValueError, match="logdir must be known before a graph runs"):
        tf.function(ours.create_file_writer)(place)
    with pytest.warns(UserWarning, match="experimental_trackable has no effect"):
        ours.create_file_writer(tmp_path / "a", experimental_trackable=True).close()
    with pytest.warns(UserWarning, match="experimental_mesh has no effect"):
        ours.create_file_writer(tmp_path / "b", experimental_mesh=object()).close()
