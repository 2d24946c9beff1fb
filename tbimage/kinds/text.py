"""Text: Markdown strings, and arrays of them, which TensorBoard shows as tables.

The wire form is TF2's: a tensor of strings of the shape that was given. TensorBoard renders rank 0
as Markdown and ranks 1 and 2 as tables of Markdown, of higher ranks only a slice
(``text_plugin.text_array_to_html``), which is why they are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tbimage.buffers import Piece
from tbimage.kinds import tensors

__all__ = ["Text", "prepare", "summary"]


@dataclass(frozen=True, slots=True)
class Text:
    """Strings in a grid.

    Attributes:
        shape: (), (rows,), (rows, columns), …
        strings: Encoded in UTF-8, row-major.
    """

    shape: tuple[int, ...]
    strings: Sequence[bytes]

    @property
    def nbytes(self) -> int:
        """How many bytes of memory they take."""
        return sum(map(len, self.strings)) + _OBJECT_BYTES * len(self.strings)


# What CPython takes for a bytes object besides its bytes, and for the reference to it.
_OBJECT_BYTES = 48


def prepare(data: object, highest_rank: int | None = 2) -> Text:
    """Check and encode text.

    Args:
        data: A string; a list, tuple or NumPy array of strings; or lists of lists of one length.
            Bytes count as strings when they are UTF-8.
        highest_rank: The greatest rank allowed, or None for any.

    Returns:
        The text, in memory of its own.

    Raises:
        TypeError: There is something else than strings in it.
        ValueError: A string is not valid Unicode, lists are ragged, or the rank is too high.

    Example:
        >>> prepare([["a", "b"], ["c", "d"]]).shape
        (2, 2)
    """
    plain = _plain(data)
    shape = _shape(plain)
    if highest_rank is not None and len(shape) > highest_rank:
        raise ValueError(
            f"data must be a string or an array of strings of rank 1 or 2, got shape {shape}: "
            "TensorBoard shows only a slice of it; reshape it, or log it in parts"
        )
    leaves = [plain]
    for _ in shape:
        leaves = [leaf for row in leaves for leaf in row]
    return Text(shape, [_encoded(leaf) for leaf in leaves])


def _plain(data: Any) -> Any:
    """Turn arrays, NumPy's and others', into nested lists."""
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, (list, tuple)):
        return [_plain(part) for part in data]
    if callable(getattr(data, "numpy", None)):  # TensorFlow's
        data = data.numpy()
    if callable(getattr(data, "tolist", None)):
        return data.tolist()
    return data


def _shape(data: object) -> tuple[int, ...]:
    if not isinstance(data, list):
        return ()
    shapes = dict.fromkeys(_shape(part) for part in data)
    if len(shapes) > 1:
        raise ValueError(
            f"data is ragged: a list in it holds shapes {', '.join(map(str, shapes))}; expected "
            "equal lengths: fill short rows with empty strings"
        )
    return (len(data), *next(iter(shapes), ()))


def _encoded(leaf: object) -> bytes:
    if isinstance(leaf, str):
        try:
            return leaf.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"data must be valid Unicode, got {leaf!r:.80} with a lone surrogate at index "
                f"{error.start}; pass data.encode('utf-8', 'replace').decode() to replace it"
            ) from None
    if isinstance(leaf, bytes):
        try:
            leaf.decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"data must be valid UTF-8, got {leaf!r:.80}, which is not at index {error.start}; "
                "decode it with its own encoding first"
            ) from None
        return leaf
    raise TypeError(
        f"data must be a string or an array of strings, got {leaf!r:.80} of type "
        f"{type(leaf).__name__}; pass str(…) of it"
    )


def summary(name: str, text: Text, description: str | None) -> list[Piece]:
    r"""Make the Summary of some text.

    Args:
        name: Becomes the tag.
        text: What ``prepare`` returned.
        description: Markdown, or None.

    Returns:
        The serialized Summary, as pieces.

    Example:
        >>> b"".join(summary("a", prepare("x"), None))
        b'\n\x16\n\x01aB\x07\x08\x07\x12\x00B\x01xJ\x08\n\x06\n\x04text'
    """
    metadata = tensors.metadata("text", b"", description)
    return tensors.summary([tensors.string_value(name, text.shape, text.strings, metadata)])
