"""Error classes with two bases: a class that tbimage raises, and a class that the peers raise.

tbimage raises ValueError and TypeError. torch and tensorboardX raise AssertionError for a wrong
shape and NotImplementedError for a wrong type. So code for these peers may catch these errors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class PeerValueError(ValueError, AssertionError):
    """A value is wrong. This is a ValueError, and also the AssertionError of the peers."""


class PeerTypeError(TypeError, NotImplementedError):
    """A type is wrong. This is a TypeError, and also the NotImplementedError of the peers."""


class HParamTypeError(TypeError, ValueError):
    """A hyperparameter has a wrong type. This is a TypeError, and also torch's ValueError."""


_CLASSES: dict[type[Exception], type[Exception]] = {
    ValueError: PeerValueError,
    TypeError: PeerTypeError,
}


def as_peers(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that raises this module's classes in place of ValueError and TypeError."""

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (ValueError, TypeError) as error:
            if type(error) not in _CLASSES:
                raise
            raise _CLASSES[type(error)](*error.args) from None

    return checked
