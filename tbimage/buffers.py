"""The type of the buffers that contain encoded data.

If the output of a function is large, the function returns the output as a list of buffers. So an
encoded picture is not copied between the compressor and the file.
"""

from __future__ import annotations

#: A contiguous bytes-like object with one byte per item, so that ``len`` counts bytes.
Piece = bytes | bytearray | memoryview
