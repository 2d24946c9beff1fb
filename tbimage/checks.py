"""Argument checks for all of tbimage. Each check returns a plain Python value or raises an error.

The rules for every number and every flag:

- A NumPy scalar, or an array or tensor of rank 0, is treated as the value that ``item()`` returns.
  An array with axes is refused. If it has only one element, the message asks for its ``item()``.
- An integer is an int or has ``__index__``. A real number is a float, or has ``__float__`` or
  ``__index__``. A float is not an integer, even if it is 3.0. NaN is never allowed. A flag is True
  or False.
- A bool is not a number. A number is not a flag. Text is neither.

The usual message of an error is:
``<argument> must be <what was expected>, got <value>; <how to fix it>``.
For a wrong type, a TypeError is raised, and its message gives the type. For other wrong values, a
ValueError is raised. ``choice`` raises a ValueError for both.
This module does not import NumPy. So a program that logs only scalars does not load NumPy.
"""

from __future__ import annotations

import math
import reprlib
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from operator import index
from typing import Any, TypeVar, overload

T = TypeVar("T", bound="str | None")

_INF = math.inf


class _Short(reprlib.Repr):
    """Shortens the repr of a large argument. A long repr would hide the rest of the message."""

    def repr_int(self, x: int, level: int) -> str:
        # Raise the ValueError for too many digits: since Python 3.14, super() catches it.
        repr(x)
        return super().repr_int(x, level)


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = 80


# In each pair of overloads, the second is for an argument that may be None.
@overload
def integer(argument: str, value: object, least: float, most: float = ...) -> int: ...
@overload
def integer(
    argument: str, value: object, least: float, most: float = ..., *, optional: bool
) -> int | None: ...
def integer(
    argument: str, value: object, least: float, most: float = _INF, *, optional: bool = False
) -> int | None:
    """Check an integer from ``least`` to ``most``."""
    if value is None and optional:
        return None
    plain = _integer(value)
    if plain is not None and least <= plain <= most:
        return plain
    raise _error(argument, _within("an integer", least, most, optional), value, plain, int)


@overload
def number(argument: str, value: object, least: float, most: float = ...) -> float: ...
@overload
def number(
    argument: str, value: object, least: float, most: float = ..., *, optional: bool
) -> float | None: ...
def number(
    argument: str, value: object, least: float, most: float = _INF, *, optional: bool = False
) -> float | None:
    """Check a real number from ``least`` to ``most``."""
    if value is None and optional:
        return None
    plain = _real(value)
    if plain is not None and least <= plain <= most:
        return plain
    raise _error(argument, _within("a number", least, most, optional), value, plain, float)


def positive(argument: str, value: object, most: float, fix: str = "") -> float | None:
    """Check a number above 0 and up to ``most``, or None; ``fix`` is a hint for the caller."""
    plain = _real(value)
    if value is None or (plain is not None and 0 < plain <= most):
        return plain
    expected = f"a number more than 0 and at most {most:g}, or None"
    raise _error(argument, expected, value, plain, float, fix)


@overload
def seconds(argument: str, value: object) -> float: ...
@overload
def seconds(argument: str, value: object, *, optional: bool) -> float | None: ...
def seconds(argument: str, value: object, *, optional: bool = False) -> float | None:
    """Check a waiting time in seconds: from 0 to the longest time that the system can wait."""
    if value is None and optional:
        return None
    plain = _real(value)
    if plain is not None and 0 <= plain <= threading.TIMEOUT_MAX:
        return plain
    fix = "pass None to wait without a limit" if optional and plain and plain > 0 else ""
    raise _error(argument, "seconds, 0 or more" + ", or None" * optional, value, plain, float, fix)


def flag(argument: str, value: object, fix: str = "") -> bool:
    """Check a flag; ``fix`` is a hint for the caller."""
    plain = plain_value(value)
    if isinstance(plain, bool):
        return plain
    raise _error(argument, "True or False", value, None, bool, fix)


def choice(argument: str, value: object, allowed: Collection[T]) -> T:
    """Check that a value is in ``allowed``, which contains strings and perhaps None."""
    for each in allowed:
        if value is each or (isinstance(value, str) and value == each):
            return each
    from difflib import get_close_matches  # only errors need it

    near = get_close_matches(value if isinstance(value, str) else "", map(str, allowed), 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    *names, last = map(repr, allowed)
    expected = f"{', '.join(names)} or {last}"
    raise ValueError(f"{argument} must be {expected}, got {shown(value)}{hint}")


def color(argument: str, value: Any) -> tuple[int, int, int]:
    """Check a colour: three integers from 0 to 255, in a list, a tuple or an array."""
    expected = "(red, green, blue), integers in 0..255"
    try:
        red, green, blue = (integer(argument, part, -_INF) for part in value)
    except (TypeError, ValueError):
        raise TypeError(f"{argument} must be {expected}, got {given(value)}") from None
    if min(red, green, blue) >= 0 and max(red, green, blue) <= 255:
        return red, green, blue
    raise ValueError(f"{argument} must be {expected}, got {shown(value)}")


def text(argument: str, value: object, expected: str = "a string") -> str:
    """Check a text: a string without lone surrogates, which UTF-8 cannot encode."""
    if not isinstance(value, str):
        fix = "; decode it" if isinstance(value, bytes) else ""
        raise TypeError(f"{argument} must be {expected}, got {given(value)}{fix}")
    try:
        str.encode(value)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{argument} must be valid Unicode, got {shown(value)} with a lone surrogate at index "
            f"{error.start}; pass {argument}.encode('utf-8', 'replace').decode() to replace it"
        ) from None
    # A subclass may print and compare in other ways: ``str`` of an enum may be the member's name.
    return value if type(value) is str else str.__str__(value)


