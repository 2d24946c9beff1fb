"""``tf.summary``'s tags: the names of the scopes and the summary's name, joined by slashes.

If TensorFlow is imported, its scopes are used. So ``tf.name_scope`` also changes tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

from tbimage.compat.tf_summary import peer
from tbimage.writer import defaults

# A tag may have these characters, but the name of a scope may not
# (tensorflow/python/ops/summary_ops_v2.py).
_NOT_OF_SCOPES = re.compile(r"[^-_/.A-Za-z0-9]")

#: The scopes that were entered without TensorFlow. A slash follows each name.
_scope: ContextVar[str] = ContextVar("tbimage_tf_scope", default="")


def tag_of(name: Any, default_name: Any) -> str:
    """Return a summary's tag: the scopes, then ``name`` (``default_name`` if ``name`` is empty)."""
    name = name or default_name
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {name!r} of type {type(name).__name__}")
    scope = "/".join(filter(None, (_scope.get().rstrip("/"), peer.name_scope())))
    return f"{scope}/{name}" if scope else name


@contextmanager
def summary_scope(
    name: Any, default_name: Any = "summary", values: Any = None
) -> Iterator[tuple[str, str]]:
    """Enter a scope. The tags of the summaries in the scope begin with the name of the scope.

    Args:
        name: The name of the scope and of the summary. If the name ends with a slash, the scope
            replaces the outer scopes, as in ``tf.name_scope``.
        default_name: Used for an empty ``name``, and for a scope without an allowed character.
        values: Not used.

    Yields:
        The tag of a summary with this name, and the scope.

    Raises:
        TypeError: The name is not a string.

    Example:
        >>> with summary_scope("my layer") as (tag, scope):
        ...     print(tag, scope, tag_of("loss", "summary"))
        my layer mylayer/ mylayer/loss
    """
    tag = tag_of(name, default_name)
    inner = _NOT_OF_SCOPES.sub("", name or default_name) or default_name or ""
    tf = peer.imported()
    with _entered(inner) if tf is None else tf.name_scope(inner) as scope:
        yield tag, scope


@contextmanager
def _entered(scope: str) -> Iterator[str]:
    outer = _scope.get()
    if scope and not scope.endswith("/"):
        scope = f"{outer}{scope}/"
    with defaults.changed(partial(_scope.set, scope), partial(_scope.set, outer)):
        yield scope
