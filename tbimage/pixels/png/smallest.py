"""The smallest file of a picture, found by making several.

What lives here: which forms, filters and ways to deflate are worth trying, and trying them. What
does not: how each is done (reductions.py, filters.py, deflate.py).

Rules:
- The way Pillow goes with ``optimize=True`` is always among those tried (for each row the filter
  with the least differences, zlib's level 9 for filtered data), so the result is never larger.
- Only sizes are kept while trying; the winner is made again. Else a large picture would be in
  memory several times over.
"""

from __future__ import annotations

import functools

from tbimage.pixels.png.deflate import Method
from tbimage.pixels.png.filters import Filter
from tbimage.pixels.png.reductions import Form, forms
from tbimage.pixels.png.rows import Pixels, Rows
from tbimage.pixels.png.strategy import SMOOTH_BITS, entropies
from tbimage.pixels.png.strips import Plan, Run, encode_strip


def choose_smallest(pixels: Pixels, run: Run) -> tuple[Form, Plan]:
    """Try what may give the smallest file.

    Args:
        pixels: ``(height, across, channels)`` uint8 or uint16.
        run: Does the trials.

    Returns:
        The form and the plan that gave least.

    Example:
        >>> import numpy as np
        >>> mask = np.random.default_rng(0).integers(0, 2, (40, 40, 1), np.uint8) * np.uint8(255)
        >>> form, plan = choose_smallest(mask, lambda parts: [part() for part in parts])
        >>> form.bit_depth, form.channels
        (1, 1)
    """
    tried = [(form, plan) for form in forms(pixels) for plan in _plans(form.rows)]
    sizes = run([functools.partial(_size, form, plan) for form, plan in tried])
    return tried[sizes.index(min(sizes))]


def _plans(rows: Rows) -> list[Plan]:
    best, bits = Filter.PAETH, 0.0
    if rows.height > 1 and rows.width > rows.step:
        estimates = entropies(rows)
        best, bits = Filter(int(estimates.argmin())), float(estimates.min())
    ways = {
        (Filter.LEAST, Method.BEST_FILTERED),
        (Filter.LEAST, Method.RUNS),
        (Filter.LEAST, Method.CODES),
        (best, Method.CODES),
    }
    if bits < SMOOTH_BITS:
        matched = (Filter.NONE, Filter.REPEAT, Filter.UP, best)
        ways |= {(kind, Method.BEST) for kind in matched}
        ways |= {(Filter.UP, Method.BEST_FILTERED), (best, Method.RUNS)}
    everything = rows.height * rows.width
    return [Plan(kind, method, everything) for kind, method in sorted(ways, key=str)]


def _size(form: Form, plan: Plan) -> int:
    strip = encode_strip(form.rows, plan, 0, form.rows.height, 0)
    return strip.size + len(form.palette) + len(form.transparency)
