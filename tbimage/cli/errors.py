"""How an error reads on a terminal.

What lives here: one function, for errors that end a command and for those that it survives.
"""

from __future__ import annotations

__all__ = ["in_one_line"]


def in_one_line(error: Exception) -> str:
    """Say in one line what went wrong.

    Args:
        error: Of the system's errors the path and the reason are told, of others the message.

    Example:
        >>> in_one_line(FileNotFoundError(2, "No such file or directory", "cat.png"))
        'cat.png: No such file or directory'
    """
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename is not None else ""
        return f"{named}{error.strerror}"
    return " ".join(str(error).split())
