"""Choose the values of a page if not all of them fit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["choose", "evenly", "fair_shares"]


def evenly(count: int, most: int) -> NDArray[np.intp]:
    """Return at most ``most`` positions below ``count``: evenly spread, with first and last."""
    if count <= most:
        return np.arange(count)
    if most <= 1:
        return np.arange(count)[count - max(most, 0) :]  # the last position, or none
    return np.round(np.linspace(0, count - 1, most)).astype(np.intp)


def fair_shares(needs: Sequence[int], room: int) -> list[int]:
    """Divide ``room`` bytes. Small needs are met in full. Large needs get equal shares."""
    shares = [0] * len(needs)
    waiting = sorted(range(len(needs)), key=needs.__getitem__)
    for done, at in enumerate(waiting):
        shares[at] = min(needs[at], room // (len(needs) - done))
        room -= shares[at]
    return shares


def choose(series: Sequence[NDArray[np.int64]], room: int, most: int) -> list[NDArray[np.intp]]:
    """Choose values of several series of one tag. Series with the same steps show the same steps.

    Args:
        series: The sizes in bytes of the values of each series.
        room: How many bytes the chosen values may take together.
        most: How many values of each series may be chosen.

    Returns:
        The chosen positions in each series. If ``room`` is too small for one value of each series,
        only some series, evenly chosen, have a value. It is their last value.
    """

    def cost(limit: int) -> int:
        return sum(int(sizes[evenly(len(sizes), limit)].sum()) for sizes in series)

    longest = min(max(map(len, series), default=0), most)
    limit = longest if cost(longest) <= room else bisect_right(range(longest), room, key=cost) - 1
    if limit > 0:
        return [evenly(len(sizes), limit) for sizes in series]
    lasts = np.array([int(sizes[-1]) if len(sizes) else 0 for sizes in series], np.int64)
    fitting = bisect_right(
        range(len(series)), room, key=lambda n: int(lasts[evenly(len(series), n)].sum())
    )
    shown = set(evenly(len(series), fitting - 1).tolist())
    return [evenly(len(sizes), int(at in shown)) for at, sizes in enumerate(series)]
