"""Messages that the caller has made arrive as they are."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

import tbimage
from tbimage.events import messages
from tbimage.writer import defaults
from tests import readers
from tests.kinds import written

#: Where packages have their own Summary and Event.
PEERS = {
    "tbimage": ("tbimage.events.messages", "tbimage.events.messages"),
    "tensorboard": (
        "tensorboard.compat.proto.summary_pb2",
        "tensorboard.compat.proto.event_pb2",
    ),
    "tensorboardX": ("tensorboardX.proto.summary_pb2", "tensorboardX.proto.event_pb2"),
}


def classes(peer: str) -> tuple[Any, Any]:
    pytest.importorskip(peer)
    summaries, events = map(importlib.import_module, PEERS[peer])
    return summaries.Summary, events.Event


@pytest.mark.parametrize("peer", PEERS)
def test_messages_of_any_package_and_their_bytes(tmp_path: Path, loader: str, peer: str) -> None:
    summary_class, event_class = classes(peer)
    summary = summary_class(value=[summary_class.Value(tag="loss", simple_value=0.5)])
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.raw_summary(summary, 1, wall_time=1.5)
        writer.raw_summary(summary.SerializeToString(), 2)
        writer.raw_summary(summary)
        writer.raw_event(event_class(step=10, wall_time=2.5, summary=summary))
        writer.raw_event(bytearray(event_class(summary=summary).SerializeToString()), 11)
        writer.raw_summary(summary)
    points = readers.read_runs(tmp_path, loader)["."]["loss"].points
    assert [point.step for point in points] == [1, 2, 3, 10, 11, 12]
    assert {point.value for point in points} == {0.5}
    assert [point.wall_time for point in points if point.step in (1, 10)] == [1.5, 2.5]
    assert points[4].wall_time > 1e9


def test_unknown_fields_stay(tmp_path: Path) -> None:
    unknown = b"\xfa\x3e\x03abc"  # field 1007
    value = messages.Summary.Value(tag="a", simple_value=1).SerializeToString() + unknown
    summary = b"\x0a" + bytes([len(value)]) + value
    event = messages.Event(step=1, wall_time=1.0).SerializeToString() + unknown
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.raw_summary(summary, 0)
        writer.raw_event(event)
    first, second = (each.SerializeToString() for each in written.events(tmp_path))
    assert summary in first
    assert event == second


def test_events_of_every_sort(tmp_path: Path) -> None:
    events = [
        messages.Event(wall_time=1.0, step=3, graph_def=b"graph"),
        messages.Event(wall_time=2.0, session_log=messages.SessionLog(status=2)),
        messages.Event(wall_time=3.0, file_version="brain.Event:2"),
        messages.Event(wall_time=4.0),
    ]
    with tbimage.SummaryWriter(tmp_path) as writer:
        for event in events:
            assert writer.raw_event(event)
    assert written.events(tmp_path) == events


def test_the_order_of_calls_is_the_order_in_the_file(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(20):
            writer.raw_event(messages.Event(step=step, wall_time=1.0))
            writer.scalar("a", 0, step)
    assert [event.step for event in written.events(tmp_path)] == sorted([*range(20)] * 2)


def test_a_summary_without_tags(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.raw_summary(b"", 5)
    (event,) = written.events(tmp_path)
    assert (event.step, len(event.summary.value)) == (5, 0)


def test_record_if_is_asked_by_the_first_tag(tmp_path: Path) -> None:
    summary = messages.Summary(value=[messages.Summary.Value(tag="loss", simple_value=0.5)])
    asked = []

    def condition(step: int | None, name: str) -> bool:
        asked.append((step, name))
        return False

    with tbimage.SummaryWriter(tmp_path) as writer, defaults.replaced(condition=condition):
        assert not writer.raw_summary(summary, 3)
        assert not writer.raw_event(messages.Event(step=4, summary=summary))
    assert asked == [(3, "loss"), (4, "loss")]
    assert written.events(tmp_path) == []


@pytest.mark.parametrize(
    ("method", "message", "error", "match"),
    [
        ("raw_summary", b"\xff", ValueError, "summary must be a serialized Summary, got 1 bytes"),
        ("raw_summary", "text", TypeError, "summary must be a Summary message or its bytes"),
        ("raw_summary", messages.Event(), TypeError, "summary must be a Summary message"),
        ("raw_event", b"\x09", ValueError, "event must be a serialized Event"),
        ("raw_event", None, TypeError, "event must be an? ?Event message or its bytes, got None"),
        (
            "raw_event",
            messages.Event(wall_time=float("nan")),
            ValueError,
            "event must have a finite wall_time, got nan",
        ),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, method: str, message: Any, error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer, pytest.raises(error, match=match):
        getattr(writer, method)(message)
    assert written.events(tmp_path) == []
