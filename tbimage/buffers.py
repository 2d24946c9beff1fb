"""The type of the buffers in which encoded data is passed on.

Functions that make a large output return a list of buffers, which are its parts. So an encoded
picture goes from the compressor to the file without being copied.
"""

from __future__ import annotations

#: A contiguous bytes-like object with one byte per item, so that ``len`` counts bytes.
Piece = bytes | bytearray | memoryview
