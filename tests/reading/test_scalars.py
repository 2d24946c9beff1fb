"""Scalars that are read many at once equal those that are read one by one."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tbimage
from tbimage.events.messages import Event
from tbimage.events.records import frame
from tbimage.reading import scalars as module
from tbimage.reading.index import FileIndex


def record(event: Event) -> bytes:
    return b"".join(frame([event.SerializeToString()]))


def scalar(tag: str, step: int, value: float, form: int) -> bytes:
    """A scalar as TF1, as TF2, or as torch writes it (with metadata), as ``form`` says."""
    event = Event(wall_time=step / 7, step=step)
    message = event.summary.value.add(tag=tag)
    if form == 0:
        message.simple_value = value
    else:
        message.tensor.dtype = 1
        message.tensor.tensor_shape.SetInParent()
        if form == 1:
            message.tensor.tensor_content = np.float32(value).tobytes()
        else:
            message.tensor.float_val.append(value)
        message.metadata.plugin_data.plugin_name = "scalars"
    return record(event)


def text(step: int) -> bytes:
    event = Event(wall_time=1.0, step=step)
    message = event.summary.value.add(tag="text")
    message.tensor.dtype = 7
    message.tensor.string_val.append(b"x" * (step % 50))
    message.metadata.plugin_data.plugin_name = "text"
    return record(event)


STEPS = st.one_of(
    st.integers(0, 300), st.integers(-5, 5), st.sampled_from([2**35, 2**40, 2**63 - 1, 127, 128])
)
SCALAR = st.tuples(
    st.sampled_from(["a", "b", "loss/train", "loss/tests", "long" * 300]),
    STEPS,
    st.floats(width=32),
    st.integers(0, 2),
)


def told(path: Path) -> Any:
    index = FileIndex(str(path), {})
    index.refresh()
    numbers = {
        tag: (list(each.steps), list(each.wall_times), [repr(value) for value in each.values])
        for tag, each in index.numbers.items()
    }
    places = {tag: list(each.offsets) for tag, each in index.entries.items()}
    return numbers, places, index.records, [str(each) for each in index.damage]


@settings(max_examples=60)
@given(
    st.lists(st.one_of(SCALAR, SCALAR, SCALAR, st.integers(0, 300)), min_size=1, max_size=60),
    st.integers(1, 20),
    st.integers(0, 1 << 30),
    st.booleans(),
)
def test_many_at_once_are_the_same_as_one_by_one(
    made: list[Any], times: int, place: int, damaged: bool
) -> None:
    records = [text(each) if isinstance(each, int) else scalar(*each) for each in made]
    data = bytearray(b"".join(records) * times)
    if damaged:
        data[place % len(data)] ^= 0x55
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        path = Path(directory, "events.out.tfevents.1")
        path.write_bytes(data)
        patch.setattr(module, "_FEWEST_RECORDS", 1 << 30)
        one_by_one = told(path)
        patch.setattr(module, "_FEWEST_RECORDS", 2)
        assert told(path) == one_by_one


def test_they_are_taken_in_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tags in turn, with steps that grow through all lengths and go back, over many blocks."""
    steps = [*range(1, 20_000, 7), *range(5, 300)]
    parts = [
        scalar(tag, step, step / 3, form)
        for step in steps
        for tag, form in (("a", 0), ("loss", 1), ("other", 2), ("a", 1))
    ]
    (tmp_path / "events.out.tfevents.1").write_bytes(b"".join(parts))
    taken = 0
    take_in = module.Templates.take_in

    def counted(*arguments: Any) -> int:
        nonlocal taken
        done = take_in(*arguments)
        taken += done
        return done

    monkeypatch.setattr(module.Templates, "take_in", counted)
    run = tbimage.read(tmp_path)["."]
    assert taken > len(parts) / 2
    assert run.scalars("loss", raw=True).steps.tolist() == steps
    assert run.scalars("a", raw=True).steps.tolist() == [step for step in steps for _ in range(2)]
    values = run.scalars("other", raw=True).values.tolist()
    assert all(
        math.isclose(value, step / 3, rel_tol=1e-6)
        for value, step in zip(values, steps, strict=True)
    )


def test_many_tags_are_told_apart(tmp_path: Path) -> None:
    """More tags of equal length than the tables hold, and then few enough for them."""
    for count in 3000, 900:
        path = tmp_path / str(count) / "events.out.tfevents.1"
        path.parent.mkdir()
        path.write_bytes(
            b"".join(
                scalar(f"tag{number:05d}", step, number + step, 0)
                for step in range(1, 5)
                for number in range(count)
            )
        )
        run = tbimage.read(path.parent)["."]
        assert len(run.tags) == count
        for number in range(count):
            values = run.scalars(f"tag{number:05d}").values.tolist()
            assert values == [number + step for step in range(1, 5)]
