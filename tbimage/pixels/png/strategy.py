"""Which filter and which deflate suit a picture, found out from a sample of it.

What lives here: the estimate, the trial, and the rules that lead from them to a ``Plan``. What does
not: carrying the plan out (strips.py), and trying everything (smallest.py).

Rules:
- The differences in a photograph are noise of small numbers. Huffman codes do all that can be done,
  and the entropy of the differences tells which filter is best. Drawings, masks and label maps are
  repetition: deflate has to look for matches, does so at ten times the speed it has on photographs,
  and finds them best where no filter has disturbed them.
- Hence first the entropy at some thousand pixels; then, where it is so low that matching decides,
  deflate itself on some bands of rows. Both together stay below a tenth of the encoding.
- Every number below was chosen on the corpus of ``python -m benchmarks.encoders``.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tbimage.pixels.png import strips
from tbimage.pixels.png.deflate import Method, compressor
from tbimage.pixels.png.filters import Filter, average_predictor, filter_rows, paeth_predictor
from tbimage.pixels.png.libraries import igzip
from tbimage.pixels.png.rows import Rows
from tbimage.pixels.png.strips import Plan, is_small
from tbimage.pixels.scratch import Bytes, take

#: Bytes whose entropy is taken: one in 64 of the picture, within these bounds.
SAMPLE_BYTES = (2 << 10, 4 << 10)
#: Bytes that deflate is tried on: one in 32 of the picture, within these bounds.
TRIAL_BYTES = (8 << 10, 32 << 10)
#: They lie in this many bands of rows. Fewer and thicker: matches reach back over rows.
TRIAL_BANDS = 2

#: Bits for each byte below which a picture is a drawing (chessboards, masks, label maps, plots: 0.0
#: to 0.5) and level 6 runs at 100 to 200 MB/s.
DRAWING_BITS = 0.6
#: Bits below which there is repetition and next to nothing else (a plot of lines: 0.5).
REPEATED_BITS = 0.3
#: Bits below which matching pays, at a lower level (a smooth heat map in colour: 0.9).
FLAT_BITS = 1.0
#: The same without igzip, when the alternative is slower (a depth map in colour: 1.2).
FLAT_BITS_OF_ZLIB = 1.25
#: Bits below which repetition still counts (depth map 1.4, logo 1.5, fundus of an eye 2.1), so that
#: the entropy alone does not tell the best filter. Most photographs have 3.5 to 6.5.
SMOOTH_BITS = 2.5

#: Larger drawings are tried with runs alone.
TRIED_RUNS_BYTES = 64 << 10

# What the entropies after the five filters are multiplied by. Average takes five passes and Paeth
# fifteen, a quarter of igzip's time, so Paeth has to save 8 % of the bytes; zlib is slower.
_HANDICAPS_OF_IGZIP = np.array([1, 1, 1, 1.02, 1.08])
_HANDICAPS_OF_ZLIB = np.array([1, 1, 1, 1, 1.005])

# Distances of sampled rows and columns. Primes other than 2 and 5, since what repeats in pictures
# repeats every 2ⁿ or 10ⁿ pixels: of a photograph enlarged twofold, every second row says nothing.
_STRIDES = (1, 3, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89)
_SAMPLED_ROWS = 16

_FIVE_HISTOGRAMS = np.arange(0, 5 * 256, 256, dtype=np.intp)[:, np.newaxis]


def plan_fast(rows: Rows) -> Plan:
    """Choose what takes the least time at about the size that Pillow's default has.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (200, 200, 1), np.uint8)
        >>> plan_fast(Rows(noise)).method in (Method.IGZIP_NEAR, Method.RUNS)
        True
    """
    has_igzip = igzip() is not None
    quick = Method.IGZIP if has_igzip else Method.RUNS
    if rows.width == rows.step or rows.height == 1:
        return Plan(
            Filter.PAETH, quick, strips.STRIP_BYTES
        )  # a neighbour is always 0: Paeth is Sub or Up
    if is_small(rows):
        return _plan_small(rows, quick)
    bits = entropies(rows)
    handicaps = _HANDICAPS_OF_IGZIP if has_igzip else _HANDICAPS_OF_ZLIB
    best = Filter(int((bits * handicaps).argmin()))
    least = float(bits[best])
    if least < (FLAT_BITS if has_igzip else FLAT_BITS_OF_ZLIB):
        return _plan_flat(rows, best, least)
    if not has_igzip:
        return Plan(best, Method.RUNS, strips.STRIP_BYTES)
    if least > SMOOTH_BITS:
        return Plan(best, Method.IGZIP_NEAR, strips.STRIP_BYTES)
    # A band holds fewer repetitions than the picture.
    trials = {(kind, Method.IGZIP): 1.0 for kind in (best, Filter.UP)}
    trials |= {(Filter.NONE, Method.IGZIP): 0.95, (best, Method.IGZIP_NEAR): 1}
    return Plan(*_try(rows, trials), strips.STRIP_BYTES)


def _plan_small(rows: Rows, quick: Method) -> Plan:
    if quick is Method.IGZIP:
        return Plan(Filter.UP, quick, strips.STRIP_BYTES)
    changes = np.count_nonzero(rows.pixels[1:] != rows.pixels[:-1])
    if changes * 4 < rows.pixels.size:
        return Plan(Filter.UP, Method.MATCHES, strips.STRIP_BYTES)
    return Plan(Filter.PAETH, quick, strips.STRIP_BYTES)


def _plan_flat(rows: Rows, best: Filter, bits: float) -> Plan:
    # Level 6 makes more of undisturbed repetition than the first level, which is quick to ask.
    trials = {(Filter.REPEAT, Method.SKIM): 0.8, (best, Method.SKIM): 1}
    kind, _ = _try(rows, trials)
    method = Method.MATCHES if bits < DRAWING_BITS else Method.QUICK
    if method is Method.MATCHES and rows.height * rows.width > TRIED_RUNS_BYTES:
        # Runs alone are four times as fast, and all there is to find in most masks. igzip is twenty
        # times as fast and not much larger for plots, but bands of what repeats do not tell.
        trials = {(kind, Method.RUNS): 1, (kind, Method.MATCHES): 1.05}
        if bits > REPEATED_BITS and igzip() is not None:
            trials[kind, Method.IGZIP] = 0.8
        _, method = _try(rows, trials)
    return Plan(kind, method, strips.STRIP_BYTES)


def plan_balanced(rows: Rows) -> Plan:
    """Choose what is about as small as Pillow's default or smaller, in less time.

    The files do not depend on igzip being there.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (200, 200, 1), np.uint8)
        >>> plan_balanced(Rows(noise))[:2]
        (<Filter.LEAST: 6>, <Method.RUNS: 'runs'>)
    """
    if rows.width == rows.step or rows.height == 1:
        return Plan(Filter.PAETH, Method.RUNS, strips.STRIP_BYTES)
    bits = entropies(rows)
    best = Filter(int(bits.argmin()))
    if bits[best] > SMOOTH_BITS:
        return Plan(Filter.LEAST, Method.RUNS, strips.STRIP_BYTES)
    trials = {
        (Filter.REPEAT, Method.MATCHES): 0.9,
        (best, Method.MATCHES): 1,
        (Filter.LEAST, Method.RUNS): 1,
    }
    chosen, method = _try(rows, trials)
    return Plan(chosen, method, strips.STRIP_BYTES)


def _try(rows: Rows, trials: Mapping[tuple[Filter, Method], float]) -> tuple[Filter, Method]:
    """Deflate some bands of rows in several ways; give the one with the least size times factor."""
    least, most = TRIAL_BYTES
    tried = min(max(rows.height * rows.width // 32, least), most)
    band = min(max(1, tried // TRIAL_BANDS // rows.width), rows.height)
    starts = {(rows.height - band) * (2 * i + 1) // (2 * TRIAL_BANDS) for i in range(TRIAL_BANDS)}

    def deflated(trial: tuple[Filter, Method]) -> float:
        kind, method = trial
        deflater = compressor(method)
        size = 0
        for start in sorted(starts):
            filtered = filter_rows(kind, rows.window(start, start + band), rows.step)
            size += len(deflater.compress(filtered))
        return (size + len(deflater.flush())) * trials[trial]

    return min(trials, key=deflated)


def entropies(rows: Rows) -> npt.NDArray[np.float64]:
    """Estimate the bits for each byte that the filters None, Sub, Up, Average and Paeth leave.

    Args:
        rows: A picture of at least 2 × 2 pixels.

    Returns:
        ``(5,)`` float64, 0 to 8: the entropy of the differences at a grid of pixels.

    Example:
        >>> ramp = np.arange(256, dtype=np.uint8).repeat(256).reshape(256, 256, 1)
        >>> entropies(Rows(ramp)).round().tolist()
        [4.0, 0.0, 0.0, 0.0, 0.0]
    """
    current, left, above, corner = _neighbourhoods(rows)
    size = current.size
    differences = take("differences", 5 * size).reshape(5, size)
    differences[0] = 0
    differences[1] = left
    differences[2] = above
    average_predictor(left, above, differences[3])
    paeth_predictor(left, above, corner, differences[4])
    np.subtract(current, differences, out=differences)
    counts = np.bincount((differences + _FIVE_HISTOGRAMS).reshape(-1), minlength=5 * 256)
    sums = _count_times_log(size)[counts].reshape(5, 256).sum(axis=1)
    bits: npt.NDArray[np.float64] = np.log2(size) - sums / size
    return bits


@functools.lru_cache(maxsize=8)
def _count_times_log(most: int) -> npt.NDArray[np.float64]:
    """Return n · log₂(n) for every n from 0 to ``most``."""
    counts = np.arange(most + 1, dtype=np.float64)
    counts[1:] *= np.log2(counts[1:])
    return counts


def _neighbourhoods(rows: Rows) -> tuple[Bytes, Bytes, Bytes, Bytes]:
    """The bytes of some pixels, of the pixels left of them, above them, and above left of them."""
    least, most = SAMPLE_BYTES
    sampled = min(max(rows.height * rows.width // 64, least), most) // rows.step
    height, across = rows.height - 1, rows.pixels.shape[1] - 1
    down = _stride(height / _SAMPLED_ROWS)
    right = _stride(across * len(range(0, height, down)) / sampled)
    pixels: npt.NDArray[np.void] | npt.NDArray[np.integer]
    if rows.stored is not None:  # one item for a pixel: NumPy copies that three times as fast
        pixels = rows.stored.view(np.dtype((np.void, rows.step)))
    else:
        pixels = rows.pixels

    def pick(y: int, x: int) -> Bytes:
        picked = pixels[y : y + height : down, x : x + across : right]
        copied = np.ascontiguousarray(picked, pixels.dtype.newbyteorder(">"))
        return copied.reshape(-1).view(np.uint8)

    return pick(1, 1), pick(1, 0), pick(0, 1), pick(0, 0)


def _stride(least: float) -> int:
    return next((stride for stride in _STRIDES if stride >= least), int(least) | 1)
