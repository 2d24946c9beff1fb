"""Batches: the bytes of each record, also after a part was cut off."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from tbimage.events.batches import Batch, concatenate, skip

#: Records as lists of pieces; some have no bytes at all.
records = st.lists(st.lists(st.binary(max_size=6), max_size=3), max_size=8)


def batch_of(parts: list[list[bytes]]) -> Batch:
    return Batch(
        [piece for record in parts for piece in record],
        [sum(map(len, record)) for record in parts],
    )


def content(batch: Batch) -> bytes:
    return b"".join(bytes(piece) for piece in batch.pieces)


@given(records, st.data())
def test_first_and_rest_are_the_whole(parts: list[list[bytes]], data: st.DataObject) -> None:
    batch = batch_of(parts)
    count = data.draw(st.integers(0, len(parts)))
    first, rest = batch.first(count), batch.without_first(count)
    assert content(first) == b"".join(b"".join(record) for record in parts[:count])
    assert content(first) + content(rest) == content(batch)
    assert [*first.sizes, *rest.sizes] == list(batch.sizes)
    assert first.size == len(content(first))


@given(records, st.integers(0, 60))
def test_whole_records_are_counted(parts: list[list[bytes]], size: int) -> None:
    batch = batch_of(parts)
    ends = accumulate(batch.sizes)
    assert batch.whole_records(size) == sum(end <= size for end in ends)


@given(st.lists(records, max_size=4))
def test_batches_follow_each_other(several: list[list[list[bytes]]]) -> None:
    joined = concatenate(batch_of(parts) for parts in several)
    assert content(joined) == b"".join(content(batch_of(parts)) for parts in several)
    assert joined.size == len(content(joined))
    assert len(joined.sizes) == sum(map(len, several))


@given(st.lists(st.binary(max_size=6), max_size=6), st.integers(0, 40))
def test_skipping_leaves_the_rest(pieces: list[bytes], size: int) -> None:
    assert b"".join(map(bytes, skip(pieces, size))) == b"".join(pieces)[size:]


def test_nothing_is_copied() -> None:
    piece = bytes(100)
    batch = Batch([piece], [40, 60])
    for part in (*batch.first(1).pieces, *batch.without_first(1).pieces, *skip([piece], 10)):
        assert isinstance(part, memoryview)
        assert part.obj is piece
