"""Choose the filter and the deflate method of a picture from a sample of its bytes.

Rules:
- In a photograph, the differences between pixels are small random numbers. Only Huffman codes
  compress them, and the best filter is the one whose differences have the least entropy. Drawings,
  masks and label maps repeat, so deflate must search for matches. In these pictures, the search is
  ten times as fast as in photographs. It finds more matches if the rows are not filtered.
- So the entropy of a few thousand bytes is computed first. If it is so low that matches save more
  bytes than filters, deflate is tried on some bands of rows. Entropy and trials together take less
  than a tenth of the encoding time.
- Every number below was chosen with the pictures of ``python -m benchmarks.encoders``.
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

#: The minimum and the maximum number of bytes in the sample for the entropy. Between these bounds,
#: the sample has 1/64 of the picture's bytes.
SAMPLE_BYTES = (2 << 10, 4 << 10)
#: The minimum and the maximum number of bytes that a trial deflates. Between these bounds, it
#: deflates 1/32 of the picture.
TRIAL_BYTES = (8 << 10, 32 << 10)
#: The number of bands of rows in a trial. A few thick bands are better than many thin ones, because
#: matches extend over several rows.
TRIAL_BANDS = 2

#: The next constants are entropies in bits per byte. A picture with less entropy than DRAWING_BITS
#: is a drawing: chessboards, masks, label maps and plots have 0.0 to 0.5. For drawings, zlib's
#: level 6 runs at 100 to 200 MB/s.
DRAWING_BITS = 0.6
#: With less entropy than this, a picture repeats almost everywhere. (Line plots have more: 0.5.)
REPEATED_BITS = 0.3
#: With less entropy than this, zlib's level 4 is better than faster methods, because it finds
#: matches that save enough bytes. (A smooth heat map in colour has 0.9.)
FLAT_BITS = 1.0
#: The same limit if igzip is not installed. It is higher, because the methods that do not search
#: for matches are slower without igzip. (A depth map in colour has 1.2.)
FLAT_BITS_OF_ZLIB = 1.25
#: With less entropy than this, matches still save bytes, so the entropy alone does not show the
#: best filter. (A depth map has 1.4, a logo 1.5, a retina 2.1. Most photographs have 3.5 to 6.5.)
SMOOTH_BITS = 2.5

#: For drawings of more bytes than this, ``Method.RUNS`` is also tried.
TRIED_RUNS_BYTES = 64 << 10

# The entropies after the five filters are multiplied by these factors. Average makes five passes
# over the data. Paeth makes fifteen, which take a quarter of igzip's time. So Paeth is used only if
# it saves 8 % of the bytes. zlib is slower than igzip, so the time of the filters matters less.
_HANDICAPS_OF_IGZIP = np.array([1, 1, 1, 1.02, 1.08])
_HANDICAPS_OF_ZLIB = np.array([1, 1, 1, 1, 1.005])

# The distances between sampled rows or columns: 1, and primes other than 2 and 5. Patterns in
# pictures often repeat every 2ⁿ or 10ⁿ pixels. For instance, if a photograph is enlarged by 2,
# every second row is a copy.
_STRIDES = (1, 3, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89)
_SAMPLED_ROWS = 16

_FIVE_HISTOGRAMS = np.arange(0, 5 * 256, 256, dtype=np.intp)[:, np.newaxis]


def plan_fast(rows: Rows) -> Plan:
    """Choose the fastest plan whose files are about as large as Pillow's default files."""
    has_igzip = igzip() is not None
    quick = Method.IGZIP if has_igzip else Method.RUNS
    if rows.width == rows.step or rows.height == 1:
        # With one row or one column, Paeth is the same as Sub or Up.
        return Plan(Filter.PAETH, quick, strips.STRIP_BYTES)
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
    # ``_try`` multiplies each size by its factor, and takes the smallest product. A band has fewer
    # repetitions than the whole picture, so the trial overestimates the sizes of unfiltered rows.
    # The smaller factor of ``Filter.NONE`` corrects this.
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
    # The trial uses zlib's level 1, because it is fast. The picture is usually encoded at a higher
    # level, which finds more matches in unfiltered rows. So the factor of REPEAT is smaller.
    trials = {(Filter.REPEAT, Method.SKIM): 0.8, (best, Method.SKIM): 1}
    kind, _ = _try(rows, trials)
    method = Method.MATCHES if bits < DRAWING_BITS else Method.QUICK
    if method is Method.MATCHES and rows.height * rows.width > TRIED_RUNS_BYTES:
        # ``Method.RUNS`` is four times as fast as ``Method.MATCHES``, and most masks have only runs
        # as matches. For plots, igzip is twenty times as fast as ``Method.MATCHES``, and its files
        # are not much larger. But if a picture repeats almost everywhere, the bands are too
        # small to compare igzip with the other methods.
        trials = {(kind, Method.RUNS): 1, (kind, Method.MATCHES): 1.05}
        if bits > REPEATED_BITS and igzip() is not None:
            trials[kind, Method.IGZIP] = 0.8
        _, method = _try(rows, trials)
    return Plan(kind, method, strips.STRIP_BYTES)


def plan_balanced(rows: Rows) -> Plan:
    """Choose a plan that takes less time than Pillow's default.

    The files are about as large as Pillow's files, or smaller. They do not depend on whether igzip
    is installed.
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
    """Deflate some bands of rows in each trial; return the trial with the least size × factor."""
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
    """Estimate the entropies after the filters None, Sub, Up, Average and Paeth, in bits per byte.

    The result ``(5,)`` has one entropy, 0 to 8, for each filter. Only the pixels on a regular grid
    are filtered. The picture must have at least 2 × 2 pixels.
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
    """Return the bytes of some pixels, and of their left, upper and upper left neighbours."""
    least, most = SAMPLE_BYTES
    sampled = min(max(rows.height * rows.width // 64, least), most) // rows.step
    height, across = rows.height - 1, rows.pixels.shape[1] - 1
    down = _stride(height / _SAMPLED_ROWS)
    right = _stride(across * len(range(0, height, down)) / sampled)
    pixels: npt.NDArray[np.void] | npt.NDArray[np.integer]
    if (
        stored := rows.stored
    ) is not None:  # with whole pixels as items, NumPy copies three times as fast
        pixels = stored.view(np.dtype((np.void, rows.step)))
    else:
        pixels = rows.pixels

    def pick(y: int, x: int) -> Bytes:
        picked = pixels[y : y + height : down, x : x + across : right]
        copied = np.ascontiguousarray(picked, pixels.dtype.newbyteorder(">"))
        return copied.reshape(-1).view(np.uint8)

    return pick(1, 1), pick(1, 0), pick(0, 1), pick(0, 0)


def _stride(least: float) -> int:
    return next((stride for stride in _STRIDES if stride >= least), int(least) | 1)
