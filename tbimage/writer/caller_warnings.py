"""Warnings about misuse, pointed at the line that misuses.

What lives here: one function, and nothing else. What the data turns out to hold once a worker looks
at it is no misuse of a call and has no line to point at; it goes to the logger ``tbimage``.
"""

from __future__ import annotations

import os
import sys
import warnings

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def warn_caller(message: str, category: type[Warning]) -> None:
    """Issue a warning at the innermost line that is not of this package.

    Args:
        message: What is wrong, what happens and what to do.
        category: The warning's class.

    Example:
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     warn_caller("no good", UserWarning)
        >>> str(caught[0].message)
        'no good'
    """
    level = 1
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)
