"""Turn configurations of frameworks into hyperparameters, which are bool, int, float or str."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tbimage import checks

__all__ = ["flattened"]


def flattened(configuration: Mapping[Any, Any], separator: str = ".") -> dict[str, Any]:
    """Flatten nested mappings. Values that are not bool, int, float or str become strings.

    Args:
        configuration: Values by name. Names with the value None are left out.
        separator: The string between the names.

    Example:
        >>> flattened({"lr": 0.1, "model": {"sizes": [3, 4], "bias": None}})
        {'lr': 0.1, 'model.sizes': '[3, 4]'}
    """
    flat: dict[str, Any] = {}
    for name, value in configuration.items():
        if isinstance(value, Mapping):
            inner = flattened(value, separator)
            flat |= {f"{name}{separator}{each}": of for each, of in inner.items()}
        elif value is not None:
            plain = checks.plain_value(value)
            flat[str(name)] = plain if isinstance(plain, (bool, int, float, str)) else str(value)
    return flat
