"""Raise a clear error if the framework of an integration is missing or too old."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

__all__ = ["needs"]


@contextmanager
def needs(module: str, oldest: str, distribution: str | None = None) -> Iterator[None]:
    """Run a block that imports a framework. If this fails, the error says what to install.

    Args:
        module: The module that the block imports, such as "keras".
        oldest: The oldest version that works, such as "3.0".
        distribution: The name of the package for pip. If None, it is the name of the module.

    Raises:
        ModuleNotFoundError: The module is not installed.
        ImportError: The module is older than ``oldest``.

    Example:
        >>> with needs("no_such_package", "1.0"):
        ...     import no_such_package
        Traceback (most recent call last):
        ModuleNotFoundError: this integration needs no_such_package, which is not installed: pip ...
    """
    name = distribution or module
    command = f"pip install '{name}>={oldest}'"
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        installed = None  # not installed, but perhaps importable from a copy
    if installed is not None and _numbers(installed) < _numbers(oldest):
        raise ImportError(
            f"this integration needs {name} {oldest} or newer, and {installed} is installed: "
            f"{command}",
            name=module,
        )
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module:
            raise
        message = f"this integration needs {name}, which is not installed: {command}"
        raise ModuleNotFoundError(message, name=module) from None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))
