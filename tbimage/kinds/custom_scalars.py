"""Layouts of the Custom Scalars page: charts that show scalars of several tags.

The wire form is that of the plugin: a string tensor with a serialized ``Layout``, under a reserved
tag. TensorBoard shows only the newest layout of a run, so each Summary contains all charts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.events import wire
from tbimage.kinds import tensors

if TYPE_CHECKING:
    from tbimage.events import messages

#: The reserved tag, from tensorboard/plugins/custom_scalar/metadata.py.
LAYOUT_TAG = "custom_scalars__config__"


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart."""

    kind: str  # "multiline" or "margin"
    # For a multiline chart: regular expressions that match tags. For a margin chart: three tags for
    # each line (value, lower bound, upper bound).
    tags: Sequence[str]


# The bytes that CPython needs for a string and for the reference to it, without the characters.
_STRING_BYTES = 80

#: Charts by category and title, in the order in which the page shows them.
Charts = dict[tuple[str, str], Chart]


def check_layout(layout: object) -> Charts:
    """Check ``{category: {title: [kind, tags]}}``, the argument of torch's add_custom_scalars."""
    charts: Charts = {}
    expected = "a mapping, as in {category: {title: [kind, tags]}}"
    for category, titles in checks.mapping("layout", layout, expected).items():
        for title, chart in checks.mapping(f"layout[{category!r}]", titles, expected).items():
            where = f"layout[{category!r}][{title!r}]"
            if not isinstance(chart, (list, tuple)) or len(chart) != 2:
                raise TypeError(
                    f"{where} must be a kind and its tags, as in ['Multiline', ['loss/.*']], got "
                    f"{checks.given(chart)}"
                )
            charts |= check_chart(chart[0], chart[1], category, title, where)
    return charts


def check_chart(
    kind: object, tags: object, category: object, title: object, where: str = "tags"
) -> Charts:
    """Check one chart; ``where`` is its name in error messages."""
    tensors.import_messages()
    if not isinstance(kind, str) or kind.lower() not in _FILLED:
        raise ValueError(
            f"{where} must be of the kind 'Multiline' or 'Margin', got {checks.shown(kind)}"
        )
    checked = [checks.text("a tag", tag) for tag in checks.items(where, tags, "a list of tags")]
    if not checked:
        raise ValueError(f"{where} must have at least one tag, got none")
    if kind.lower() == "multiline":
        for tag in checked:
            _check_expression(where, tag)
    elif len(checked) % 3:
        raise ValueError(
            f"{where} must have groups of three tags (value, lower bound, upper bound), got "
            f"{len(checked)}: {checks.shown(checked)}"
        )
    titles = checks.text("category", category), checks.text("title", title)
    return {titles: Chart(kind.lower(), checked)}


def _check_expression(where: str, tag: str) -> None:
    try:
        re.compile(tag)
    except re.error as error:
        raise ValueError(
            f"{where} must be regular expressions, got {tag!r}: {error}; pass re.escape(tag) for "
            "one tag"
        ) from None


# Characters that are common in regular expressions and rare in tags.
_OF_EXPRESSIONS = re.compile(r"[\\|^$]|\.[*+?]|\(\?")


def mismatched_tags(charts: Charts) -> list[str]:
    """Return tags that do not match themselves as regular expressions, such as "loss (train)"."""
    return [
        tag
        for chart in charts.values()
        for tag in (chart.tags if chart.kind == "multiline" else ())
        if not _OF_EXPRESSIONS.search(tag) and not re.match(tag, tag)
    ]


def summary(charts: Charts) -> list[Piece]:
    """Make the Summary of all charts of a run. Other threads may add charts at the same time."""
    from tbimage.events.messages import Category, Layout
    from tbimage.events.messages import Chart as ChartMessage

    categories: dict[str, messages.Category] = {}
    for (category, title), chart in charts.copy().items():  # the copy is atomic
        message = ChartMessage(title=title)
        _FILLED[chart.kind](message, chart.tags)
        categories.setdefault(category, Category(title=category)).chart.append(message)
    layout = Layout(category=list(categories.values())).SerializeToString()
    metadata = wire.summary_metadata("custom_scalars", b"", None)
    return wire.summary([tensors.string_value(LAYOUT_TAG, (), [layout], metadata)])


def _multiline(message: messages.Chart, tags: Sequence[str]) -> None:
    message.multiline.tag.extend(tags)


def _margin(message: messages.Chart, tags: Sequence[str]) -> None:
    from tbimage.events.messages import MarginChartContent

    for value, lower, upper in zip(tags[::3], tags[1::3], tags[2::3], strict=True):
        series = MarginChartContent.Series(value=value, lower=lower, upper=upper)
        message.margin.series.append(series)


_FILLED = {"multiline": _multiline, "margin": _margin}


def nbytes(charts: Charts) -> int:
    """Estimate the number of bytes of memory that charts need."""
    return sum(
        _STRING_BYTES + len(string)
        for titles, chart in charts.items()
        for string in (*titles, *chart.tags)
    )
