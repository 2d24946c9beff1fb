"""Layouts as the Custom Scalars page's own code reads them."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

import tbimage
from tbimage.events.messages import Layout
from tbimage.kinds import custom_scalars as kind
from tests import readers
from tests.kinds import written

LAYOUT = {
    "stocks": {"twse": ["Multiline", ["twse/0050", "twse/2330"]]},
    "USA": {
        "dow": ["Margin", ["dow/aaa", "dow/bbb", "dow/ccc"]],
        "nasdaq": ["margin", ["nasdaq/aaa", "nasdaq/bbb", "nasdaq/ccc"]],
    },
}


def shown(directory: Path, loader: str) -> dict[str, dict[str, Any]]:
    """The page's layout as its plugin answers it: {category: {title: chart}}."""
    plugins = pytest.importorskip("tensorboard.plugins.custom_scalar.custom_scalars_plugin")
    from tensorboard import context as tensorboard_context
    from tensorboard.plugins import base_plugin

    with readers.open_loader(directory, loader) as provider:
        plugin = plugins.CustomScalarsPlugin(
            base_plugin.TBContext(data_provider=provider(), plugin_name_to_instance={})
        )
        answer = plugin.layout_impl(tensorboard_context.RequestContext(), "")
    layout = json.loads(answer) if answer else {}
    return {
        category["title"]: {
            chart.pop("title"): next(iter(chart.values())) for chart in category["chart"]
        }
        for category in layout.get("category", [])
    }


def test_the_layout_is_that_of_torch(tmp_path: Path) -> None:
    summary = pytest.importorskip("torch.utils.tensorboard.summary")
    (theirs,) = summary.custom_scalars({**LAYOUT, "USA": {"dow": LAYOUT["USA"]["dow"]}}).value
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.custom_scalars({**LAYOUT, "USA": {"dow": LAYOUT["USA"]["dow"]}})
    ours = written.only_value(tmp_path)
    assert ours.tag == theirs.tag
    assert ours.metadata.plugin_data.plugin_name == theirs.metadata.plugin_data.plugin_name
    assert Layout.FromString(ours.tensor.string_val[0]) == (
        Layout.FromString(theirs.tensor.string_val[0])
    )


def test_the_page_shows_it(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.custom_scalars(LAYOUT)
    dow = {"series": [{"value": "dow/aaa", "lower": "dow/bbb", "upper": "dow/ccc"}]}
    charts = shown(tmp_path, loader)
    assert charts["stocks"] == {"twse": {"tag": ["twse/0050", "twse/2330"]}}
    assert charts["USA"]["dow"] == dow
    assert list(charts["USA"]) == ["dow", "nasdaq"]


def test_charts_add_up_and_the_newest_of_a_title_counts(tmp_path: Path, loader: str) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.custom_scalars_multiline(["loss/.*"], title="losses")
        writer.custom_scalars_margin(["a", "b", "c"], category="more", title="band")
        writer.custom_scalars_multiline(iter(["loss/train"]), title="losses")
    assert [event.step for event in written.events(tmp_path)] == [0, 1, 2]
    assert shown(tmp_path, loader) == {
        "default": {"losses": {"tag": ["loss/train"]}},
        "more": {"band": {"series": [{"value": "a", "lower": "b", "upper": "c"}]}},
    }


def test_a_writer_that_starts_again_is_the_newest(tmp_path: Path, loader: str) -> None:
    for title in ("first", "second"):
        with tbimage.SummaryWriter(tmp_path) as writer:
            writer.custom_scalars_multiline(["loss"], title=title)
    assert list(shown(tmp_path, loader)["default"]) == ["second"]


def test_calls_from_many_threads_lose_no_chart(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        threads = [
            threading.Thread(
                target=lambda number: [
                    writer.custom_scalars_multiline(["a"], title=f"{number} {i}") for i in range(20)
                ],
                args=[number],
            )
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    layout = Layout.FromString(written.values(tmp_path)[-1].tensor.string_val[0])
    (category,) = layout.category
    assert {chart.title for chart in category.chart} == {
        f"{number} {i}" for number in range(4) for i in range(20)
    }


@pytest.mark.parametrize(
    ("layout", "error", "match"),
    [
        (["loss"], TypeError, "layout must be a mapping"),
        ({"a": ["loss"]}, TypeError, r"layout\['a'\] must be a mapping"),
        ({"a": {"b": ["loss"]}}, TypeError, r"layout\['a'\]\['b'\] must be a kind and its tags"),
        (
            {"a": {"b": ["Pie", ["x"]]}},
            ValueError,
            "of the kind 'Multiline' or 'Margin', got 'Pie'",
        ),
        ({"a": {"b": ["Margin", ["x", "y"]]}}, ValueError, "groups of three tags .*, got 2"),
        ({"a": {"b": ["Multiline", ["loss("]]}}, ValueError, r"regular expressions, got 'loss\('"),
        (
            {"a": {"b": ["Multiline", "loss"]}},
            TypeError,
            "must be a list of tags, got 'loss' of type str",
        ),
        ({"a": {"b": ["Multiline", []]}}, ValueError, "at least one tag"),
        ({"a": {"b": ["Multiline", [3]]}}, TypeError, "a tag must be a string, got 3"),
        ({3: {"b": ["Multiline", ["x"]]}}, TypeError, "category must be a string, got 3"),
    ],
)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    tmp_path: Path, layout: Any, error: type[Exception], match: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.custom_scalars_multiline(["good"])
        with pytest.raises(error, match=match):
            writer.custom_scalars(layout)
    assert written.only_value(tmp_path).tag == kind.LAYOUT_TAG


@pytest.mark.parametrize("tag", ["loss (train)", "a+b", "weights[0]", "x?y", "a*b"])
def test_a_tag_that_does_not_match_itself_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, tag: str
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for _ in range(2):
            writer.custom_scalars_multiline([tag, "loss"], title="all")
    (record,) = caplog.records
    assert f"the tag {tag!r} of a multiline chart is a regular expression" in record.getMessage()


def test_expressions_and_tags_that_match_are_not_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fine = ["loss/.*", r"loss \(train\)", "a|b", "loss/train", "^x$", "(?:a)b", "grad.norm"]
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.custom_scalars_multiline(fine)
        writer.custom_scalars_margin(["mean (all)", "low (all)", "high (all)"], title="m")
    assert caplog.records == []
