"""Which calls of an endless stream are logged: ``keep=`` of ``SummaryWriter``.

TensorBoard shows 10 steps of an image tag, whatever a file holds (its ``data_ingester`` and
``run.rs``). A service that logs each request pays for pictures that nobody will see.

Rules:
- The decision is made from the name alone, before the data is looked at or copied.
- Names that one pattern covers, and that are logged together, are kept together: the n-th call of
  each gets the same answer, but for ``min_interval``, where the clock decides.
- Nothing is taken back. What was written stays, and what is kept is written in its order.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from functools import partial

from tbimage import checks

# A service that makes a name of each request must not fill memory through this: names beyond these
# share one count for each pattern.
_MOST_NAMES = 10_000

#: Decides for the next call of a name.
Decide = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Keep:
    """Which calls of one name are logged; exactly one of the three is given.

    Args:
        every: The first call and each ``every``-th after it; 1 or more.
        min_interval: The first call, and then the first one after so many seconds since the last
            that was logged; 0 or more.
        reservoir: The n-th call with probability ``min(1, reservoir / n)``; 1 or more. These are
            the calls that reservoir sampling takes in: the fair sample of ``reservoir`` calls that
            it would hold at any time is among them. A file cannot take back what the sample lets
            go, so early calls are denser in it than late ones, and the steps stay in the order of
            the calls. After n calls about ``reservoir * (1 + ln(n / reservoir))`` are logged: 125
            of a million for a reservoir of 10.

    Raises:
        TypeError: None or several are given, or one is no number.
        ValueError: One is below its least value.

    Example:
        >>> Keep(every=100)
        Keep(every=100, min_interval=None, reservoir=None)
    """

    every: int | None = None
    min_interval: float | None = None
    reservoir: int | None = None

    def __post_init__(self) -> None:
        given = [field.name for field in fields(self) if getattr(self, field.name) is not None]
        if len(given) != 1:
            raise TypeError(
                "Keep takes exactly one of every, min_interval and reservoir, got "
                + (" and ".join(given) or "none")
            )
        (name,) = given
        value = getattr(self, name)
        seconds = name == "min_interval"
        plain = checks.number(name, value, 0) if seconds else checks.integer(name, value, 1)
        object.__setattr__(self, name, plain)


class Keeper:
    """Decides for the calls of one writer. Any thread may ask; none waits for another.

    Args:
        policies: By pattern (``fnmatch``, case-sensitive; ``*`` matches ``/``, too); the first that
            matches a name counts. Names that none matches are kept always.

    Example:
        >>> keeper = Keeper({"requests/*": Keep(every=2)})
        >>> [keeper.wants("requests/input") for _ in range(4)], keeper.wants("loss")
        ([True, False, True, False], True)
    """

    def __init__(self, policies: Mapping[str, Keep]) -> None:
        self._makers = {pattern: _maker(policy) for pattern, policy in policies.items()}
        self._shared: dict[str, Decide] = {}
        self._decisions: dict[str, Decide] = {}

    def wants(self, name: str) -> bool:
        """Tell whether this call of a name is to be logged."""
        decide = self._decisions.get(name)
        return (self._first_of(name) if decide is None else decide)()

    def _first_of(self, name: str) -> Decide:
        pattern = next((each for each in self._makers if fnmatchcase(name, each)), None)
        decide = _always if pattern is None else self._makers[pattern]()
        if len(self._decisions) < _MOST_NAMES:
            return self._decisions.setdefault(name, decide)
        return decide if pattern is None else self._shared.setdefault(pattern, decide)


def _always() -> bool:
    return True


def _maker(policy: Keep) -> Callable[[], Decide]:
    """Return what makes a count of its own for each name that a pattern covers."""
    if policy.every is not None:
        return partial(_every, policy.every)
    if policy.min_interval is not None:
        seconds = policy.min_interval
        return lambda: Interval(seconds).has_passed
    return partial(_reservoir, policy.reservoir or 1, random.getrandbits(64))


# Counts are taken by next() of itertools.count, which is one step in CPython: threads need no lock,
# and nothing is left half-changed by an exception or a fork.


def _every(every: int) -> Decide:
    calls = itertools.count()
    return lambda: next(calls) % every == 0


def _reservoir(size: int, seed: int) -> Decide:
    """Keep call n with probability ``size / n``: the same calls of all names with this seed."""
    calls = itertools.count()

    def decide() -> bool:
        number = next(calls)
        return number < size or _mixed(seed + number) * (number + 1) < size << 64

    return decide


def _mixed(number: int) -> int:
    """Return 64 bits that look random: one step of SplitMix64 (Steele, Lea and Flood, 2014)."""
    number = (number * 0x9E3779B97F4A7C15) & _UINT64
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) & _UINT64
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) & _UINT64
    return number ^ number >> 31


_UINT64 = (1 << 64) - 1


class Interval:
    """Passes once in so many seconds, at first at once; of several threads, one."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._number = 0  # of passes; it may lag behind
        self._passes: dict[int, tuple[float, object]] = {}  # when, and the mark of who passed

    def has_passed(self) -> bool:
        """Tell whether the seconds have passed, and if so begin the next ones."""
        number = self._number
        while number in self._passes:
            number += 1
        last = self._passes.get(number - 1)
        now = time.monotonic()
        if last is not None and now - last[0] < self._seconds:
            return False
        mine = now, object()
        if self._passes.setdefault(number, mine) is not mine:
            return False  # another thread was faster
        self._passes.pop(number - 2, None)
        self._number = number
        return True
