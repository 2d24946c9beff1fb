"""Compare two runs: their tags, steps, values, and the pixels of their pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tbimage.reading.runs import Run
from tbimage.reading.series import Series

__all__ = ["Difference", "diff"]


@dataclass(frozen=True)
class Difference:
    """One difference between two runs.

    Attributes:
        tag: The tag.
        what: ``"tag"`` (only one run has the tag), ``"kind"``, ``"steps"`` or ``"values"``.
        detail: A description of the difference.
    """

    tag: str
    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.tag}: {self.detail}"


def diff(
    first: Run,
    second: Run,
    *,
    tolerance: float = 0.0,
    progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Iterator[Difference]:
    """Yield the differences between two runs. Wall times and descriptions are not compared.

    Args:
        first: A run.
        second: Another run.
        tolerance: The greatest allowed difference of two numbers, as a fraction of the number in
            the second run. Pictures, sounds and texts must be equal.
        progress: A function that takes the tags and yields them. It may show the progress.

    Example:
        >>> import tbimage
        >>> for name, loss in ("a", 0.5), ("b", 0.25):
        ...     with tbimage.SummaryWriter(f"runs/{name}") as writer:
        ...         _ = writer.scalar("loss", loss, step=1)
        >>> logs = tbimage.read("runs")
        >>> print(*diff(logs["a"], logs["b"]))
        loss: 1 of 1 values differ, by at most 0.25, first at step 1: 0.5 and 0.25
    """
    for tag in progress(sorted({*first.tags, *second.tags})):
        if tag not in second.tags:
            yield Difference(tag, "tag", "only in the first run")
        elif tag not in first.tags:
            yield Difference(tag, "tag", "only in the second run")
        elif first.tags[tag].kind != second.tags[tag].kind:
            kinds = f"{first.tags[tag].kind} and {second.tags[tag].kind}"
            yield Difference(tag, "kind", f"the kinds are {kinds}")
        elif first.tags[tag].kind == "scalar":
            yield from _diff_scalars(tag, first, second, tolerance)
        elif first.tags[tag].kind in _ITEMS:
            yield from _diff_items(tag, first, second, tolerance)
    if first.hparams() != second.hparams():
        yield Difference("_hparams_", "values", f"{first.hparams()} and {second.hparams()}")


def _diff_scalars(tag: str, first: Run, second: Run, tolerance: float) -> Iterator[Difference]:
    ours, theirs = first.scalars(tag), second.scalars(tag)
    yield from _diff_steps(tag, ours.steps, theirs.steps)
    steps, at, other = np.intersect1d(ours.steps, theirs.steps, return_indices=True)
    mine, others = ours.values[at], theirs.values[other]
    with np.errstate(invalid="ignore"):
        apart = np.abs(mine - others)
    same = np.isclose(mine, others, rtol=tolerance, atol=0, equal_nan=True) | (mine == others)
    different = np.flatnonzero(~same)
    if len(different):
        where = different[0]
        yield Difference(
            tag,
            "values",
            f"{len(different)} of {len(steps)} values differ, by at most "
            f"{np.nanmax(apart[different], initial=0):g}, first at step {steps[where]}: "
            f"{mine[where]:g} and {others[where]:g}",
        )


def _diff_steps(tag: str, ours: Any, theirs: Any) -> Iterator[Difference]:
    for steps, name in (
        (np.setdiff1d(ours, theirs), "first"),
        (np.setdiff1d(theirs, ours), "second"),
    ):
        if len(steps):
            shown = ", ".join(map(str, steps[:3])) + (", …" if len(steps) > 3 else "")
            detail = f"{len(steps)} steps only in the {name} run: {shown}"
            yield Difference(tag, "steps", detail)


def _diff_items(tag: str, first: Run, second: Run, tolerance: float) -> Iterator[Difference]:
    get, compare = _ITEMS[first.tags[tag].kind]
    ours, theirs = get(first, tag), get(second, tag)
    yield from _diff_steps(tag, ours.steps, theirs.steps)
    others = _by_step(theirs)
    pairs = [(at, others[key]) for key, at in _by_step(ours).items() if key in others]
    different = []
    for at, other in pairs:
        try:
            detail = compare(ours[at], theirs[other], tolerance)
        except ValueError as error:  # a value is damaged or cannot be decoded
            detail = str(error)
        if detail:
            different.append((ours.steps[at], detail))
    if different:
        step, detail = different[0]
        amount = f"{len(different)} of {len(pairs)} values differ"
        yield Difference(tag, "values", f"{amount}, first at step {step}: {detail}")


def _by_step(series: Series[Any]) -> dict[tuple[int, int], int]:
    """Map (step, number of the item in the step) to the place of the item in the series."""
    places: dict[tuple[int, int], int] = {}
    count, last = 0, None
    for at, step in enumerate(series.steps.tolist()):
        count = count + 1 if step == last else 0
        places[step, count] = at
        last = step
    return places


def _compare_images(ours: Any, theirs: Any, tolerance: float) -> str:
    if ours.encoded == theirs.encoded:
        return ""
    mine, others = ours.pixels(), theirs.pixels()
    if mine.shape != others.shape:
        return f"shapes {list(mine.shape)} and {list(others.shape)}"
    apart = np.abs(mine.astype(np.int64) - others.astype(np.int64))
    count = int(apart.max(axis=2, initial=0).astype(bool).sum())
    if not count:
        return ""
    return f"{count} of {mine.shape[0] * mine.shape[1]} pixels differ, by at most {apart.max()}"


def _compare_arrays(mine: Any, others: Any, tolerance: float) -> str:
    if mine.shape != others.shape:
        return f"shapes {list(mine.shape)} and {list(others.shape)}"
    # A small record may repeat one element for a huge shape. Such elements are compared once.
    strides = zip(mine.strides, others.strides, strict=True)
    once = ..., *(slice(None if any(each) else 1) for each in strides)
    mine, others = mine[once], others[once]
    if mine.dtype.kind in "fiubc" and others.dtype.kind in "fiubc":
        if np.isclose(mine, others, rtol=tolerance, atol=0, equal_nan=True).all():
            return ""
        return f"by at most {np.nanmax(np.abs(mine.astype(complex) - others), initial=0):g}"
    return "" if (mine == others).all() else "the strings differ"


#: For each kind, the function that returns the items, and the function that compares two items. The
#: second function returns an empty string if the items are equal.
_ITEMS: dict[str, tuple[Callable[[Run, str], Series[Any]], Callable[[Any, Any, float], str]]] = {
    "image": (Run.images, _compare_images),
    "histogram": (Run.histograms, lambda a, b, t: _compare_arrays(a.buckets, b.buckets, t)),
    "text": (
        Run.texts,
        lambda a, b, t: "" if a.text == b.text else f"{a.text!r:.60} and {b.text!r:.60}",
    ),
    "audio": (Run.audio, lambda a, b, t: "" if a.encoded == b.encoded else "the bytes differ"),
    "tensor": (Run.tensors, lambda a, b, t: _compare_arrays(a.value, b.value, t)),
}
