"""The layout of the Custom Scalars page: charts that put scalars of several tags together.

The wire form is the plugin's: a string scalar under one reserved tag, which holds a serialized
``Layout``. TensorBoard shows the newest one of each run, so each Summary has all charts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tbimage.buffers import Piece
from tbimage.kinds import tensors
from tbimage.kinds.names import check_text

if TYPE_CHECKING:
    from tbimage.events import messages

__all__ = ["LAYOUT_TAG", "Chart", "check_chart", "check_layout", "nbytes", "summary"]

#: tensorboard/plugins/custom_scalar/metadata.py.
LAYOUT_TAG = "custom_scalars__config__"


@dataclass(frozen=True, slots=True)
class Chart:
    """What one chart shows.

    Attributes:
        kind: "multiline" or "margin".
        tags: Regular expressions of tags; or tags in threes: value, lower and upper bound.
    """

    kind: str
    tags: Sequence[str]


# What CPython takes for a string besides its characters, and for its place in a dict or list.
_STRING_BYTES = 80

#: Charts by the titles of their category and of themselves, in the order of the page.
Charts = dict[tuple[str, str], Chart]


def check_layout(layout: object) -> Charts:
    """Check a whole layout.

    Args:
        layout: ``{category: {title: [kind, tags]}}``, as torch's ``add_custom_scalars`` takes it.

    Raises:
        TypeError: It is of another form.
        ValueError: A kind is unknown, a regular expression is none, or a margin chart's tags do not
            come in threes.

    Example:
        >>> check_layout({"losses": {"all": ["Multiline", ["loss/.*"]]}})
        {('losses', 'all'): Chart(kind='multiline', tags=['loss/.*'])}
    """
    charts: Charts = {}
    for category, titles in _mapping("layout", layout).items():
        for title, chart in _mapping(f"layout[{category!r}]", titles).items():
            where = f"layout[{category!r}][{title!r}]"
            if not isinstance(chart, (list, tuple)) or len(chart) != 2:
                raise TypeError(
                    f"{where} must be a kind and its tags, as in ['Multiline', ['loss/.*']], got "
                    f"{chart!r:.80}"
                )
            charts |= check_chart(chart[0], chart[1], category, title, where)
    return charts


def _mapping(argument: str, given: object) -> Mapping[Any, Any]:
    if isinstance(given, Mapping):
        return given
    raise TypeError(
        f"{argument} must be a mapping, got {given!r:.80} of type {type(given).__name__}; expected "
        "{category: {title: [kind, tags]}}"
    )


def check_chart(
    kind: object, tags: object, category: object, title: object, where: str = "tags"
) -> Charts:
    """Check one chart.

    Args:
        kind: "Multiline" or "Margin", in any case.
        tags: Its tags.
        category: The title of the section that it stands in.
        title: Its own title.
        where: What the tags are, for errors.

    Raises:
        TypeError: Something is of the wrong type.
        ValueError: The kind is unknown, or the tags are not what it takes.

    Example:
        >>> check_chart("Margin", ["mean", "low", "high"], "loss", "validation")
        {('loss', 'validation'): Chart(kind='margin', tags=['mean', 'low', 'high'])}
    """
    if not isinstance(kind, str) or kind.lower() not in _FILLED:
        raise ValueError(f"{where} must be of the kind 'Multiline' or 'Margin', got {kind!r}")
    if isinstance(tags, (str, bytes)) or not isinstance(tags, Iterable):
        raise TypeError(f"{where} must have a list of tags, got {tags!r:.80}")
    checked = [check_text("a tag", tag) for tag in tags]
    if not checked:
        raise ValueError(f"{where} must have at least one tag, got none")
    if kind.lower() == "multiline":
        for tag in checked:
            _check_expression(where, tag)
    elif len(checked) % 3:
        raise ValueError(
            f"{where} must have tags in threes (value, lower bound, upper bound), got "
            f"{len(checked)}: {checked!r:.80}"
        )
    titles = check_text("category", category), check_text("title", title)
    return {titles: Chart(kind.lower(), checked)}


def _check_expression(where: str, tag: str) -> None:
    try:
        re.compile(tag)
    except re.error as error:
        raise ValueError(
            f"{where} must be regular expressions, got {tag!r}: {error}; pass re.escape(tag) for "
            "one tag"
        ) from None


def summary(charts: Charts) -> list[Piece]:
    """Make the Summary of a layout.

    Args:
        charts: All charts of the run. Other threads may add to them meanwhile.

    Returns:
        The serialized Summary, as pieces.

    Example:
        >>> charts = check_chart("Multiline", ["loss"], "all", "losses")
        >>> LAYOUT_TAG.encode() in b"".join(summary(charts))
        True
    """
    from tbimage.events.messages import Category, Layout
    from tbimage.events.messages import Chart as ChartMessage

    categories: dict[str, messages.Category] = {}
    for (category, title), chart in charts.copy().items():  # a copy is one step under the GIL
        message = ChartMessage(title=title)
        _FILLED[chart.kind](message, chart.tags)
        categories.setdefault(category, Category(title=category)).chart.append(message)
    layout = Layout(category=list(categories.values())).SerializeToString()
    metadata = tensors.metadata("custom_scalars", b"", None)
    return tensors.summary([tensors.string_value(LAYOUT_TAG, (), [layout], metadata)])


def _multiline(message: messages.Chart, tags: Sequence[str]) -> None:
    message.multiline.tag.extend(tags)


def _margin(message: messages.Chart, tags: Sequence[str]) -> None:
    from tbimage.events.messages import MarginChartContent

    for value, lower, upper in zip(tags[::3], tags[1::3], tags[2::3], strict=True):
        series = MarginChartContent.Series(value=value, lower=lower, upper=upper)
        message.margin.series.append(series)


_FILLED = {"multiline": _multiline, "margin": _margin}


def nbytes(charts: Charts) -> int:
    """Tell about how many bytes of memory charts take.

    Args:
        charts: What ``check_layout`` returned.

    Example:
        >>> nbytes({}) == 0
        True
    """
    return sum(
        _STRING_BYTES + len(string)
        for titles, chart in charts.items()
        for string in (*titles, *chart.tags)
    )
