"""A picture as PNG stores it: rows of bytes, samples of 16 bits with the high byte first.

What lives here: reading a block of rows out of an array of any strides and byte order. What does
not: filters, and packing several pixels into one byte (reductions.py).

Rules:
- Nothing of the size of the picture is allocated: where the array's own memory cannot be used, one
  block at a time is converted into scratch.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tbimage.pixels.scratch import Bytes, take

__all__ = ["Pixels", "Rows"]

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


class Rows:
    """The rows of a picture.

    Args:
        pixels: ``(height, across, channels)`` uint8 or uint16, of any strides and byte order.

    Attributes:
        pixels: The same.
        height: Number of rows.
        width: Bytes of one row.
        step: Bytes of one pixel.
        stored: The picture's own memory as ``(height, width)`` uint8 if it is laid out as PNG wants
            it, else None.

    Example:
        >>> rows = Rows(np.arange(6, dtype=np.uint16).reshape(2, 3, 1))
        >>> rows.height, rows.width, rows.step
        (2, 6, 2)
    """

    __slots__ = ("height", "pixels", "step", "stored", "width")

    def __init__(self, pixels: Pixels) -> None:
        height, across, channels = pixels.shape
        self.pixels: Pixels = pixels
        self.height: int = height
        self.step: int = channels * pixels.itemsize
        self.width: int = across * self.step
        self.stored: Bytes | None = None
        if pixels.flags.c_contiguous and (pixels.itemsize == 1 or pixels.dtype == ">u2"):
            self.stored = pixels.reshape(self.height, across * channels).view(np.uint8)

    def window(self, start: int, stop: int) -> Bytes:
        """Give the row above ``start`` (zeros above the first) and the rows up to ``stop``.

        Args:
            start: First row, from 0.
            stop: One past the last row.

        Returns:
            ``(1 + stop - start, width)`` uint8, C-contiguous, to be read only: the picture itself,
            or scratch that is good until this thread's next call.

        Example:
            >>> rows = Rows(np.arange(6, dtype=np.uint16).reshape(2, 3, 1))
            >>> rows.window(0, 1).tolist()
            [[0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 2]]
        """
        if self.stored is not None and start > 0:
            return self.stored[start - 1 : stop]
        width = self.width
        window = take("window", (1 + stop - start) * width).reshape(-1, width)
        self.copy_window(start, stop, window)
        return window

    def copy_window(self, start: int, stop: int, out: Bytes) -> None:
        """Copy what ``window`` gives.

        Args:
            start: As in ``window``.
            stop: As in ``window``.
            out: ``(1 + stop - start, width)`` uint8, C-contiguous.

        Example:
            >>> out = np.empty((2, 3), np.uint8)
            >>> Rows(np.array([[[1], [2], [3]]], np.uint8)).copy_window(0, 1, out)
            >>> out.tolist()
            [[0, 0, 0], [1, 2, 3]]
        """
        if start == 0:
            out[0] = 0
        above, filled = max(start - 1, 0), out[1 if start == 0 else 0 :]
        if self.stored is not None:
            filled[:] = self.stored[above:stop]
            return
        pixels = self.pixels[above:stop]
        _copy(pixels, filled.view(pixels.dtype.newbyteorder(">")).reshape(pixels.shape))


def _copy(pixels: Pixels, out: Pixels) -> None:
    """Copy, a channel at a time where a row is not in one piece.

    NumPy's innermost loop would be over 1 to 4 channels. Measured for blocks of 128 KiB with the
    channels reversed or in planes: 43 µs this way, 218 µs that way.
    """
    if pixels.strides[1:] == out.strides[1:]:
        np.copyto(out, pixels)
        return
    for channel in range(pixels.shape[2]):
        np.copyto(out[:, :, channel], pixels[:, :, channel])
