"""The type of encoded data that all folders pass on: parts of a large output.

Functions that make large outputs return a list of buffers. Joined, they are the output. So an
encoded picture goes from the compressor to the file without being copied.
"""

from __future__ import annotations

#: A contiguous bytes-like object with one byte per item, so that ``len`` counts bytes.
Piece = bytes | bytearray | memoryview
