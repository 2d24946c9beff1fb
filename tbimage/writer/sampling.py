"""Which calls of an endless stream are logged: ``keep=`` of ``SummaryWriter``.

What lives here: the policies, and their decisions for each name. What does not: conditions that a
program sets around a block (``conditions.py``).

Why: TensorBoard shows 10 steps of an image tag (``data_ingester.py``, ``run.rs``), whatever a file
holds. A service that logs each request pays for pictures that nobody will see.

Rules:
- The decision is made from the name alone, before the data is looked at or copied.
- Names that one pattern covers, and that are logged together, are kept together: the n-th call of
  each gets the same answer, but for ``min_interval``, where the clock decides.
- Nothing is taken back. What was written stays, and what is kept is written in its order.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from functools import partial
from numbers import Integral, Real

from tbimage.pipeline.lifecycle import fork_safe_lock

__all__ = ["Keep", "Keeper", "check_number"]

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
        if self.min_interval is not None:
            check_number("min_interval", self.min_interval, Real, 0)
        else:
            check_number(given[0], getattr(self, given[0]), Integral, 1)


def check_number(name: str, value: object, kind: type, least: int) -> None:
    """Check how often, or after how long, something is to happen.

    Args:
        name: The argument's name, for errors.
        value: What was given.
        kind: ``numbers.Integral`` or ``numbers.Real``, to which NumPy's numbers belong, too.
        least: The smallest value that makes sense.

    Raises:
        TypeError: It is no such number; bool is none either.
        ValueError: It is less, or NaN.

    Example:
        >>> check_number("every", 100, Integral, 1)
        >>> check_number("every", 1.5, Integral, 1)
        Traceback (most recent call last):
        TypeError: every must be an integer, got 1.5 of type float
    """
    if isinstance(value, bool) or not isinstance(value, kind):
        expected = "an integer" if kind is Integral else "a number"
        raise TypeError(f"{name} must be {expected}, got {value!r} of type {type(value).__name__}")
    if not value >= least:  # type: ignore[operator]  # NaN is not, either
        raise ValueError(f"{name} must be at least {least}, got {value!r}")


class Keeper:
    """Decides for the calls of one writer. Any thread may ask.

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
        self._lock = fork_safe_lock()

    def wants(self, name: str) -> bool:
        """Tell whether this call of a name is to be logged.

        Args:
            name: A summary's name.
        """
        with self._lock:
            decide = self._decisions.get(name)
            return self._first_of(name) if decide is None else decide()

    def _first_of(self, name: str) -> bool:
        pattern = next((each for each in self._makers if fnmatchcase(name, each)), None)
        if pattern is None:
            decide = _always
        elif len(self._decisions) < _MOST_NAMES:
            decide = self._makers[pattern]()
        else:
            decide = self._shared.setdefault(pattern, self._makers[pattern]())
        if len(self._decisions) < _MOST_NAMES:
            self._decisions[name] = decide
        return decide()


def _always() -> bool:
    return True


def _maker(policy: Keep) -> Callable[[], Decide]:
    """Return what makes a count of its own for each name that a pattern covers."""
    if policy.every is not None:
        return partial(_Every, policy.every)
    if policy.min_interval is not None:
        return partial(_MinInterval, policy.min_interval)
    return partial(_Reservoir, _Draws(policy.reservoir or 1, random.Random()))


class _Every:
    def __init__(self, every: int) -> None:
        self._every = every
        self._calls = 0

    def __call__(self) -> bool:
        number, self._calls = self._calls, self._calls + 1
        return number % self._every == 0


class _MinInterval:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = -math.inf

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


class _Draws:
    """The calls that a reservoir keeps, drawn once and the same for all names of a pattern."""

    def __init__(self, size: int, source: random.Random) -> None:
        self._size = size
        self._source = source
        self._drawn = 0
        self._kept: list[int] = []

    def keeps(self, number: int, kept_before: int) -> bool:
        """Tell whether a call is kept, given its number, from 0, and how many before it were."""
        while self._drawn <= number:
            if self._source.random() * (self._drawn + 1) < self._size:
                self._kept.append(self._drawn)
            self._drawn += 1
        return kept_before < len(self._kept) and self._kept[kept_before] == number


class _Reservoir:
    def __init__(self, draws: _Draws) -> None:
        self._draws = draws
        self._calls = 0
        self._kept = 0

    def __call__(self) -> bool:
        kept = self._draws.keeps(self._calls, self._kept)
        self._calls += 1
        self._kept += kept
        return kept
