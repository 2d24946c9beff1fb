"""Steps: automatic steps, steps that do not increase, and types of steps."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tbimage
from tbimage.events import steps as drawn_steps
from tbimage.events.steps import Steps
from tbimage.writer import steps
from tbimage.writer.steps import KindWatch, StepWatch, check_step
from tests.pipeline import logs

LEAST, GREATEST = -(2**63), 2**63 - 1


@given(st.integers(LEAST, GREATEST))
def test_every_int64_is_a_step(step: int) -> None:
    assert check_step(step) == step
    assert type(check_step(np.int64(step))) is int
    assert check_step(np.array(step)) == step


@pytest.mark.parametrize("step", [np.uint8(3), np.int32(3), np.uint64(3), np.array(3, np.int8)])
def test_integers_of_numpy_are_steps(step: Any) -> None:
    assert check_step(step) == 3


def test_objects_with_numpy_or_item_are_steps() -> None:
    class Variable:
        """As ``tf.Variable``: no ``__index__``."""

        def numpy(self) -> Any:
            return np.int64(7)

        shape = ()

    assert check_step(Variable()) == 7


@pytest.mark.parametrize("step", [True, np.bool_(True), 3.0, np.float32(3), "3", None, [3], 3j])
def test_anything_else_is_none(step: Any) -> None:
    with pytest.raises(TypeError, match="step must be an integer"):
        check_step(step)


def test_booleans_of_torch_are_none() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="step must be an integer"):
        check_step(torch.tensor(True))
    assert check_step(torch.tensor(3)) == 3


@pytest.mark.parametrize("step", [np.array([3]), np.zeros((2, 2), int)])
def test_arrays_with_axes_are_no_steps(step: Any) -> None:
    with pytest.raises(TypeError, match="step must be an integer"):
        check_step(step)


@pytest.mark.parametrize("step", [GREATEST + 1, LEAST - 1, 10**30, np.uint64(2**63)])
def test_integers_beyond_64_bits_are_no_steps(step: Any) -> None:
    with pytest.raises(ValueError, match="must fit a signed 64-bit integer"):
        check_step(step)


# Automatic steps.


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(-5, 50)),
    st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.integers(-10, 60)))),
)
def test_an_automatic_step_is_above_all_that_the_name_had(
    history: dict[str, int], calls: list[tuple[str, int | None]]
) -> None:
    taken = Steps()
    taken.history = history
    had: dict[str, list[int]] = {}
    for name, step in calls:
        got = taken.draw(name, step)
        if step is not None:
            assert got == step
        elif name in had:
            assert got == max(had[name]) + 1
        else:
            assert got == max(history.get(name, -1), -1) + 1
        had.setdefault(name, []).append(got)


def test_automatic_steps_go_on_after_a_batch_of_images() -> None:
    taken = Steps()
    taken.history = {"photos/image/0": 8, "other": 99}
    assert [taken.draw("photos", None) for _ in range(2)] == [9, 10]


def test_history_is_needed_for_the_first_automatic_step_of_a_name_only() -> None:
    taken = Steps()
    taken.draw("a", 3)
    assert not taken.needs_history("a")
    assert taken.draw("a", None) == 4
    assert taken.needs_history("b")
    taken.history = {"a": 5}
    assert not taken.needs_history("b")


def test_after_the_greatest_step_there_is_no_automatic_one() -> None:
    taken = Steps()
    taken.draw("a", GREATEST)
    with pytest.raises(ValueError, match="greatest possible step"):
        taken.draw("a", None)
    assert taken.draw("a", 3) == 3


def test_made_up_names_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forgotten name never gets a step that it had before."""
    monkeypatch.setattr(drawn_steps, "_MOST_NAMES", 10)
    taken = Steps()
    taken.history = {}
    had: dict[str, int] = {}
    for number in range(500):
        name = f"n{number % 37}" if number % 3 else f"unique {number}"
        step = taken.draw(name, None)
        assert step > had.get(name, -1)
        had[name] = step
        assert len(taken.last) <= 10


# The warning.


