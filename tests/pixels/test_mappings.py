"""Memory mappings: data is alone in its memory, which is used again or goes back to the system."""

from __future__ import annotations

import errno
import sys
import threading
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.buffers import Piece
from tbimage.pixels import mappings
from tbimage.pixels.mappings import LEAST_BYTES, MOST_IDLE, lend, moved
from tbimage.pixels.png.encoder import encode
from tests.pixels.test_copies import resident_mib
from tests.pixels.test_png import photograph


@pytest.fixture(autouse=True)
def _nothing_idle() -> Iterator[None]:
    forget()
    yield
    forget()


def filled(number: int) -> Piece:
    (piece,) = moved([bytes([number]) * LEAST_BYTES])
    return piece


def forget() -> None:
    for same in mappings._idle.values():
        same.clear()


def idle() -> dict[int, int]:
    return {size: len(same) for size, same in mappings._idle.items() if same}


@given(st.lists(st.binary(max_size=30)), st.sampled_from([1, LEAST_BYTES // 100, LEAST_BYTES]))
def test_moved_data_is_equal(starts: list[bytes], times: int) -> None:
    pieces = [start * times for start in starts]
    assert b"".join(moved(pieces)) == b"".join(pieces)


def test_only_large_data_is_moved() -> None:
    small, large = [b"a", bytes(LEAST_BYTES - 2)], [b"a", bytes(LEAST_BYTES - 1)]
    assert [type(piece) for piece in moved(small)] == [bytes, bytes]
    assert [type(piece) for piece in moved(large)] == [memoryview]


def test_a_mapping_is_used_again_when_its_last_view_is_deleted() -> None:
    lent = lend(LEAST_BYTES + 1)
    address = lent.ctypes.data
    view = lent.data[10:20]
    del lent
    assert idle() == {}
    assert lend(LEAST_BYTES + 1).ctypes.data != address
    del view
    again = [lend(LEAST_BYTES * 2).ctypes.data for _ in range(2)]  # the same power of two
    assert address in again


def test_data_in_use_does_not_change() -> None:
    pieces = [filled(number) for number in range(50)]
    del pieces[::2]
    pieces += [filled(number) for number in range(100, 150)]
    assert [piece[0] for piece in pieces] == [*range(1, 50, 2), *range(100, 150)]
    assert all(set(bytes(piece)) == {piece[0]} for piece in pieces)


@pytest.mark.parametrize("size", [LEAST_BYTES, 2 << 20, 4 << 20])
def test_few_mappings_are_kept(size: int) -> None:
    lent = [lend(size) for _ in range(MOST_IDLE + 5)]
    del lent
    assert idle() == ({} if size > 2 << 20 else {size: MOST_IDLE})


def test_threads_do_not_share_a_mapping() -> None:
    wrong: list[int] = []

    def use(number: int) -> None:
        kept: list[Piece] = []
        for _ in range(300):
            kept.append(filled(number))
            if len(kept) > 3:
                piece = kept.pop(0)
                if piece[0] != number or piece[-1] != number:
                    wrong.append(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("compression", ["fast", "balanced"])
def test_the_memory_of_encoded_pictures_goes_back(compression: str) -> None:
    picture, others = photograph(600, 500, 3), []
    files = [encode(picture, compression=compression).pieces]
    before = resident_mib()
    for _ in range(200):
        files.append(encode(picture, compression=compression).pieces)
        others.append(bytes(5000))  # what the program keeps lies between them
    size = sum(map(len, files[0])) * 200 / 2**20
    assert resident_mib() > before + size * 0.9
    del files
    assert resident_mib() < before + size * 0.2


def test_memory_without_a_mapping_will_do() -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOMEM, "no mapping")

    picture = photograph(300, 300, 3)
    expected = b"".join(encode(picture).pieces)
    forget()
    with mock.patch("mmap.mmap", refuse):
        assert b"".join(encode(picture).pieces) == expected
