"""Batches of framed records, without a Python object for each record."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from tbimage.buffers import Piece


@dataclass(frozen=True, slots=True)
class Batch:
    """Framed records in the order of the file."""

    # The bytes of the records. A buffer may contain several records, and a record may consist of
    # several buffers.
    pieces: Sequence[Piece] = ()
    # The size of each record in bytes; 0 if the record could not be made.
    sizes: Sequence[int] = field(default=())

    @property
    def size(self) -> int:
        """The number of bytes of all records."""
        return sum(self.sizes)

    def whole_records(self, size: int) -> int:
        """Return how many records are complete in the first ``size`` bytes."""
        return bisect_right(list(accumulate(self.sizes)), size)

    def first(self, count: int) -> Batch:
        """Return the first ``count`` records, without copying bytes."""
        if count == len(self.sizes):
            return self
        sizes = self.sizes[:count]
        left = sum(sizes)
        pieces: list[Piece] = []
        for piece in self.pieces:
            if left <= 0:
                break
            pieces.append(piece if len(piece) <= left else memoryview(piece)[:left])
            left -= len(piece)
        return Batch(pieces, sizes)

    def without_first(self, count: int) -> Batch:
        """Return all records except the first ``count``, without copying bytes."""
        if count == len(self.sizes):
            return Batch()
        return Batch(skip(self.pieces, sum(self.sizes[:count])), self.sizes[count:])


def concatenate(batches: Iterable[Batch]) -> Batch:
    """Join batches."""
    pieces: list[Piece] = []
    sizes: list[int] = []
    for batch in batches:
        pieces += batch.pieces
        sizes += batch.sizes
    return Batch(pieces, sizes)


def skip(pieces: Sequence[Piece], size: int) -> Sequence[Piece]:
    """Return the buffers without their first ``size`` bytes; no bytes are copied."""
    if size == 0:
        return pieces
    for index, piece in enumerate(pieces):
        if size < len(piece):
            return [memoryview(piece)[size:], *pieces[index + 1 :]]
        size -= len(piece)
    return ()
