"""Format errors for the terminal."""

from __future__ import annotations

__all__ = ["in_one_line"]


def in_one_line(error: Exception) -> str:
    """Return an error as one line: path and reason of an OSError, or the message of others."""
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename is not None else ""
        return f"{named}{error.strerror}"
    # str() of a KeyError is the repr of its message.
    message = error.args[0] if isinstance(error, KeyError) and error.args else error
    return " ".join(str(message).split())
