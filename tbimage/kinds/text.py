"""Text: Markdown strings, and arrays of strings, which TensorBoard shows as tables.

The wire form is that of TensorFlow 2: a tensor of strings with the caller's shape. TensorBoard
renders rank 0 as Markdown, and ranks 1 and 2 as tables. Higher ranks are an error, because
TensorBoard shows only a slice of such an array (``text_plugin.text_array_to_html``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tbimage import checks
from tbimage.buffers import Piece
from tbimage.events import wire
from tbimage.kinds import tensors


@dataclass(frozen=True, slots=True)
class Text:
    """Strings in UTF-8 and row-major order, with their shape."""

    shape: tuple[int, ...]
    strings: Sequence[bytes]

    @property
    def nbytes(self) -> int:
        """The approximate size in bytes."""
        return sum(map(len, self.strings)) + _OBJECT_BYTES * len(self.strings)


# The bytes that CPython needs for a bytes object and for the reference to it, without the content.
_OBJECT_BYTES = 48


def prepare(data: object, highest_rank: int | None = 2) -> Text:
    """Check and encode text. Bytes must be UTF-8. ``highest_rank=None`` allows any rank."""
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
    """Turn arrays and tensors into nested lists."""
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, (list, tuple)):
        return [_plain(part) for part in data]
    if callable(getattr(data, "numpy", None)):  # a tensor of TensorFlow
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
            "data is ragged: a list in it has elements of the shapes "
            f"{', '.join(map(str, shapes))}; expected equal lengths: fill short rows with empty "
            "strings"
        )
    return (len(data), *next(iter(shapes), ()))


def _encoded(leaf: object) -> bytes:
    if isinstance(leaf, str):
        return checks.text("data", leaf).encode()
    if isinstance(leaf, bytes):
        try:
            leaf.decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"data must be valid UTF-8, got {checks.shown(leaf)}, which is invalid at index "
                f"{error.start}; decode it with its own encoding first"
            ) from None
        return leaf
    raise TypeError(
        f"data must be a string or an array of strings, got {checks.given(leaf)}; pass str(…) of it"
    )


def verbatim(text: Text) -> Text:
    """Turn each string into a code block of Markdown, so that it is shown unchanged."""
    return Text(text.shape, [_code_block(string) for string in text.strings])


def _code_block(string: bytes) -> bytes:
    # The fence is longer than any sequence of tildes in the string, so the string cannot end the
    # code block.
    longest = max(map(len, re.findall(rb"~+", string)), default=0)
    fence = b"~" * max(3, longest + 1)
    return b"%s\n%s\n%s" % (fence, string, fence)


def summary(name: str, text: Text, description: str | None) -> list[Piece]:
    """Make the Summary."""
    metadata = wire.summary_metadata("text", b"", description)
    return wire.summary([tensors.string_value(name, text.shape, text.strings, metadata)])
