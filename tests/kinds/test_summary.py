"""The functions on the default writer are the writer's methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tbimage
from tests.kinds import written

CALLS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "histogram": ("histogram", ([1, 2], 3, 5, "*words*"), {"wall_time": 1.5}),
    "text": ("text", ("words", 3, "*words*"), {"wall_time": 1.5}),
    "audio": ("audio", ([[[0.5]], [[0.25]]], 8000, 3, 1, "*words*"), {"wall_time": 1.5}),
    "write": ("tensor", ([1, 2], 3, b""), {"wall_time": 1.5}),
}
#: The keyword of each argument behind the step.
KEYWORDS = {
    "histogram": ["buckets", "description"],
    "text": ["description"],
    "audio": ["max_outputs", "description"],
    "write": ["metadata"],
}


@pytest.mark.parametrize("name", CALLS)
def test_a_function_does_what_the_method_does(tmp_path: Path, name: str) -> None:
    method, arguments, keywords = CALLS[name]
    function = getattr(tbimage, name)
    assert not function("a", *arguments, **keywords)  # without a default writer
    with tbimage.SummaryWriter(tmp_path / "function") as writer, writer.as_default():
        assert function("a", *arguments, **keywords)
    count = len(arguments) - len(KEYWORDS[name])
    named = dict(zip(KEYWORDS[name], arguments[count:], strict=True))
    with tbimage.SummaryWriter(tmp_path / "method") as writer:
        assert getattr(writer, method)("a", *arguments[:count], **named, **keywords)
    assert written.events(tmp_path / "function") == written.events(tmp_path / "method")


def test_a_graph_goes_to_the_default_writer(tmp_path: Path) -> None:
    assert not tbimage.graph(b"")
    with tbimage.SummaryWriter(tmp_path) as writer, writer.as_default():
        assert tbimage.graph(b"", wall_time=2.5)
    (event,) = written.events(tmp_path)
    assert (event.WhichOneof("what"), event.wall_time) == ("graph_def", 2.5)
