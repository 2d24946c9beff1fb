"""Find the smallest encoding of a picture by trying several encodings.

Rules:
- The method of Pillow's ``optimize=True`` is always tried. It uses the filter with the smallest
  differences for each row, and zlib's level 9 for filtered data. So the file is never larger than
  Pillow's file.
- The trials keep only the sizes, and the best encoding is repeated afterwards. Otherwise several
  files of a large picture would be in memory at the same time.
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
    """Try some forms and plans; return the form and the plan that give the smallest file."""
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