def items(argument: str, value: object, expected: str) -> list[Any]:
    """Return the items of an iterable that is not text."""
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return list(value)
    raise TypeError(f"{argument} must be {expected}, got {given(value)}")


def mapping(argument: str, value: object, expected: str = "a mapping") -> Mapping[Any, Any]:
    """Check a mapping."""
    if isinstance(value, Mapping):
        return value
    raise TypeError(f"{argument} must be {expected}, got {given(value)}")


def name(value: object) -> str:
    """Check the name of a summary."""
    checked = text("name", value)
    if not checked:
        raise ValueError("name must not be empty: TensorBoard shows a summary under its name")
    return checked


def description(value: object) -> str | None:
    """Check a description: Markdown that TensorBoard shows beside a summary, or None."""
    return None if value is None else text("description", value, "a string of Markdown or None")


def wall_time(value: object) -> float:
    """Check the time of a summary, in seconds since the epoch; None means the current time."""
    if value is None:
        return time.time()
    plain = _real(value)
    if plain is not None and math.isfinite(plain):  # the data server stops reading at a NaN
        return plain
    expected, fix = "finite", "pass None for the current time"
    if plain is None:
        expected, fix = "seconds since the epoch", "for a datetime, pass its timestamp()"
    raise _error("wall_time", expected, value, plain, float, fix)


def given(value: object) -> str:
    """Describe a value of a wrong type: ``'3' of type str``."""
    return f"{shown(value)} of type {type(value).__name__}"


def shown(value: object) -> str:
    """Return the repr of a value in one line, shortened if it is long."""
    try:
        return " ".join(_SHORT.repr(value).split())
    except ValueError:  # Python refuses to print more than 4,300 digits
        return "a number too long to print"


def _axes(value: Any) -> tuple[int, ...]:
    """Return the shape of an array or tensor; () for everything else."""
    try:
        return tuple(value.shape)
    except (AttributeError, TypeError, ValueError):  # it has no shape, or no known shape yet
        return ()


def plain_value(value: Any) -> Any:
    """Return the Python value of a scalar; None for an array with axes or without a value."""
    if isinstance(value, (int, float)) or not hasattr(value, "shape"):
        return value
    if _axes(value) or getattr(getattr(value, "dtype", None), "kind", "") in ("m", "M"):
        return None  # the item of a datetime64[ns] is an int, but a time is not a number
    try:
        # A TensorFlow tensor has no item(), but the result of its numpy() has item().
        return (value if hasattr(value, "item") else value.numpy()).item()
    except Exception:  # a traced tensor has no value; each library raises a different error
        return None


def _integer(value: object) -> int | None:
    plain = plain_value(value)
    try:
        return None if isinstance(plain, bool) else index(plain)
    except TypeError:
        return None


def _real(value: object) -> float | None:
    if type(value) is float:
        return value
    plain = plain_value(value)
    # float() alone would accept text, too.
    number = hasattr(type(plain), "__float__") or hasattr(type(plain), "__index__")
    if isinstance(plain, bool) or not number:
        return None
    try:
        return float(plain)
    except OverflowError:  # an int of more than 308 digits
        return _INF if plain > 0 else -_INF


def _within(noun: str, least: float, most: float, optional: bool) -> str:
    if least > -_INF:
        noun += f" of at least {least}" if most == _INF else f" from {least} to {most}"
    return noun + ", or None" * optional


def _error(
    argument: str, expected: str, value: object, plain: object, wanted: type, fix: str = ""
) -> Exception:
    """Make a TypeError if ``plain`` is None (``value`` has a wrong type), else a ValueError."""
    if plain is not None:
        return ValueError(f"{argument} must be {expected}, got {shown(value)}{fix and '; ' + fix}")
    if set(_axes(value)) == {1}:
        fix = f"pass {argument}.item()" if hasattr(value, "item") else "pass its only element"
    elif not fix and isinstance(value, (int, float) if wanted is bool else (int, float, str)):
        fix = f"pass {wanted.__name__}({argument}) if that is what you mean"
    return TypeError(f"{argument} must be {expected}, got {given(value)}{fix and '; ' + fix}")