def test_a_step_that_does_not_increase_warns_once_for_each_name(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.scalar("a", 0.5, 5)
        writer.scalar("b", 0.5, 5)
        with pytest.warns(tbimage.StepWarning, match="step 5 of 'a' was logged before") as caught:
            writer.scalar("a", 0.5, 5)
        assert caught[0].filename == __file__
        assert "each kind of summary a name of its own" in str(caught[0].message)
        writer.scalar("a", 0.5, 4)
        with pytest.warns(tbimage.StepWarning, match="step 3 of 'b' is below 5"):
            writer.scalar("b", 0.5, 3)
    assert logs.steps(tmp_path, "a") == [5, 5, 4]


def test_a_warning_that_is_an_error_leaves_the_writer_in_order(tmp_path: Path) -> None:
    """They are errors in these tests."""
    writer = tbimage.SummaryWriter(tmp_path)
    writer.scalar("a", 0.5, 5)
    with pytest.raises(tbimage.StepWarning):
        writer.scalar("a", 0.5, 5)
    assert writer.image("b", np.zeros((2, 2)), 5)
    with pytest.raises(tbimage.StepWarning):
        writer.image("b", np.zeros((2, 2)), 5)
    assert writer.flush(60)
    assert writer.stats().pending_bytes == 0
    writer.close()


@pytest.mark.parametrize("method", ["scalar", "scalars"])
def test_the_step_of_a_dropped_summary_may_come_again(tmp_path: Path, method: str) -> None:
    """Warnings are errors in these tests."""
    writer = tbimage.SummaryWriter(tmp_path, on_full="drop", max_pending_bytes=1, flush_secs=60)
    log, value = getattr(writer, method), 0.5 if method == "scalar" else {"b": 0.5}
    step = 0
    while log("a", value, step):  # until the memory is full
        step += 1
        assert step < 100
    assert writer.flush(60)
    assert log("a", value, step)
    writer.close()


def test_warnings_are_issued_without_the_lock(tmp_path: Path) -> None:
    """A handler of warnings may be slow, or log with this very writer from another thread."""
    writer = tbimage.SummaryWriter(tmp_path)
    writer.scalar("a", 0.5, 5)
    logged = []

    def show(*arguments: object, **keywords: object) -> None:
        thread = threading.Thread(target=lambda: logged.append(writer.scalar("b", 0.5)))
        thread.start()
        thread.join(60)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        writer.scalar("a", 0.5, 5)
    assert logged == [True]
    writer.close()


def test_no_more_names_are_warned_of_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_MOST_NAMES", 3)
    watch = StepWatch()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(10):
            watch.check(f"n{number}", f"n{number}", 1, 1)
    assert len(caught) == 3


# Two kinds under one name.


@pytest.mark.parametrize("second", [7, None])
def test_a_second_kind_under_a_name_warns_once(tmp_path: Path, second: int | None) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.scalar("weights", 0.5, 3)
        with pytest.warns(tbimage.KindWarning, match="'weights' was logged as a scalar and is log"):
            writer.histogram("weights", [1, 2], second)
        writer.histogram("weights", [1, 2])
        writer.text("weights", "no third warning")
        writer.scalar("weights", 0.5)
        writer.scalar("bias", 0.5, 3)
    assert len(logs.summaries(tmp_path)) == 6


def test_the_kinds_of_no_more_names_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_MOST_NAMES", 3)
    watch = KindWatch()
    for number in range(10):
        watch.check(f"n{number}", "a scalar")
    assert len(watch.of) == 3
    with pytest.warns(tbimage.KindWarning):
        watch.check("n2", "a text")


# Across restarts.


def test_automatic_steps_go_on_across_restarts(tmp_path: Path) -> None:
    for restart in range(3):
        with tbimage.SummaryWriter(tmp_path, wire="tensor" if restart % 2 else "image") as writer:
            for _ in range(2):
                writer.scalar("scalar", 0.5)
                writer.image("image", np.zeros((2, 2)))
                writer.image("batch", np.zeros((3, 2, 2, 1)))
    assert logs.steps(tmp_path, "scalar") == list(range(6))
    assert logs.steps(tmp_path, "image") == list(range(6))


def test_a_history_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The next flush raises an error, or with "log" a line is logged."""
    from tbimage.events.event_files import EventFiles

    def refuse(self: EventFiles) -> None:
        raise PermissionError(13, "not for you", self.directory)

    monkeypatch.setattr(EventFiles, "history", refuse)
    with tbimage.SummaryWriter(tmp_path / "raise") as writer:
        assert writer.scalar("a", 0.5)
        with pytest.raises(PermissionError):
            writer.flush()
        assert writer.scalar("a", 0.5, 3)
    caplog.clear()
    with tbimage.SummaryWriter(tmp_path / "log", on_error="log") as writer:
        assert writer.scalar("a", 0.5)
        assert writer.image("b", np.zeros((2, 2)))
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "automatic steps begin with 0" in caplog.text
