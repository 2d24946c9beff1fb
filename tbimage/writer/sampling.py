"""``keep=`` of ``SummaryWriter``: rules that select the calls that are logged.

By default TensorBoard shows 10 steps of an image tag, even if the file has more steps (see
``data_ingester`` and ``run.rs`` in TensorBoard). A service that logs every request spends time and
disk space on pictures that nobody will see.

Rules:
- The decision for a call depends on its name and on earlier calls, but not on its data. So the
  decision is made before the data is read or copied.
- The n-th calls of all names that match one pattern get the same decision. So the input and the
  output of a request are both logged, or both left out. Exception: ``min_interval`` uses the clock.
- Written summaries are never removed. Logged summaries are written in the order of the calls.
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

# A service with a new name for each request must not fill the memory with these names. After
# this number of names, all new names of one pattern share one counter.
_MOST_NAMES = 10_000

#: Tells whether the next call of a name is logged.
Decide = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Keep:
    """Selects the calls of each name that are logged. Pass exactly one argument.

    Args:
        every: 1 or more. Log the first call, and each ``every``-th call after it.
        min_interval: 0 or more. Log the first call, and then each call that comes at least this
            number of seconds after the last logged call.
        reservoir: 1 or more. Log the n-th call with probability ``min(1, reservoir / n)``. The
            logged calls are those that enter the reservoir in reservoir sampling. So at any time,
            the logged calls contain a uniform sample of all calls so far, of size ``reservoir``.
            The calls that have left the reservoir are in the file, too. So the file has more early
            calls than late calls. After n calls, about ``reservoir * (1 + ln(n / reservoir))`` are
            logged: with a reservoir of 10, about 125 of a million calls.

    Raises:
        TypeError: No argument or more than one is given, or the argument is not a number.
        ValueError: The argument is below its minimum.

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
                "Keep takes exactly one of these arguments: every, min_interval, reservoir; got "
                + (" and ".join(given) or "none")
            )
        (name,) = given
        value = getattr(self, name)
        seconds = name == "min_interval"
        plain = checks.number(name, value, 0) if seconds else checks.integer(name, value, 1)
        object.__setattr__(self, name, plain)


class Keeper:
    """Selects the calls of one writer that are logged. Several threads may use this object.

    The first pattern of ``policies`` that matches a name is used (``fnmatch``, case-sensitive;
    ``*`` also matches ``/``). If no pattern matches a name, all calls of this name are logged.
    """

    def __init__(self, policies: Mapping[str, Keep]) -> None:
        self._makers = {pattern: _maker(policy) for pattern, policy in policies.items()}
        self._shared: dict[str, Decide] = {}
        self._decisions: dict[str, Decide] = {}

    def wants(self, name: str) -> bool:
        """Note a call of a name, and tell whether this call is logged."""
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
    """Return a function that makes a new ``Decide`` function for each name of a pattern."""
    if policy.every is not None:
        return partial(_every, policy.every)
    if policy.min_interval is not None:
        seconds = policy.min_interval
        return lambda: Interval(seconds).has_passed
    seed = int.from_bytes(os.urandom(8), "big")  # importing random takes 1 ms
    return partial(_reservoir, policy.reservoir or 1, seed)


# next() of itertools.count is atomic in CPython. So threads need no lock, and an exception or a
# fork cannot interrupt the call.


def _every(every: int) -> Decide:
    calls = itertools.count()
    return lambda: next(calls) % every == 0


def _reservoir(size: int, seed: int) -> Decide:
    """Keep the n-th call with probability ``size / n``. Equal seeds give equal decisions."""
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
    """Lets the first call pass, and then one call per interval; all threads share the interval."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # The latest calls that passed, by number. Each has its time, and an object to identify it.
        self._passes: dict[int, tuple[float, object]] = {}

    def has_passed(self) -> bool:
        """Tell whether the interval has passed. If so, a new interval begins."""
        latest = max([*self._passes], default=-1)
        last = self._passes.get(latest)
        now = time.monotonic()
        if latest >= 0 and (last is None or now - last[0] < self._seconds):
            return False
        mine = now, object()
        if self._passes.setdefault(latest + 1, mine) is not mine:
            return False  # another thread was faster
        for number in [*self._passes]:
            if number < latest:
                self._passes.pop(number, None)
        return True
