"""Collect the bodies of HTTP requests and responses, and find the images in them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

__all__ = ["Body", "picture_of"]

# A writer stores these formats unchanged. Images in other formats are decoded first.
_STORED = ("image/png", "image/jpeg", "image/gif", "image/bmp")
_FORM = "multipart/form-data"
_IMAGE_HEADER = re.compile(rb"content-type:\s*(image/[\w.+-]+)")
# The largest side of an image after the resize, and its largest number of pixels before.
_SIDE, _MOST_PIXELS = 512, 50_000_000


@dataclass
class Body:
    """The received part of a body that may contain an image."""

    content_type: str  # the header, as the sender wrote it
    most_bytes: int  # the number of bytes that are still allowed
    pieces: list[bytes] = field(default_factory=list)  # the received parts
    complete: bool = False  # True if the whole body is in ``pieces``

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]], most_bytes: int) -> Body | None:
        """Return a new body. Return None if the headers say that it contains no readable image."""
        kind = b""
        for name, value in headers:  # ASGI gives names in lower case
            if name == b"content-type":
                kind = value
            elif name == b"content-encoding" and value.lower() != b"identity":
                return None
        if not kind.lower().startswith((b"image/", _FORM.encode())):
            return None
        return cls(kind.decode("latin-1"), most_bytes)

    def add(self, piece: bytes, more: bool) -> None:
        """Add a piece. If the body is too large, drop all pieces."""
        self.most_bytes -= len(piece)
        if self.most_bytes < 0:
            self.pieces = []
        else:
            self.pieces.append(bytes(piece))  # a bytearray could change later
            self.complete = not more


def picture_of(body: Body) -> Any:
    """Return the image of a body in a form for a writer, or None if there is no image."""
    if not body.complete:
        return None
    data = b"".join(body.pieces)
    kind = _plain(body.content_type)
    if kind == _FORM:
        kind, data = _first_image(body.content_type, data)
    if not data or kind == "image/svg+xml":
        return None
    return data if kind in _STORED else _decoded(data)


def _plain(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _first_image(content_type: str, data: bytes) -> tuple[str, bytes]:
    """Find the first image of a multipart form (RFC 7578)."""
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    for part in data.split(b"--" + boundary.encode("latin-1"))[1:] if boundary else ():
        head, _, payload = part.partition(b"\r\n\r\n")
        kind = _IMAGE_HEADER.search(head.lower())
        if kind is not None:
            return kind[1].decode(), payload.removesuffix(b"\r\n")
    return "", b""


def _decoded(data: bytes) -> Any:
    """Decode and shrink an image that a writer cannot store unchanged. Return None if too large."""
    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        if image.width * image.height > _MOST_PIXELS:
            return None
        small = image.convert("RGBA" if image.has_transparency_data else "RGB")
    small.thumbnail((_SIDE, _SIDE))
    return np.asarray(small)
