"""Framing: the bytes follow the format, and are read back whole from any pieces."""

from __future__ import annotations

import struct

import crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.events.records import (
    OVERHEAD_BYTES,
    CorruptRecordError,
    RecordDecoder,
    frame,
    mask,
    masked_crc32c,
    small_record,
)

payloads = st.binary(max_size=300)
pieces = st.lists(
    st.one_of(payloads, payloads.map(bytearray), payloads.map(lambda payload: memoryview(payload))),
    max_size=5,
)


def join(parts: object) -> bytes:
    return b"".join(bytes(part) for part in parts)  # type: ignore[attr-defined]


# Golden vectors of the data server: tensorboard/data/server/{masked_crc,tf_record}.rs.


def test_the_masked_checksum_equals_that_of_the_data_server() -> None:
    assert masked_crc32c([b"\x1a\x11CRC test, one two"]) == 0x5794D08A


def test_the_header_equals_that_of_the_data_server() -> None:
    header = frame([bytes(24)])[0]
    assert bytes(header) == struct.pack("<Q", 24) + bytes.fromhex("a37f4b22")


def test_the_footer_equals_that_of_the_data_server() -> None:
    payload = bytes.fromhex("0900008038 99d6d741 1a0d") + b"brain.Event:2"
    assert len(payload) == 24
    assert bytes(frame([payload])[-1]) == bytes.fromhex("124b36ab")


def test_the_mask_is_that_of_the_format() -> None:
    """A rotation by 15 and a constant, as in xla/tsl/lib/hash/crc32c.h, modulo 2**32."""
    assert mask(0) == 0xA282EAD8
    assert mask(0x8000) == 0xA282EAD9
    assert mask(0xFFFFFFFF) == 0xA282EAD7


@given(st.integers(0, 2**32 - 1))
def test_the_mask_can_be_undone(crc: int) -> None:
    rotated = (mask(crc) - 0xA282EAD8) & 0xFFFFFFFF
    assert (rotated << 15 | rotated >> 17) & 0xFFFFFFFF == crc


@given(pieces)
def test_the_checksum_of_pieces_equals_that_of_the_whole(parts: list[bytes]) -> None:
    assert masked_crc32c(parts) == mask(crc32c.crc32c(join(parts)))


# Framing.


@given(pieces)
def test_a_frame_holds_the_given_pieces_uncopied(parts: list[bytes]) -> None:
    framed = frame(parts)
    assert all(given is kept for given, kept in zip(parts, framed[1:-1], strict=True))
    assert len(join(framed)) == len(join(parts)) + OVERHEAD_BYTES


@given(st.binary(max_size=3000))
def test_a_small_record_is_the_same_record(payload: bytes) -> None:
    assert small_record(payload) == small_record(payload) == join(frame([payload]))


@given(st.lists(pieces, max_size=8), st.data())
def test_records_come_back_from_chunks_of_any_size(
    records: list[list[bytes]], data: st.DataObject
) -> None:
    stream = b"".join(join(frame(parts)) for parts in records)
    decoder = RecordDecoder()
    decoded = []
    at = 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        decoder.feed(stream[at : at + size])
        at += size
        while (payload := decoder.next_record()) is not None:
            decoded.append(payload)
    assert decoded == [join(parts) for parts in records]
    assert decoder.offset == len(stream)
    assert decoder.pending_bytes == 0


@given(st.lists(payloads, min_size=1, max_size=5), st.data())
def test_the_decoder_waits_for_the_rest_of_a_record(
    contents: list[bytes], data: st.DataObject
) -> None:
    framed = [join(frame([content])) for content in contents]
    stream = b"".join(framed)
    cut = data.draw(st.integers(0, len(stream) - 1))
    decoder = RecordDecoder()
    decoder.feed(stream[:cut])
    first = []
    while (payload := decoder.next_record()) is not None:
        first.append(payload)
    whole = sum(sum(map(len, framed[: count + 1])) <= cut for count in range(len(framed)))
    assert first == contents[:whole]
    assert decoder.offset + decoder.pending_bytes == cut
    decoder.feed(stream[cut:])
    assert decoder.next_record() == contents[whole]


# Damage.


@given(st.lists(payloads, min_size=1, max_size=4), st.data())
def test_a_flipped_bit_is_found_and_nothing_after_it_is_read(
    contents: list[bytes], data: st.DataObject
) -> None:
    framed = [join(frame([content])) for content in contents]
    stream = bytearray(b"".join(framed))
    at = data.draw(st.integers(0, len(stream) - 1))
    stream[at] ^= 1 << data.draw(st.integers(0, 7))
    damaged = next(i for i in range(len(framed)) if at < sum(map(len, framed[: i + 1])))
    decoder = RecordDecoder()
    decoder.feed(stream)
    for content in contents[:damaged]:
        assert decoder.next_record() == content
    for _ in range(2):  # it stays corrupt
        with pytest.raises(CorruptRecordError) as caught:
            decoder.next_record()
        assert caught.value.offset == sum(map(len, framed[:damaged])) == decoder.offset


@pytest.mark.parametrize(
    ("at", "reason"),
    [(0, "its length"), (9, "its length"), (12, "its payload"), (16, "its payload")],
)
def test_an_error_tells_which_checksum_failed(at: int, reason: str) -> None:
    record = bytearray(small_record(b"abc"))
    record[at] ^= 1
    decoder = RecordDecoder()
    decoder.feed(record)
    with pytest.raises(CorruptRecordError, match=f"byte 0: checksum of {reason}"):
        decoder.next_record()


def test_a_large_stream_is_decoded_in_linear_time() -> None:
    """100,000 records fed at once: with a copy of the rest for each this would take minutes."""
    decoder = RecordDecoder()
    decoder.feed(small_record(b"x" * 100) * 100_000)
    count = 0
    while decoder.next_record() is not None:
        count += 1
    assert count == 100_000


def test_headers_that_are_remembered_are_bounded() -> None:
    from tbimage.events import records

    for length in range(0, 5000, 7):
        small_record(bytes(length))
    assert max(records._SMALL_HEADERS) <= 1024
