"""Records on their way to a file: many at once, without a Python object for each.

What lives here: the bookkeeping of which bytes belong to which record. What does not: how records
are framed (``records.py``) and written (``segments.py``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from tbimage.buffers import Piece

__all__ = ["Batch", "concatenate", "skip"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Framed records that follow each other.

    Attributes:
        pieces: Their bytes; a piece may hold several records, and a record several pieces.
        sizes: How many bytes each record has; 0 stands for a summary that could not be made.
    """

    pieces: Sequence[Piece] = ()
    sizes: Sequence[int] = field(default=())

    @property
    def size(self) -> int:
        """How many bytes all records have."""
        return sum(self.sizes)

    def whole_records(self, size: int) -> int:
        """Count the records that the first ``size`` bytes hold completely."""
        return bisect_right(list(accumulate(self.sizes)), size)

    def first(self, count: int) -> Batch:
        """Return the first records, without copying their bytes."""
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
        """Return the records behind the first ones, without copying their bytes."""
        if count == len(self.sizes):
            return Batch()
        return Batch(skip(self.pieces, sum(self.sizes[:count])), self.sizes[count:])


def concatenate(batches: Iterable[Batch]) -> Batch:
    """Put batches behind each other."""
    pieces: list[Piece] = []
    sizes: list[int] = []
    for batch in batches:
        pieces += batch.pieces
        sizes += batch.sizes
    return Batch(pieces, sizes)


def skip(pieces: Sequence[Piece], size: int) -> Sequence[Piece]:
    """Leave out the first bytes, without copying the others."""
    if size == 0:
        return pieces
    for index, piece in enumerate(pieces):
        if size < len(piece):
            return [memoryview(piece)[size:], *pieces[index + 1 :]]
        size -= len(piece)
    return ()
