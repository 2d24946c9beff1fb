"""``keep=`` of ``SummaryWriter``: which calls of an endless stream are logged.

TensorBoard shows 10 steps of an image tag, even if a file has more (its ``data_ingester`` and
``run.rs``). A service that logs each request pays for pictures that nobody will see.

Rules:
- The decision depends on the name alone. It is made before the data is read or copied.
- Names of one pattern that are logged together are kept together: the n-th calls of all of them get
  the same answer. Only with ``min_interval`` the clock decides.
- What was written stays. Kept summaries are written in the order of the calls.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from functools import partial

from tbimage import checks

# A service with a new name for each request must not fill the memory with these names. Further
# names share one count for each pattern.
_MOST_NAMES = 10_000

#: Decides for the next call of a name.
Decide = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Keep:
    """Which calls of one name are logged; exactly one of the three is given.

    Args:
        every: The first call and each ``every``-th after it; 1 or more.
        min_interval: The first call, and then each call that comes at least so many seconds after
            the last logged one; 0 or more.
        reservoir: The n-th call with probability ``min(1, reservoir / n)``; 1 or more. These are
            the calls that enter the reservoir in reservoir sampling. So at any time a uniform
            sample of ``reservoir`` calls is among the logged ones. The file also has the calls that
            left the reservoir, so it has more early calls than late ones. After n calls about
            ``reservoir * (1 + ln(n / reservoir))`` are logged: 125 of a million for a reservoir of
            10.

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
    """Decides for the calls of one writer. Any thread may ask, and none waits for another.

    The first pattern of ``policies`` that matches a name counts (``fnmatch``, case-sensitive; ``*``
    also matches ``/``). A name that no pattern matches is always kept.
    """

    def __init__(self, policies: Mapping[str, Keep]) -> None:
        self._makers = {pattern: _maker(policy) for pattern, policy in policies.items()}
        self._shared: dict[str, Decide] = {}
        self._decisions: dict[str, Decide] = {}

    def wants(self, name: str) -> bool:
        """Tell whether this call of a name is logged."""
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
    """Return a function that makes the counter of a name, for each name that a pattern matches."""
    if policy.every is not None:
        return partial(_every, policy.every)
    if policy.min_interval is not None:
        seconds = policy.min_interval
        return lambda: Interval(seconds).has_passed
    seed = int.from_bytes(os.urandom(8), "big")  # importing random takes 1 ms
    return partial(_reservoir, policy.reservoir or 1, seed)


# next() of itertools.count is atomic in CPython. So threads need no lock, and an exception or a
# fork leaves nothing half-changed.


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
    """Passes once every so many seconds, at first immediately. Of several threads, one passes."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._number = 0  # of passes; it may lag behind
        self._passes: dict[int, tuple[float, object]] = {}  # the time, and a mark of the call

    def has_passed(self) -> bool:
        """Tell whether the seconds have passed; if so, they start again."""
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
