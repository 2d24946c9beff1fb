"""How an error reads on a terminal."""

from __future__ import annotations

__all__ = ["in_one_line"]


def in_one_line(error: Exception) -> str:
    """Say in one line what went wrong: path and reason of the system's errors, else the message."""
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename is not None else ""
        return f"{named}{error.strerror}"
    # A KeyError shows its message as a literal.
    message = error.args[0] if isinstance(error, KeyError) and error.args else error
    return " ".join(str(message).split())
