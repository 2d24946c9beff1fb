"""The targets and whether they are met: the table at the top of the report.

Rules:
- A row has one target for the default install, with the compiled encoder, and one for the pure
  wheel with required dependencies only. Each is judged separately. None: there is no target.
- If a row has several observations (columns of photographs, pictures of a corpus), its figure is
  their geometric mean, followed by the least and the greatest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.columns import BATCH, GRAY_BATCH, PHOTOS
from benchmarks.contestants import PLAIN, TBIMAGE
from benchmarks.results import Results, geometric_mean
from benchmarks.sections import caller, cores, encoders, marginal, scalars, start
from benchmarks.tables import NOTHING, amount, significant, table, thousands

__all__ = ["TARGETS", "Target", "report"]

#: Finds the observations of a row for a contestant of ours; None where one was not measured.
Find = Callable[[Results, str], Iterable["float | None"]]


@dataclass(frozen=True)
class Target:
    """A row.

    Attributes:
        figure: What it is.
        find: Where it is.
        limits: The target for the default install, and for the pure wheel.
        unit: How to show it.
        at_least: Whether more is better.
    """

    figure: str
    find: Find
    limits: tuple[float | None, float | None]
    unit: Callable[[float], str]
    at_least: bool = False


def _photos(section: str, peer: str, results: Results, own: str) -> Iterable[float | None]:
    return [results.ratio(section, "wall", column, peer, own) for column in PHOTOS]


def _encoder_speed(group: str | None, results: Results, own: str) -> Iterable[float | None]:
    return encoders.faster(results, encoders.NAMES[own], group)


def _encoder_bytes(group: str, results: Results, own: str) -> Iterable[float | None]:
    return encoders.larger(results, encoders.NAMES[own], group)


def _worst_bytes(results: Results, own: str) -> Iterable[float | None]:
    sizes = encoders.larger(results, encoders.NAMES[own])
    return [max(sizes)] if sizes else []


def _megabytes(group: str, results: Results, own: str) -> Iterable[float | None]:
    return encoders.megabytes_per_second(results, encoders.NAMES[own], group)


def _beaten(results: Results, own: str) -> Iterable[float | None]:
    measured = bool(results.cases("encoders"))
    return [float(len(encoders.beaten(results, encoders.NAMES[own])))] if measured else []


def _to_copy(pace: str, results: Results, own: str) -> Iterable[float | None]:
    return [caller.to_copy(results, own, pace)]


def _cores(results: Results, own: str) -> Iterable[float | None]:
    return [cores.speedup(results, own, column) for column in PHOTOS]


def _over_copy(pace: str, results: Results, own: str) -> Iterable[float | None]:
    return [caller.over_copy(results, own, pace)]


def _start(figure: str, results: Results, own: str) -> Iterable[float | None]:
    return [results.median("start", own, start.CASE, figure)]


def _memory(results: Results, own: str) -> Iterable[float | None]:
    cases = results.cases("memory")
    return [results.median("memory", own, case, "over") for case in cases]


def _growth(case: str, results: Results, own: str) -> Iterable[float | None]:
    return [marginal.growth(results, own, case)]


def _small_image(column: str, figure: str, results: Results, own: str) -> Iterable[float | None]:
    batch = results.median("photos", own, column, figure)
    return [None if batch is None else batch / 16]


def _scalar_call(results: Results, own: str) -> Iterable[float | None]:
    cases = results.cases("scalars")
    return [results.median("scalars", own, case, "caller") for case in cases[:1]]


def _scalars_per_second(results: Results, own: str) -> Iterable[float | None]:
    return [scalars.per_second(results, own)]


def _times(value: float) -> str:
    return f"{significant(value)}×"


def _ratio(value: float) -> str:
    return f"{value:.3f}"


def _milliseconds(value: float) -> str:
    return f"{significant(value * 1e3)} ms"


def _microseconds(value: float) -> str:
    return f"{significant(value * 1e6)} µs"


def _mebibytes(value: float) -> str:
    return f"{value / (1 << 20):.0f} MiB"


_DRAWN = "masks, maps and drawings"
_MIB = 1 << 20
_SPEEDS = (("photographs", (550, None)), ("noise", (1000, None)), (_DRAWN, (225, None)))
_OF_PEERS_WITH_LIBZ = (("tensorboardX", (30, None)), ("torch", (60, None)))
_OF_PEERS = (("tensorboardX", (60, 15)), ("torch", (100, 25)), ("TensorFlow", (60, 15)))

#: The rows of "To reach", and behind them those figures of the deliverables that have a limit.
TARGETS = (
    *(
        Target(
            f"photos, end to end, against {peer}",
            partial(_photos, "photos", peer), limits, _times, True,
        )
        for peer, limits in _OF_PEERS
    ),
    *(
        Target(
            f"photos, end to end, against {peer}, with the zlib of `--libz`",
            partial(_photos, "libz", peer), limits, _times, True,
        )
        for peer, limits in _OF_PEERS_WITH_LIBZ
    ),
    Target(
        "encoder alone, one core, against Pillow's default: photographs",
        partial(_encoder_speed, "photographs"), (18, 6), _times, True,
    ),
    Target(
        "the same: the whole corpus", partial(_encoder_speed, None), (18, 6), _times, True
    ),
    *(
        Target(
            f"encoder alone, one core, MB of pixels a second: {group}",
            partial(_megabytes, group), limits, amount, True,
        )
        for group, limits in _SPEEDS
    ),
    Target(
        "pictures at which an encoder from PyPI is both faster and smaller",
        _beaten, (0, None), amount,
    ),
    Target(
        "bytes against Pillow's default: photographs",
        partial(_encoder_bytes, "photographs"), (1.03, 1.02), _ratio,
    ),
    Target(f"the same: {_DRAWN}", partial(_encoder_bytes, _DRAWN), (0.95, 1.05), _ratio),
    Target("the same: worst single image of the corpus", _worst_bytes, (1.20, 1.15), _ratio),
    Target("two cores against one", _cores, (1.8, 1.8), _times, True),
    *(
        Target(
            f"caller's p50, 512×512×3 uint8, over np.copy: {pace}",
            partial(_over_copy, pace), (20e-6, 20e-6), _microseconds,
        )
        for pace in caller.PACES
    ),
    *(
        Target(
            f"caller's p50, 512×512×3 uint8, against a fresh np.copy: {pace}",
            partial(_to_copy, pace), (limit, limit), _times,
        )
        for pace, limit in zip(caller.PACES, (1.0, 0.3), strict=True)
    ),
    Target(
        "import tbimage, over bare Python", partial(_start, "import"), (0.015, 0.015), _milliseconds
    ),
    Target(
        "first image on disk, from process start",
        partial(_start, "first"), (0.11, 0.11), _milliseconds,
    ),
    Target(
        "peak RSS over the byte bound, {photographs} photos of 1080p as fast as the caller can",
        _memory, (64 * _MIB, 64 * _MIB), _mebibytes,
    ),
    *(
        Target(
            f"cost of the {{{case}}}th {case} against the 100th",
            partial(_growth, case), (1.1, 1.1), _times,
        )
        for case in (marginal.SCALARS, marginal.IMAGES)
    ),
    *(
        Target(
            f"one image of 64×64 {kind} in a batch of 16, all in, {how}",
            partial(_small_image, column, figure), (40e-6, 40e-6), _microseconds,
        )
        for kind, column in (("gray", GRAY_BATCH), ("RGB", BATCH))
        for how, figure in (("by the clock", "wall"), ("of all processors together", "cpu"))
    ),
    Target("scalar: caller's p50, one core", _scalar_call, (3e-6, 3e-6), _microseconds),
    Target("scalars a second, one core", _scalars_per_second, (200e3, 200e3), amount, True),
)  # fmt: skip


def report(results: Results) -> str:
    """The table."""
    counts = {case: _count(results, case) for case in (marginal.IMAGES, marginal.SCALARS)}
    counts["photographs"] = next(iter(results.cases("memory")), NOTHING)
    lines = []
    for target in TARGETS:
        cells = [target.figure.format(**counts)]
        for own, limit in zip((TBIMAGE, PLAIN), target.limits, strict=True):
            cells += _reached(target, limit, list(target.find(results, own)))
        lines.append(cells)
    head = ["figure", "target", "reached", "target, pure wheel", "reached"]
    return table(head, lines)


def _count(results: Results, case: str) -> str:
    count = results.median("marginal", TBIMAGE, case, "count")
    return NOTHING if count is None else thousands(int(count))


def _reached(
    target: Target, limit: float | None, values: Sequence[float | None]
) -> tuple[str, str]:
    wanted = NOTHING
    if limit is not None:
        sign = "≥ " if target.at_least else "≤ "
        wanted = sign + re.sub(r"\.0+(?=\D|$)", "", target.unit(limit))
    found = [value for value in values if value is not None]
    if not found:
        return wanted, NOTHING
    value = geometric_mean(found) if len(found) > 1 else found[0]
    text = target.unit(value)
    if limit is not None:
        reached = value >= limit if target.at_least else value <= limit
        text = f"{'✓' if reached else '✗'} {text}"
    if len(found) > 1:
        text += f" ({target.unit(min(found))} to {target.unit(max(found))})"
    return wanted, text
