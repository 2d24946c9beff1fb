"""``keep`` chooses calls of an endless stream before anything is copied."""

from __future__ import annotations

import collections
import math
import pickle
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tbimage
from tbimage.writer import sampling
from tbimage.writer.sampling import Keep, Keeper
from tests.pipeline import logs


def kept(keeper: Keeper, name: str, calls: int) -> list[int]:
    return [number for number in range(calls) if keeper.wants(name)]


# The policies.


@given(st.integers(1, 20), st.integers(0, 100))
def test_every(every: int, calls: int) -> None:
    assert kept(Keeper({"*": Keep(every=every)}), "a", calls) == list(range(0, calls, every))


def test_min_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [1000.0, 1001.0, 1009.9, 1010.0, 1015.0, 1025.0, 1034.9, 1035.0]
    clock = iter(times)
    monkeypatch.setattr(sampling, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    assert kept(Keeper({"*": Keep(min_interval=10)}), "a", len(times)) == [0, 3, 5, 7]


def test_a_thread_that_is_delayed_does_not_end_later_intervals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It passes, sleeps for two intervals, in which others pass, and goes on."""
    now = 1000.0
    monkeypatch.setattr(sampling, "time", SimpleNamespace(monotonic=lambda: now))
    interval = sampling.Interval(10)
    others: list[bool] = []

    class Delays(dict[int, tuple[float, object]]):
        def setdefault(self, *arguments: Any) -> Any:
            nonlocal now
            mine = super().setdefault(*arguments)
            if not others:
                others.append(False)  # only the first call is delayed
                for _ in range(2):
                    now += 10
                    others.append(interval.has_passed())
            return mine

    interval._passes = Delays()
    assert interval.has_passed()
    assert others == [False, True, True]
    assert not interval.has_passed()
    now += 10
    assert [interval.has_passed() for _ in range(3)] == [True, False, False]
    assert len(interval._passes) <= 3


def test_reservoir_keeps_the_nth_with_probability_k_over_n() -> None:
    """Over many streams, each number is kept with this probability, within six deviations."""
    size, calls, streams = 3, 60, 4000
    counts: collections.Counter[int] = collections.Counter()
    for _ in range(streams):
        counts.update(kept(Keeper({"*": Keep(reservoir=size)}), "a", calls))
    for number in range(calls):
        probability = min(1.0, size / (number + 1))
        deviation = math.sqrt(streams * probability * (1 - probability))
        assert abs(counts[number] - streams * probability) <= 6 * deviation + 1e-9


def test_a_long_stream_costs_its_logarithm() -> None:
    count = len(kept(Keeper({"*": Keep(reservoir=10)}), "a", 100_000))
    expected = 10 * (1 + math.log(100_000 / 10))
    assert abs(count - expected) < 6 * math.sqrt(expected)


@pytest.mark.parametrize("policy", [Keep(every=3), Keep(reservoir=2)])
def test_names_of_one_pattern_are_kept_together(policy: Keep) -> None:
    """The input and the output of a request are kept together."""
    keeper = Keeper({"request/*": policy})
    both = [(keeper.wants("request/input"), keeper.wants("request/output")) for _ in range(500)]
    assert set(both) == {(True, True), (False, False)}
    assert kept(keeper, "request/later", 500) == [n for n, answer in enumerate(both) if answer[0]]


# Patterns.


def test_the_first_pattern_that_matches_counts() -> None:
    policies = {
        "request/input": Keep(every=2),
        "request/*": Keep(every=3),
        "*/[ab]?": Keep(every=5),
    }
    keeper = Keeper(policies)
    for name, every in [
        ("request/input", 2),
        ("request/output", 3),
        ("request/deep/down", 3),
        ("x/a1", 5),
        ("x/c1", 1),
        ("Request/input", 1),  # case counts
        ("loss", 1),
    ]:
        assert kept(keeper, name, 30) == list(range(0, 30, every)), name


def test_names_are_counted_apart() -> None:
    keeper = Keeper({"*": Keep(every=2)})
    assert [keeper.wants(name) for name in "aabab"] == [True, False, True, True, False]


def test_made_up_names_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names beyond a bound share one count for each pattern."""
    monkeypatch.setattr(sampling, "_MOST_NAMES", 10)
    keeper = Keeper({"r/*": Keep(every=4)})
    answers = [keeper.wants(f"r/{number}") for number in range(1000)]
    assert answers[:10] == [True] * 10
    assert answers[10:] == [number % 4 == 0 for number in range(990)]
    assert len(keeper._decisions) == 10
    assert all(keeper.wants(f"other/{number}") for number in range(100))
    assert len(keeper._decisions) == 10


def test_threads_share_one_count() -> None:
    keeper = Keeper({"*": Keep(every=7)})
    counts: list[int] = []

    def work() -> None:
        counts.append(len(kept(keeper, "a", 1000)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == -(-8000 // 7)


# Mistakes.


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, TypeError, "exactly one of these arguments: every, min_interval, reservoir; got none"),
        ({"every": 2, "reservoir": 3}, TypeError, "got every and reservoir"),
        ({"every": 0}, ValueError, "every must be an integer of at least 1, got 0"),
        ({"every": 2.0}, TypeError, "every must be an integer of at least 1, got 2.0"),
        ({"every": True}, TypeError, "every must be an integer of at least 1, got True"),
        ({"reservoir": -1}, ValueError, "reservoir must be an integer of at least 1, got -1"),
        ({"reservoir": "3"}, TypeError, "reservoir must be an integer of at least 1, got '3'"),
        (
            {"min_interval": -0.5},
            ValueError,
            "min_interval must be a number of at least 0, got -0.5",
        ),
        (
            {"min_interval": math.nan},
            ValueError,
            "min_interval must be a number of at least 0, got nan",
        ),
        (
            {"min_interval": "1s"},
            TypeError,
            "min_interval must be a number of at least 0, got '1s'",
        ),
    ],
)
def test_a_policy_that_makes_no_sense(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Keep(**arguments)


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        (Keep(every=2), r'for all names, pass \{"\*": tbimage.Keep\(...\)\}'),
        ({"a": 3}, "got 'a': 3"),
        ({3: Keep(every=2)}, "got 3: Keep"),
        ([("a", Keep(every=2))], "keep must be a mapping"),
    ],
)
def test_no_mapping_of_policies(tmp_path: Path, policies: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        tbimage.SummaryWriter(tmp_path, keep=policies)


# In a writer.


def test_dropped_calls_are_not_examined_and_are_counted_apart(tmp_path: Path) -> None:
    class Untouchable:
        """Data that cannot be copied."""

        def __array__(self, dtype: object = None, copy: object = None) -> Any:
            raise AssertionError("copied")

    policies = {"requests/*": tbimage.Keep(every=10)}
    with tbimage.SummaryWriter(tmp_path, keep=policies) as writer:
        for step in range(100):
            data = np.zeros((4, 4)) if step % 10 == 0 else Untouchable()
            assert writer.image("requests/input", data, step) is (step % 10 == 0)
            assert writer.scalar("requests/seconds", 0.5, step) is (step % 10 == 0)
            assert writer.scalar("loss", 0.5, step)
    stats = writer.stats()
    assert stats.kept_out == 180
    assert stats.logged == stats.written == 120
    assert sum(stats.dropped.values()) == 0
    assert logs.steps(tmp_path, "requests/input") == list(range(0, 100, 10))
    assert logs.steps(tmp_path, "requests/seconds") == list(range(0, 100, 10))


def test_automatic_steps_count_kept_calls(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path, keep={"*": tbimage.Keep(every=3)}) as writer:
        for _ in range(9):
            writer.scalar("a", 0.5)
    assert logs.steps(tmp_path, "a") == [0, 1, 2]


def test_dropped_calls_do_not_warn_of_their_step(tmp_path: Path) -> None:
    """Warnings are errors in these tests."""
    with tbimage.SummaryWriter(tmp_path, keep={"*": tbimage.Keep(every=2)}) as writer:
        for step in (5, 1, 6, 2, 7):
            writer.scalar("a", 0.5, step)
    assert logs.steps(tmp_path, "a") == [5, 6, 7]


def test_record_if_comes_first(tmp_path: Path) -> None:
    """Calls that it leaves out are not counted."""
    with tbimage.SummaryWriter(tmp_path, keep={"*": tbimage.Keep(every=2)}) as writer:
        for step in range(8):
            with tbimage.record_if(step % 2 == 0):
                writer.scalar("a", 0.5, step)
    assert logs.steps(tmp_path, "a") == [0, 4]
    assert writer.stats().kept_out == 2


def test_bad_names_raise_all_the_same(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path, keep={"*": tbimage.Keep(every=2)}) as writer:
        for _ in range(2):
            with pytest.raises(TypeError, match="name must be a string"):
                writer.scalar(3, 0.5, 0)  # type: ignore[arg-type]


def test_policies_are_copied_and_pickled(tmp_path: Path) -> None:
    policies = {"a": tbimage.Keep(every=2)}
    writer = tbimage.SummaryWriter(tmp_path, keep=policies)
    policies.clear()
    again = pickle.loads(pickle.dumps(writer))
    for each in (writer, again):
        assert [each.scalar("a", 0.5, step) for step in range(3)] == [True, False, True]
        each.close()
