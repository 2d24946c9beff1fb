"""A picture in an event file. The picture is decoded on request."""

from __future__ import annotations

import io
import struct
import sys
import warnings
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tbimage.reading.fields import bytes_reader, fields, varint_at
from tbimage.reading.index import IMAGE
from tbimage.reading.places import Place
from tbimage.reading.tensors import strings_of

if TYPE_CHECKING:
    import PIL.Image
    from numpy.typing import NDArray

__all__ = ["Image"]

# The values of these modes of Pillow are not gray or RGB. They are converted to RGB or RGBA.
_CONVERTED = {"P", "PA", "CMYK", "YCbCr", "LAB", "HSV"}


@dataclass(frozen=True)
class Image:
    """A picture. It is read from the file when a property or a method is used.

    Reading checks the checksums of the record. It raises a ``CorruptFileError`` if the record is
    damaged, an ``OSError`` if the file is missing, and a ``ValueError`` if the picture cannot be
    decoded.

    Attributes:
        step: The step of the picture.
        wall_time: When the picture was logged, in seconds since 1970.
        sample: The number of the picture in its step. The first picture of a step has the number 0.
        place: The place of the picture in the file.
    """

    step: int
    wall_time: float
    sample: int
    place: Place = field(repr=False)

    @property
    def encoded(self) -> bytes:
        """The picture as it was logged: the bytes of a PNG, JPEG, GIF or other file."""
        return self._load()[1]

    @property
    def width(self) -> int:
        """The width, in pixels."""
        return self._told[0] or self._decoded[0]

    @property
    def height(self) -> int:
        """The height, in pixels."""
        return self._told[1] or self._decoded[1]

    @property
    def channels(self) -> int:
        """The number of channels: 1 is gray, 2 is gray and alpha, 3 is RGB, 4 is RGBA."""
        return self._told[2] or self._decoded[2]

    @cached_property
    def _told(self) -> tuple[int, int, int]:
        return self._load()[0]

    @cached_property
    def _decoded(self) -> tuple[int, int, int]:
        """Width, height and channels, from the header of the encoded picture."""
        with self._opened(self.encoded) as picture:
            mode = picture.mode
            if mode in _CONVERTED:
                mode = "RGBA" if _is_transparent(picture) else "RGB"
            return picture.width, picture.height, {"LA": 2, "RGB": 3, "RGBA": 4}.get(mode, 1)

    def _load(self) -> tuple[tuple[int, int, int], bytes]:
        """Return width, height and channels (0 if not stored), and the encoded picture."""
        content = self.place.load()
        read = bytes_reader(content)
        if self.place.form == IMAGE:
            told, encoded = {1: 0, 2: 0, 3: 0}, b""
            for number, kind, start, stop in fields(read, 0, len(content)):
                if number == 4 and kind == 2:
                    encoded = read(start, stop)
                elif number in told and kind == 0:
                    size = varint_at(read, start, stop)
                    told[number] = size if size < 1 << 31 else 0  # -1 is a large unsigned varint
            return (told[2], told[1], told[3]), encoded
        strings = strings_of(content)  # width and height as text, and after them the pictures
        if self.sample + 2 >= len(strings):
            raise self.place.broken(f"it has {max(len(strings) - 2, 0)} pictures")
        width, height = (_number(read(*each)) for each in strings[:2])
        return (width, height, 0), read(*strings[self.sample + 2])

    def pixels(self) -> NDArray[Any]:
        """Decode the picture.

        Returns:
            ``[height, width, channels]``, uint16 if a channel has 16 bits, else uint8. Interlaced
            pictures with several channels are uint8. An animation gives its first frame.

        Raises:
            ValueError: The picture cannot be decoded, or has more pixels than Pillow's limit
                (twice ``PIL.Image.MAX_IMAGE_PIXELS``).
        """
        import numpy as np
        import PIL.Image

        from tbimage.reading import png16

        encoded = self.encoded
        try:
            deep = png16.decode(encoded, 2 * (PIL.Image.MAX_IMAGE_PIXELS or sys.maxsize))
        except (ValueError, zlib.error, struct.error) as error:
            raise self.place.broken(f"its picture cannot be decoded: {error}") from error
        if deep is not None:
            return deep
        picture = self._decode(encoded)
        array = np.asarray(picture)
        if picture.mode == "1":
            array = array.astype(np.uint8) * np.uint8(255)
        elif picture.mode == "I":  # older releases of Pillow open 16-bit gray in this mode
            array = array.astype(np.uint16)
        return array.reshape(*array.shape[:2], -1)

    def pil(self) -> PIL.Image.Image:
        """Decode the picture to a Pillow image.

        The image has the same values as ``pixels``. But if a picture has several channels of 16
        bits, Pillow keeps only the upper 8 bits.
        """
        return self._decode(self.encoded)

    def _decode(self, encoded: bytes) -> PIL.Image.Image:
        with self._opened(encoded) as picture:
            try:
                if picture.mode in _CONVERTED:
                    mode = "RGBA" if _is_transparent(picture) else "RGB"
                    converted: PIL.Image.Image = picture.convert(mode)
                    return converted
                loaded: PIL.Image.Image = picture.copy()
                return loaded
            except Exception as error:  # Pillow may raise any error for damaged files
                raise self.place.broken(f"its picture cannot be decoded: {error}") from error

    def _opened(self, encoded: bytes) -> PIL.Image.Image:
        import PIL.Image

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # warnings about large pictures and odd metadata
                return PIL.Image.open(io.BytesIO(encoded))
        except PIL.UnidentifiedImageError:
            raise self.place.broken(
                "its picture cannot be decoded: it is of no known format"
            ) from None
        except Exception as error:  # too many pixels, or damage
            raise self.place.broken(f"its picture cannot be decoded: {error}") from error

    def _repr_png_(self) -> bytes:
        encoded = self.encoded
        if encoded.startswith(b"\x89PNG"):
            return encoded
        buffer = io.BytesIO()
        self.pil().save(buffer, "PNG")
        return buffer.getvalue()


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() and len(text) < 10 else 0


def _is_transparent(picture: PIL.Image.Image) -> bool:
    return picture.mode == "PA" or "transparency" in picture.info
