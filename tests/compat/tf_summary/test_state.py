"""Steps, conditions and scopes are those of ``tf.summary``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.compat.tf_summary import experimental
from tbimage.events.messages import Event
from tests.compat.tf_summary.same import CALLS, SUMMARY, Call, both, error_of, logged, ours


def test_other_threads_see_the_last_step_of_living_threads() -> None:
    seen = tbimage.writer.defaults.Surrounding[int]("seen")
    unseen = tbimage.writer.defaults.Surrounding[int]("unseen")
    threads = [threading.Thread(target=seen.set, args=[number]) for number in (11, 12)]
    for thread in threads:
        thread.start()
        thread.join()
    assert seen.of_threads().get(threads[1]) == 12
    seen.set(3)
    assert seen.of_threads() == {threading.current_thread(): 3}  # the others have ended
    seen.set(None)
    assert seen.of_threads() == {}
    unseen.set_unseen(4)
    assert (unseen.get(), unseen.of_threads()) == (4, {})


STEPS: list[Any] = [
    7,
    True,
    np.bool_(True),
    np.int32(4),
    np.uint8(3),
    np.array(5),
    [5],
    (6,),
    np.array([[4]]),
    np.float32(2),
    -4,
    2**63 - 1,
]


@pytest.mark.filterwarnings("ignore::tbimage.StepWarning")
def test_steps_are_those_of_tensorflow(tf: Any, tmp_path: Path) -> None:
    our, their = both(tf, tmp_path, *(lambda s, n=n: s.scalar("a", 1.0, n) for n in STEPS))
    assert our == their


class Counter:
    """A step in a form that nobody knows."""

    def __init__(self) -> None:
        self.value = 0

    def __int__(self) -> int:
        self.value += 1
        return self.value


def test_a_variable_is_read_with_each_call(tf: Any, tmp_path: Path) -> None:
    def with_variable(variable: Any, add: Callable[[], Any]) -> Call:
        def call(summary: Any) -> bool:
            summary.experimental.set_step(variable)
            assert summary.experimental.get_step() is variable
            first = bool(summary.scalar("a", 1.0))
            add()
            second = bool(summary.scalar("a", 1.0))
            summary.experimental.set_step(None)
            return first and second

        return call

    steps = tf.Variable(3, dtype=tf.int64), tf.Variable(3, dtype=tf.int64)
    our = logged(ours, tmp_path / "a", with_variable(steps[0], lambda: steps[0].assign_add(1)))
    their = logged(tf.summary, tmp_path / "b", with_variable(steps[1], lambda: steps[1].assign(4)))
    assert our == their
    array = np.array(3)
    assert logged(ours, tmp_path / "c", with_variable(array, lambda: array.__iadd__(1))) == our
    counted = logged(ours, tmp_path / "d", with_variable(Counter(), lambda: None))
    assert [Event.FromString(record).step for record in counted] == [1, 2]


@pytest.mark.parametrize("step", [2.0, 2.5, "3", b"3", None, [1, 2], [], 2**63, np.array([5, 6])])
def test_steps_that_tensorflow_refuses_are_refused(tf: Any, tmp_path: Path, step: Any) -> None:
    for index, name in enumerate(("scalar", "image", "histogram", "text", "audio")):
        data = {"text": "x", "scalar": 1.0}.get(name, np.zeros((1, 1, 1, 1), np.float32))
        more = {"sample_rate": 8000} if name == "audio" else {}
        for summary in (ours, tf.summary):
            with summary.create_file_writer(str(tmp_path / f"{index}{summary is tf}")).as_default():
                error = error_of(lambda: getattr(summary, name)("a", data, step=step, **more))  # noqa: B023
            assert type(error) in (ValueError, TypeError), (name, error)


@pytest.mark.parametrize("step", [np.float64(2.5), object(), {}, 1j])
def test_values_that_are_no_step_are_refused(tmp_path: Path, step: Any) -> None:
    with pytest.raises(TypeError, match="step must be an integer"):
        ours.scalar("a", 1.0, step)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (True, True),
        (False, False),
        (None, True),
        (np.bool_(False), False),
        (np.array(False), False),
        (lambda: True, True),
        (lambda: np.bool_(False), False),
        (lambda: None, True),
    ],
)
def test_record_if(tf: Any, tmp_path: Path, condition: Any, expected: bool) -> None:
    for summary in (ours, tf.summary):
        with summary.create_file_writer(str(tmp_path / str(summary is ours))).as_default():
            assert bool(summary.should_record_summaries()) is True
            with summary.record_if(condition):
                assert bool(summary.should_record_summaries()) is expected
                assert bool(summary.scalar("a", 1.0, 1)) is expected
                with summary.record_if(True):
                    assert summary.scalar("a", 1.0, 2)
            assert summary.scalar("a", 1.0, 3)
            with summary.record_if(False):
                assert not summary.scalar("a", 1.0)  # no step
                with pytest.raises(ValueError, match=r"(?i)step"):
                    summary.experimental.write_raw_pb(SUMMARY)


def test_a_condition_is_asked_once_for_each_summary(tmp_path: Path) -> None:
    asked: list[None] = []

    def condition() -> bool:
        asked.append(None)
        return True

    calls = [call for name, call in CALLS.items() if "nameless" not in name]
    with ours.create_file_writer(tmp_path).as_default(), ours.record_if(condition):
        for call in calls:
            assert call(ours)
    assert len(asked) == len(calls)


def test_a_tensor_is_made_only_if_it_is_recorded(tmp_path: Path) -> None:
    made = []

    def tensor() -> float:
        made.append(experimental.get_step())
        return 1.0

    with ours.create_file_writer(tmp_path).as_default(1):
        with ours.record_if(False):
            assert not ours.write("a", tensor)
        assert made == []
        assert ours.write("a", tensor)
    assert made == [1]


def test_variables_and_conditions_of_tbimage_are_taken(tf: Any, tmp_path: Path) -> None:
    variable = tf.Variable(False)
    with ours.create_file_writer(tmp_path).as_default():
        with ours.record_if(variable):
            assert not ours.scalar("a", 1.0, 1)
            variable.assign(True)
            assert ours.scalar("a", 1.0, 1)
        with ours.record_if(tbimage.every_n_steps(10)):
            assert [ours.scalar("b", 1.0, step) for step in range(9, 12)] == [False, True, False]


def test_the_step_is_read_after_the_condition(tf: Any, tmp_path: Path) -> None:
    def counting(summary: Any) -> bool:
        step = tf.Variable(0, dtype=tf.int64)
        with summary.record_if(lambda: step.assign_add(1) > 1):
            assert not summary.scalar("a", 1.0, step)
            assert summary.scalar("b", 1.0, step)
            assert summary.write("c", 1.0, step)
            assert summary.experimental.write_raw_pb(SUMMARY, step)
            summary.experimental.set_step(step)
            done = summary.scalar("d", 1.0)
            summary.experimental.set_step(None)
        return bool(done)

    our, their = both(tf, tmp_path, counting)
    assert our == their
    assert [Event.FromString(record).step for record in our] == [2, 3, 4, 5]


def test_scopes_of_tensorflow_count(tf: Any, tmp_path: Path) -> None:
    def scoped(summary: Any) -> bool:
        with tf.name_scope("a"):
            summary.scalar("x", 1.0, 1)
            summary.write("verbatim", 1.0, 1)
            with summary.experimental.summary_scope("b c") as (tag, scope):
                assert (tag, scope) == ("a/b c", "a/bc/")
                with tf.name_scope("d"):
                    summary.text("y z", "t", 1)
            with tf.name_scope("/"):
                summary.scalar("root", 1.0, 1)
        return bool(summary.scalar("x", 1.0, 2))

    our, their = both(tf, tmp_path, scoped)
    assert our == their


SCOPES: list[tuple[Any, ...]] = [
    ("a",),
    ("my layer",),
    ("",),
    (None, "other"),
    ("日本", "d"),
    ("_z",),
    ("b/c",),
    ("d/",),
    ("/e",),
    ("", ""),
    ("f", "", [1]),
    (".g",),
]


@pytest.mark.parametrize("imported", [True, False])
@pytest.mark.filterwarnings("ignore::tbimage.StepWarning")
def test_scopes_are_those_of_tensorflow(
    tf: Any, tmp_path: Path, imported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not imported:  # the face's own scopes, for programs without TensorFlow
        monkeypatch.setattr("tbimage.compat.tf_summary.peer.imported", lambda: None)

    def enter(summary: Any, found: list[Any], scopes: list[tuple[Any, ...]]) -> None:
        if not scopes:
            return
        with summary.experimental.summary_scope(*scopes[0]) as names:
            found.append(names)
            summary.scalar("x", len(found), step=len(found))
            enter(summary, found, scopes[1:])
            summary.text("y z", "b", step=100 - len(scopes))

    found: dict[Any, list[Any]] = {}

    def call_with(scopes: list[Any]) -> Call:
        def call(summary: Any) -> bool:
            enter(summary, found.setdefault(summary, []), scopes)
            return bool(summary.scalar("outside", 0.0, step=200 + len(found[summary])))

        return call

    calls = [call_with(SCOPES), call_with(SCOPES[::-1]), *(call_with([each]) for each in SCOPES)]
    our, their = both(tf, tmp_path, *calls)
    assert found[ours] == found[tf.summary]
    assert our == their


def test_a_scope_is_left_by_an_error() -> None:
    with pytest.raises(KeyError), experimental.summary_scope("a"):
        raise KeyError
    with experimental.summary_scope("b") as (tag, _):
        assert tag == "b"
