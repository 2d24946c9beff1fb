"""Names, descriptions and times of summaries: the checks that all kinds share.

What lives here: functions that return what they were given, or raise in the caller's thread before
anything is queued.
"""

from __future__ import annotations

import math
import time

__all__ = ["check_description", "check_name", "check_text", "check_wall_time"]


def check_name(name: object) -> str:
    """Check the name of a summary.

    Args:
        name: Non-empty and valid Unicode; TensorBoard groups names by what stands before the first
            ``/``.

    Raises:
        TypeError: It is no string.
        ValueError: It is empty, or holds lone surrogates, which cannot be encoded as UTF-8.

    Example:
        >>> check_name("train/loss")
        'train/loss'
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {name!r} of type {type(name).__name__}")
    if not name:
        raise ValueError("name must not be empty: TensorBoard shows a summary under its name")
    _check_unicode("name", name)
    return name


def check_description(description: object) -> str | None:
    """Check the description of a summary: Markdown that TensorBoard shows beside it.

    Args:
        description: Valid Unicode, or None.

    Raises:
        TypeError: It is neither a string nor None.
        ValueError: It holds lone surrogates.

    Example:
        >>> check_description("*mean* over the batch")
        '*mean* over the batch'
    """
    if description is None:
        return None
    if not isinstance(description, str):
        raise TypeError(
            f"description must be a string of Markdown or None, got {description!r} of type "
            f"{type(description).__name__}"
        )
    _check_unicode("description", description)
    return description


def check_text(argument: str, text: object) -> str:
    """Check a string that is stored as it is.

    Args:
        argument: What it is, for errors.
        text: Valid Unicode.

    Raises:
        TypeError: It is no string.
        ValueError: It holds lone surrogates.

    Example:
        >>> check_text("title", "losses")
        'losses'
    """
    if not isinstance(text, str):
        raise TypeError(
            f"{argument} must be a string, got {text!r:.80} of type {type(text).__name__}"
        )
    _check_unicode(argument, text)
    return text


def check_wall_time(wall_time: object) -> float:
    """Return a summary's time.

    Args:
        wall_time: Seconds since the epoch, finite; None for now. TensorBoard's data server gives a
            file up at a NaN.

    Raises:
        TypeError: It is no number.
        ValueError: It is not finite.

    Example:
        >>> check_wall_time(1700000000)
        1700000000.0
    """
    if wall_time is None:
        return time.time()
    try:
        if isinstance(wall_time, (str, bytes)):
            raise TypeError  # float("1") would be 1.0
        seconds = float(wall_time)  # type: ignore[arg-type]
    except OverflowError:  # an int of more than 308 digits
        seconds = math.inf
    except (TypeError, ValueError):
        raise TypeError(
            f"wall_time must be seconds since the epoch, got {wall_time!r} of type "
            f"{type(wall_time).__name__}; of a datetime pass its timestamp()"
        ) from None
    if not math.isfinite(seconds):
        raise ValueError(
            f"wall_time must be finite, got {wall_time!r}; pass None for the current time"
        )
    return seconds


def _check_unicode(argument: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{argument} must be valid Unicode, got {text!r} with a lone surrogate at index "
            f"{error.start}; pass {argument}.encode('utf-8', 'replace').decode() to replace it"
        ) from None
