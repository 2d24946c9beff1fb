"""A decoder of PNG that shares nothing with the encoder: the specification, a byte at a time.

It reads files for the tests, strictly and slowly.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

SAMPLES_OF_COLOR_TYPE = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS_OF_COLOR_TYPE = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


@dataclass
class Decoded:
    """A picture: what is stored, and the colours that a viewer shows."""

    stored: Array
    shown: Array
    bit_depth: int
    color_type: int
    chunks: list[str] = field(default_factory=list)


def decode(file: bytes) -> Decoded:
    """Decode a PNG; every length, checksum and order of chunks must be right."""
    assert file[:8] == b"\x89PNG\r\n\x1a\n"
    chunks = read_chunks(file[8:])
    names = [name for name, _ in chunks]
    assert names[0] == "IHDR"
    assert names[-1] == "IEND"
    first = names.index("IDAT")
    count = names.count("IDAT")
    assert names[first : first + count] == ["IDAT"] * count, "IDAT chunks follow each other"
    assert set(names[1:first]) <= {"PLTE", "tRNS"}
    assert names[first + count :] == ["IEND"]

    by_name = dict(chunks)
    width, height, depth, color_type, *rest = struct.unpack(">IIBBBBB", by_name["IHDR"])
    assert rest == [0, 0, 0]
    assert depth in DEPTHS_OF_COLOR_TYPE[color_type]
    stream = b"".join(data for name, data in chunks if name == "IDAT")
    stored = unpack(inflate(stream), height, width, depth, SAMPLES_OF_COLOR_TYPE[color_type])
    shown = show(stored, depth, color_type, by_name.get("PLTE"), by_name.get("tRNS"))
    return Decoded(stored, shown, depth, color_type, names)


def read_chunks(data: bytes) -> list[tuple[str, bytes]]:
    chunks = []
    while data:
        size, name = struct.unpack(">I4s", data[:8])
        content, data = data[8 : 8 + size], data[8 + size :]
        assert struct.unpack(">I", data[:4])[0] == zlib.crc32(name + content)
        chunks.append((name.decode("ascii"), content))
        data = data[4:]
    return chunks


def inflate(stream: bytes) -> bytes:
    inflater = zlib.decompressobj()  # compares the Adler-32
    data = inflater.decompress(stream)
    assert inflater.eof
    assert inflater.unused_data == b""
    return data


def unpack(data: bytes, height: int, width: int, depth: int, samples: int) -> Array:
    row_bytes = (width * samples * depth + 7) // 8
    step = max(1, samples * depth // 8)
    assert len(data) == height * (1 + row_bytes)
    above = [0] * row_bytes
    rows = []
    for y in range(height):
        kind, *row = data[y * (1 + row_bytes) : (y + 1) * (1 + row_bytes)]
        above = unfilter(kind, row, above, step)
        rows.append(above)
    raw = np.array(rows, np.uint8)
    if depth == 16:
        return raw.view(">u2").astype(np.uint16).reshape(height, width, samples)
    if depth == 8:
        return raw.reshape(height, width, samples)
    bits = np.unpackbits(raw, axis=1)[:, : width * depth].reshape(height, width, depth)
    return (bits @ (1 << np.arange(depth)[::-1])).astype(np.uint8)[:, :, np.newaxis]


def unfilter(kind: int, row: list[int], above: list[int], step: int) -> list[int]:
    assert kind in range(5)
    for x in range(len(row)):
        left = row[x - step] if x >= step else 0
        corner = above[x - step] if x >= step else 0
        predictor = (0, left, above[x], (left + above[x]) // 2, paeth(left, above[x], corner))
        row[x] = (row[x] + predictor[kind]) % 256
    return row


def paeth(a: int, b: int, c: int) -> int:
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    if pa <= pb and pa <= pc:
        return a
    return b if pb <= pc else c


def show(
    stored: Array, depth: int, color_type: int, palette: bytes | None, alpha: bytes | None
) -> Array:
    if color_type != 3:
        assert palette is None
        assert alpha is None
        return stored * np.uint8(255 // (2**depth - 1)) if depth < 8 else stored
    assert palette is not None
    colors = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    assert stored.max() < len(colors) <= 2**depth
    if alpha is not None:
        assert 0 < len(alpha) <= len(colors)
        alphas = np.frombuffer(alpha, np.uint8).tolist() + [255] * (len(colors) - len(alpha))
        colors = np.column_stack([colors, np.array(alphas, np.uint8)])
    return colors[stored[:, :, 0]]
