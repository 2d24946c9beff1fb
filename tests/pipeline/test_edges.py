"""Edge cases of names, keys, steps, old files, ``keep``, ``record_if`` and threads."""

from __future__ import annotations

import itertools
import os
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.events.messages import Event, Summary
from tbimage.events.records import masked_crc32c
from tests import readers
from tests.pipeline import children, logs
from tests.pipeline.soundness import PICTURE, assert_adds_up, assert_goes_on, everything

GREATEST = 2**63 - 1


def tree(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


# Runs stay within the log directory.

OUTSIDE = ["../x", "../../../x", "a/../../x", "/{absolute}", "..", "a/../..", "./../x"]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("peer", ["torch", "tensorboardx"])
def test_a_run_name_that_leads_outside_is_refused(tmp_path: Path, name: str, peer: str) -> None:
    compat = pytest.importorskip(f"tbimage.compat.{peer}")
    logdir = tmp_path / "deep" / "er" / "logs"
    writer = compat.SummaryWriter(str(logdir))
    before = tree(tmp_path)
    run = name.replace("/{absolute}", str(tmp_path / "absolute"))
    keyword = {"torch": "run_name", "tensorboardx": "name"}[peer]
    with pytest.raises(ValueError, match=keyword):
        writer.add_hparams({"lr": 0.1}, {"loss": 0.5}, **{keyword: run})
    writer.add_hparams({"lr": 0.1}, {"loss": 0.5}, **{keyword: "inside/it"})
    writer.close()
    new = tree(tmp_path) - before
    inside = str(logdir.relative_to(tmp_path))
    assert new
    assert all(each.startswith(inside + os.sep) for each in new), new


@pytest.mark.parametrize("key", ["..", "../x", "../../../x", "/etc/x", ".", "a/..", "", " ", "\\"])
@pytest.mark.parametrize("name", ["loss", "..", "../..", "."])
def test_no_key_of_scalars_leads_outside(tmp_path: Path, name: str, key: str) -> None:
    """The key is refused, or its run is directly in the log directory."""
    logdir = tmp_path / "deep" / "er" / "logs"
    writer = tbimage.SummaryWriter(logdir)
    before = tree(tmp_path)
    with_key = {key: 1.0}
    try:
        writer.scalars(name, with_key, 0)
    except ValueError:
        pass
    assert writer.close()
    inside = str(logdir.relative_to(tmp_path))
    assert all(each.startswith(inside + os.sep) for each in tree(tmp_path) - before)
    assert all(run == logdir or run.parent == logdir for run in logs.runs(tmp_path))


# Keys of scalars.

ALIKE = ["a/b", "a:b", "a_b", "a b", "a\\b", "a*b", "a?b", "a|b", "a<b", 'a"b', "a\nb"]


@pytest.mark.parametrize("together", [True, False])
def test_similar_keys_do_not_share_a_run(tmp_path: Path, together: bool) -> None:
    """Two keys must not share a line of the chart: the second has another run, or is refused."""
    writer = tbimage.SummaryWriter(tmp_path)
    accepted: list[tuple[str, list[str]]] = []
    for first, second in itertools.combinations(ALIKE, 2):
        name = f"n{len(accepted)}"
        calls = [[first, second]] if together else [[first], [second]]
        keys: list[str] = []
        for call in calls:
            try:
                writer.scalars(name, dict.fromkeys(call, 1.0), 0)
                keys += call
            except ValueError:
                pass
        accepted.append((name, keys))
    assert writer.close()
    for name, keys in accepted:
        runs = [run for run in logs.sub_runs(tmp_path) if name in logs.steps_by_tag(run)]
        assert len(runs) == len(keys), (name, keys)
        assert all(logs.steps(run, name) == [0] for run in runs)


def test_keys_of_one_step_may_be_logged_in_several_calls(tmp_path: Path) -> None:
    """Each key has its own run, so no point is lost, and there is no warning."""
    writer = tbimage.SummaryWriter(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for step in range(5):
            assert writer.scalars("loss", {"train": 0.5}, step)
            assert writer.scalars("loss", {"val": 0.5}, step)
    assert writer.close()
    assert [logs.steps(run, "loss") for run in logs.sub_runs(tmp_path)] == [list(range(5))] * 2


def test_a_step_of_a_key_that_does_not_grow_causes_a_warning(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    assert writer.scalars("loss", {"train": 0.5}, 3)
    assert writer.scalars("loss", {"val": 0.5}, 2)
    with pytest.warns(tbimage.StepWarning, match="loss"):
        writer.scalars("loss", {"train": 0.5}, 2)
    assert writer.close()


# Steps.


LOG: dict[str, Callable[[tbimage.SummaryWriter, int | None], object]] = {
    "scalar": lambda writer, step: writer.scalar("a", 0.5, step),
    "image": lambda writer, step: writer.image("a", PICTURE, step),
    "histogram": lambda writer, step: writer.histogram("a", np.arange(9.0), step),
    "text": lambda writer, step: writer.text("a", "words", step),
    "scalars": lambda writer, step: writer.scalars("a", {"k": 0.5}, step),
}


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("kind", LOG)
def test_an_automatic_step_after_the_greatest_step_is_an_error(
    tmp_path: Path, kind: str, restart: bool
) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    assert LOG[kind](writer, GREATEST - 1)
    assert LOG[kind](writer, None)  # the greatest
    if restart:
        assert writer.close()
        writer = tbimage.SummaryWriter(tmp_path)

    def beyond() -> None:
        LOG[kind](writer, None)
        writer.flush(60)

    with pytest.raises(ValueError, match="step"):
        beyond()
    assert_goes_on(writer, 1)
    assert writer.close()
    assert everything(tmp_path)["a"] == [GREATEST - 1, GREATEST]


# Old files that are damaged.


def header(length: int) -> bytes:
    data = struct.pack("<Q", length)
    return data + struct.pack("<I", masked_crc32c([data]))


DAMAGE = {
    "a length of 2^64-1": header(2**64 - 1),
    "a length of 2^63": header(2**63),
    "a length of 2^63-1": header(2**63 - 1),
    "a length of 2^62": header(2**62) + b"x" * 100,
    "a length of 2^31": header(2**31) + b"x" * 100,
    "noise": bytes(range(256)) * 4,
    "zeros": bytes(1000),
    "half a header": header(20)[:7],
    "nothing": b"",
}


@pytest.mark.parametrize("on_error", ["log", "raise"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_old_file_does_not_stop_a_writer(
    tmp_path: Path, damage: str, on_error: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(5):
            writer.scalar("a", 0.5, step)
    (old,) = readers.event_files(tmp_path)
    (tmp_path / f"{old.name}.damaged").write_bytes(old.read_bytes() + DAMAGE[damage])
    old.unlink()
    writer = tbimage.SummaryWriter(tmp_path, on_error=on_error)
    assert writer.scalar("a", 0.5)
    assert writer.flush(60)
    assert_goes_on(writer, 0)
    assert writer.close()
    *_, new = readers.event_files(tmp_path)
    steps = [
        event.step
        for event in logs.events_of(new)
        for value in event.summary.value
        if value.tag == "a"
    ]
    assert steps == [5]


# All kinds check name, step, record_if and keep.


def an_event(step: int) -> Any:
    return Event(step=step, summary=Summary(value=[Summary.Value(tag="a", simple_value=0.5)]))


GATED: dict[str, Callable[[tbimage.SummaryWriter, int], object]] = {
    "scalar": lambda writer, step: writer.scalar("a", 0.5, step),
    "scalars": lambda writer, step: writer.scalars("a", {"k": 0.5}, step),
    "image": lambda writer, step: writer.image("a", PICTURE, step),
    "text": lambda writer, step: writer.text("a", "words", step),
    "histogram": lambda writer, step: writer.histogram("a", np.arange(9.0), step),
    "raw_event": lambda writer, step: writer.raw_event(an_event(step)),
    "raw_event of bytes": lambda writer, step: writer.raw_event(an_event(step).SerializeToString()),
    "raw_summary": lambda writer, step: writer.raw_summary(an_event(step).summary, step),
    "graph": lambda writer, step: writer.graph(b""),
    "grid": lambda writer, step: writer.grid("a", [PICTURE], step),
    "tensor": lambda writer, step: writer.tensor("a", np.arange(3.0), step),
    "custom_scalars": lambda writer, step: writer.custom_scalars(
        {"a": {"b": ["Multiline", ["c"]]}}
    ),
    "hparams": lambda writer, step: writer.hparams({"rate": 0.1}),
}


@pytest.mark.parametrize("kind", GATED)
def test_every_kind_obeys_keep(tmp_path: Path, kind: str) -> None:
    writer = tbimage.SummaryWriter(tmp_path, keep={"*": tbimage.Keep(every=5)})
    answers = [bool(GATED[kind](writer, step)) for step in range(20)]
    assert answers == [step % 5 == 0 for step in range(20)]
    assert writer.flush(60)
    stats = writer.stats()
    assert_adds_up(stats)
    assert stats.kept_out == 16
    assert stats.logged == stats.written
    assert writer.close()


@pytest.mark.parametrize("kind", GATED)
def test_every_kind_obeys_record_if(tmp_path: Path, kind: str) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    with tbimage.record_if(False):
        assert not any(GATED[kind](writer, step) for step in range(5))
    assert writer.close()
    stats = writer.stats()
    assert stats.logged == stats.kept_out == 0
    assert everything(tmp_path) == {}


@pytest.mark.parametrize("kind", GATED)
def test_steps_of_calls_that_keep_left_out_do_not_count(tmp_path: Path, kind: str) -> None:
    """A later call with a smaller step causes no warning."""
    writer = tbimage.SummaryWriter(tmp_path, keep={"*": tbimage.Keep(every=3)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert GATED[kind](writer, 5)
        assert not GATED[kind](writer, 100)
        assert not GATED[kind](writer, 100)
        assert GATED[kind](writer, 6)
    assert writer.close()


# Threads end with the last writer.

THREADS = """
import os, sys, threading, time
import numpy as np
import tbimage

logdir = sys.argv[1]
NOISE = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)

def threads():
    return set(os.listdir("/proc/self/task")) - before

def all_end():
    "They end within about a second; enough for a busy machine."
    deadline = time.monotonic() + 20
    while threads():
        assert time.monotonic() < deadline, threads()
        time.sleep(0.01)
    with open("/proc/self/status") as status:
        assert "Threads:\\t1\\n" in list(status) or numpy_has_threads

before = set(os.listdir("/proc/self/task"))
with open("/proc/self/status") as status:
    numpy_has_threads = "Threads:\\t1\\n" not in list(status)
"""


def test_threads_start_with_the_first_work_and_sleep_without_it(tmp_path: Path) -> None:
    script = """
def switches():
    "The context switches that each thread wanted so far."
    counts = {}
    for thread in threads():
        with open(f"/proc/self/task/{thread}/status") as status:
            counts[thread] = [line for line in status if line.startswith("voluntary")]
    return counts

writer = tbimage.SummaryWriter(logdir, workers=2)
assert not threads()
writer.scalar("a", 0.5, 0)
assert writer.flush()
for _ in range(2000):  # a late owner gets a rival, which ends soon
    if len(threads()) == 2:  # the owner, and a worker that writes
        break
    time.sleep(0.01)
else:
    raise AssertionError(threads())
for _ in range(40):  # both sleep soon, also on a busy machine
    counts = switches()
    time.sleep(0.5)
    if switches() == counts:
        break
else:
    raise AssertionError((counts, switches()))
writer.close()
"""
    children.run(THREADS + script, tmp_path)


@pytest.mark.parametrize("workers", [1, 4, 16])
@pytest.mark.parametrize("last", ["asleep", "at work"])
def test_no_thread_outlives_the_last_writer(tmp_path: Path, workers: int, last: str) -> None:
    """All threads are started, and the sleeping ones are woken at the end."""
    script = f"""
writers = [tbimage.SummaryWriter(f"{{logdir}}/{{n}}", workers={workers}) for n in range(3)]
for step in range(3 * {workers}):
    for writer in writers:
        writer.image("a", NOISE, step)
        writer.scalar("b", 0.5, step)
        writer.scalars("c", {{"k": 0.5}}, step)
assert 1 <= len(threads()) <= 8, threads()
for writer in writers[1:]:
    assert writer.close()
if "{last}" == "asleep":
    assert writers[0].flush(60)
writers[0].image("a", NOISE, 1000)  # the others' end is not this one's
assert writers[0].flush(60)
assert writers[0].close()
all_end()
with tbimage.SummaryWriter(logdir + "/later") as writer:
    writer.image("a", NOISE, 0)
    assert writer.flush(60)
all_end()
"""
    children.run(THREADS + script, tmp_path)
    assert logs.steps(tmp_path / "0", "a") == [*range(3 * workers), 1000]
    assert logs.steps(tmp_path / "later", "a") == [0]


def test_no_thread_outlives_a_deleted_writer(tmp_path: Path) -> None:
    script = """
writer = tbimage.SummaryWriter(logdir)
writer.scalar("a", 0.5, 0)
writer.image("a", NOISE, 1)
del writer
all_end()
"""
    children.run(THREADS + script, tmp_path)
    assert everything(tmp_path) == {"a": [0, 1]}


def test_no_thread_outlives_deleted_writers_that_logged_nothing(tmp_path: Path) -> None:
    script = """
for number in range(20):
    tbimage.SummaryWriter(f"{logdir}/{number}")
all_end()
assert not [each for each in os.listdir("/proc/self/fd")
            if os.path.realpath(f"/proc/self/fd/{each}").startswith(logdir)]
"""
    children.run(THREADS + script, tmp_path)


def test_threads_start_again_after_they_ended(tmp_path: Path) -> None:
    """A writer gets threads even if it opens while those of the last writer end."""
    script = """
for number in range(200):
    with tbimage.SummaryWriter(f"{logdir}/{number}") as writer:
        assert writer.scalar("a", 0.5, 0)
        assert writer.image("b", NOISE[:8, :8], 0)
        if number % 20 == 19:
            time.sleep(0.05 * (number // 20))
    if number % 10 == 9:
        time.sleep(0.012 * (number // 10))
    assert len(threads()) <= 8, threads()
all_end()
"""
    children.run(THREADS + script, tmp_path)
    for number in range(200):
        assert everything(tmp_path / str(number)) == {"a": [0], "b": [0]}
