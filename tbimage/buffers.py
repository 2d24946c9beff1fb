"""The one type that every room passes on: a piece of a large output.

Functions that make large outputs return a list of pieces whose concatenation is the result, so that
an encoded picture goes from the compressor to the file without being copied.
"""

from __future__ import annotations

#: Bytes-like, contiguous, one byte per item (so that ``len`` counts bytes).
Piece = bytes | bytearray | memoryview
