"""Count logging errors. They neither stop a training run nor make a request fail."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, cast

__all__ = ["Failures", "guarded"]

_logger = logging.getLogger("tbimage")
_Method = TypeVar("_Method", bound=Callable[..., None])


def guarded(method: _Method) -> _Method:
    """Decorate a method that a framework calls. ``self.failures`` catches and counts its errors.

    Args:
        method: The method, which returns None.

    Example:
        >>> class Callback:
        ...     failures = Failures("an example")
        ...
        ...     @guarded
        ...     def on_end(self, loss):
        ...         1 / loss
        >>> Callback().on_end(0)
        >>> Callback.failures.count
        1
    """

    @functools.wraps(method)
    def call(self: Any, *arguments: Any, **keywords: Any) -> None:
        with self.failures:
            method(self, *arguments, **keywords)

    return cast(_Method, call)


class Failures:
    """Catch and count the exceptions in a block. Log the first exception of each class.

    Args:
        of: The name of the integration, such as "keras.TensorBoard", for the log message.

    Attributes:
        count: The number of errors.

    Example:
        >>> failures = Failures("an example")
        >>> for number in (1, 0, 0):
        ...     with failures:
        ...         1 / number
        1.0
        >>> failures.count
        2
    """

    def __init__(self, of: str) -> None:
        self.count: int = 0
        self._of = of
        self._reported: set[type[BaseException]] = set()

    def __enter__(self) -> Failures:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if exception_type is None or not issubclass(exception_type, Exception):
            return False
        self.count += 1
        if exception_type not in self._reported:
            self._reported.add(exception_type)
            try:
                _logger.error(
                    "%s could not log: %s: %s. Further errors of this class are only counted.",
                    self._of,
                    exception_type.__name__,
                    exception,
                    exc_info=exception if _logger.isEnabledFor(logging.DEBUG) else None,
                )
            except Exception:  # a log handler raised an error
                pass
        return True
