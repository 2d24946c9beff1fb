"""Text arrives as it was given, and arrays of it as tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tbimage
from tbimage.kinds import text as kind
from tests import readers
from tests.kinds import written

TEXTS: dict[str, Any] = {
    "markdown": "# A *title*\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    "empty": "",
    "unicode": "Grüße, 世界 \U0001f600 \x00",
    "list": ["a", "b"],
    "table": [["a", "b", "c"], ["d", "e", "f"]],
    "array": np.array([["a", "bc"], ["", "d"]]),
    "objects": np.array(["a", "bc"], dtype=object),
    "nothing": np.zeros((0,), dtype="U1"),
}


def test_the_tensor_is_that_of_tensorflow(tmp_path: Path) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    with tensorflow.summary.create_file_writer(str(tmp_path / "theirs")).as_default():
        for name, text in TEXTS.items():
            tensorflow.summary.text(name, tensorflow.constant(text, tensorflow.string), step=0)
    with tbimage.SummaryWriter(tmp_path / "ours") as writer:
        for name, text in TEXTS.items():
            writer.text(name, text, 0)
    theirs = written.tensors(tmp_path, "python", "theirs")
    assert written.tensors(tmp_path, "python", "ours") == theirs
    assert theirs.keys() == TEXTS.keys()


@pytest.mark.parametrize("text", ["**x**", ["a", "b"], [["a", "b"]]])
def test_the_message_is_that_of_tensorboard(text: Any) -> None:
    summary_v2 = pytest.importorskip("tensorboard.plugins.text.summary_v2")
    theirs = summary_v2.text_pb("a/b", text, "*why*")
    ours = kind.summary("a/b", kind.prepare(text), "*why*")
    assert b"".join(ours) == theirs.SerializeToString()


def test_loaders_show_it_with_its_description(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for name, text in TEXTS.items():
            writer.text(name, text, 4, description=f"*{name}*")
    series = readers.read_runs(tmp_path, loader)["."]
    assert series.keys() == TEXTS.keys()
    for name, text in TEXTS.items():
        shown = series[name]
        assert (shown.plugin, shown.description, shown.steps) == ("text", f"*{name}*", [4])
        (point,) = shown.points
        assert isinstance(point.value, readers.Tensor)
        assert point.value.shape == np.shape(text)
        expected = tuple(str(leaf).encode() for leaf in np.ravel(np.array(text, dtype=object)))
        assert point.value.values == expected


def test_the_plugin_makes_tables_of_arrays(tmp_path: Path) -> None:
    plugin = pytest.importorskip("tensorboard.plugins.text.text_plugin")
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.text("table", [["*a*", "b"], ["c", "d"]], 0)
    (table,) = written.tensors(tmp_path, "data_server").values()
    html = plugin.text_array_to_html(table.array(), enable_markdown=True)
    assert html.count("<tr>") == 2
    assert html.count("<td>") == 4
    assert "<em>a</em>" in html


strings = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(text=strings)
def test_any_string_comes_back(text: str) -> None:
    (value,) = written.parsed(kind.summary("a", kind.prepare(text), None)).value
    assert [string.decode() for string in value.tensor.string_val] == [text]
    assert len(value.tensor.tensor_shape.dim) == 0


@given(rows=st.integers(0, 4), columns=st.integers(1, 4), data=st.data())
def test_any_table_comes_back(rows: int, columns: int, data: st.DataObject) -> None:
    row = st.lists(strings, min_size=columns, max_size=columns)
    table = data.draw(st.lists(row, min_size=rows, max_size=rows))
    (value,) = written.parsed(kind.summary("a", kind.prepare(table), None)).value
    shape = [dim.size for dim in value.tensor.tensor_shape.dim]
    assert shape == ([rows, columns] if rows else [0])
    assert json.dumps(table) == json.dumps(
        [
            [string.decode() for string in value.tensor.string_val[start : start + columns]]
            for start in range(0, rows * columns, columns)
        ]
    )


@given(text=st.text(st.characters(categories=["Cs"]), min_size=1, max_size=3))
def test_lone_surrogates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"lone surrogate at index 1; pass data.encode"):
        kind.prepare("x" + text)


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        (3, TypeError, "data must be a string or an array of strings, got 3 of type int"),
        ([1, 2], TypeError, "got 1 of type int"),
        (np.arange(3), TypeError, "got 0 of type int"),
        (None, TypeError, "got None"),
        ([["a"], ["b", "c"]], ValueError, r"data is ragged: .* shapes \(1,\), \(2,\)"),
        (["a", ["b"]], ValueError, "data is ragged"),
        ([[["a"]]], ValueError, r"got shape \(1, 1, 1\)"),
        (b"\xff", ValueError, "data must be valid UTF-8"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, data: Any, error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.text("good", "text", 0)
        with pytest.raises(error, match=match):
            writer.text("bad", data, 0)
    assert written.only_value(tmp_path).tag == "good"


def test_bytes_are_text_when_they_are_utf8() -> None:
    assert kind.prepare("ü".encode()) == kind.prepare("ü")


VERBATIM = [
    "*not* italic, <b>not bold</b> & [no](link)",
    "# no title\n\n  two spaces,   three\n\n\n| no | table |\n|---|---|\n",
    "~~~\nfence\n~~~\n~~~~~~~ and ``` more",
    "\n\nlines before and behind\n\n",
    "    indented\n1. no list\n- neither",
    "Grüße 猫 &amp; \U0001f600",
    "\\*escaped\\*",
    "x",
]


@pytest.mark.parametrize("text", VERBATIM)
def test_a_text_without_markdown_is_shown_as_it_is(tmp_path: Path, text: str, loader: str) -> None:
    html = pytest.importorskip("html.parser")
    plugin_util = pytest.importorskip("tensorboard.plugin_util")
    with tbimage.SummaryWriter(tmp_path) as writer, writer.as_default(0):
        writer.text("one", text, markdown=False)
        tbimage.text("table", [[text, "b"]], markdown=False)

    class Code(html.HTMLParser):  # type: ignore[name-defined]
        """The text within <code>, as a browser has it."""

        def __init__(self) -> None:
            super().__init__()
            self.inside, self.text = False, ""
            self.tags: list[str] = []

        def handle_starttag(self, tag: str, attributes: Any) -> None:
            self.tags.append(tag)
            self.inside |= tag == "code"

        def handle_endtag(self, tag: str) -> None:
            self.inside &= tag != "code"

        def handle_data(self, data: str) -> None:
            self.text += data if self.inside else ""

    found = written.tensors(tmp_path, loader)
    for tensor in found.values():
        shown = Code()
        shown.feed(plugin_util.markdown_to_safe_html(tensor.values[0]))
        assert shown.tags == ["pre", "code"]
        assert shown.text.removesuffix("\n") == text
    assert found["table"].shape == (1, 2)


def test_markdown_must_be_a_flag(tmp_path: Path) -> None:
    wrong: Any = "no"
    writer = tbimage.SummaryWriter(tmp_path)
    with writer, pytest.raises(TypeError, match="markdown must be"):
        writer.text("a", "b", 0, markdown=wrong)
