"""The text of an error on a terminal."""

from __future__ import annotations

__all__ = ["in_one_line"]


def in_one_line(error: Exception) -> str:
    """Describe an error in one line: the path and reason of an OSError, or the message."""
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename is not None else ""
        return f"{named}{error.strerror}"
    # str() of a KeyError is the repr of its message.
    message = error.args[0] if isinstance(error, KeyError) and error.args else error
    return " ".join(str(message).split())
