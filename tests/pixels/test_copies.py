"""Copies: each is equal, alone in its memory, and returns it when it is no longer used."""

from __future__ import annotations

import errno
import mmap
import os
import sys
import threading
from collections.abc import Iterator
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tbimage.pixels.arrays import copies
from tbimage.pixels.arrays.copies import (
    LEAST_BYTES,
    MAPPING_BYTES,
    MOST_BYTES_OF_A_SLOT,
    MOST_SIZES,
    copy_of,
)


@pytest.fixture(autouse=True)
def _nothing_idle() -> Iterator[None]:
    copies._idle.clear()
    yield
    copies._idle.clear()


def idle() -> dict[int, int]:
    return {size: len(same) for size, same in copies._idle.items() if same}


def slot_of(array: np.ndarray) -> int:
    return -(-array.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE


def resident_mib() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE / 2**20


def photo(seed: int = 0, height: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, 200, 3), np.uint8)


@given(
    order=st.permutations(range(4)),
    steps=st.tuples(*[st.sampled_from([1, 1, 2, -1])] * 4),
    dtype=st.sampled_from(["u1", ">u2", "f4", "f8", "?"]),
)
def test_a_copy_is_equal_and_keeps_the_order_of_memory(
    order: list[int], steps: tuple[int, ...], dtype: str
) -> None:
    whole = (np.arange(3 * 61 * 67 * 2 * 16) % 251).astype(dtype).reshape(3, 61 * 2, 67 * 4, 4)
    array = whole[tuple(slice(None, None, step) for step in steps)].transpose(order)
    copied = copy_of(array)
    assert copied.dtype == array.dtype
    assert np.array_equal(copied, array)
    assert copied.flags.writeable
    assert not np.shares_memory(copied, whole)
    assert copied.strides == array.copy(order="K").strides


def test_memory_comes_back_with_the_last_view() -> None:
    copied = copy_of(photo())
    views = [copied[::2], copied.reshape(-1)[5:], copied.view(np.int8).T, np.asarray(copied)[0]]
    buffer = copied.data
    del copied
    slot = slot_of(photo())
    count = MAPPING_BYTES // slot
    for _ in range(len(views)):
        assert idle() == {slot: count - 1}
        views.pop()
    assert idle() == {slot: count - 1}
    buffer.release()
    assert idle() == {slot: count}


def test_copies_that_are_looked_at_share_nothing() -> None:
    first = copy_of(photo(0))
    second = copy_of(photo(1))
    assert not np.shares_memory(first, second)
    address = first.ctypes.data
    del first
    third = copy_of(photo(2))
    assert third.ctypes.data == address
    assert not np.shares_memory(second, third)
    assert np.array_equal(second, photo(1))
    assert np.array_equal(third, photo(2))


def test_small_and_huge_copies_leave_nothing_behind() -> None:
    for size in (0, 1, LEAST_BYTES - 1, MAPPING_BYTES + 1):
        assert np.array_equal(copy_of(np.zeros(size, np.uint8)), np.zeros(size, np.uint8))
    assert idle() == {}


def test_idle_memory_is_that_of_one_mapping() -> None:
    size = MAPPING_BYTES // 8
    held = [copy_of(np.full(size, value, np.uint8)) for value in range(21)]
    assert [copied[-1] for copied in held] == list(range(21))
    assert idle() == {size: 3}
    held.clear()
    assert idle() == {size: 8}
    assert len({id(memory.base) for memory in copies._idle[size]}) == 1


def test_a_large_copy_is_kept_where_none_is_idle() -> None:
    size = slot_of(np.zeros(MOST_BYTES_OF_A_SLOT + 1, np.uint8))
    first, second = (copy_of(np.full(size, value, np.uint8)) for value in (1, 2))
    assert idle() == {}
    address = first.ctypes.data
    del first
    assert idle() == {size: 1}
    third = copy_of(np.zeros(size, np.uint8))
    assert third.ctypes.data == address
    assert second.min() == 2
    del second, third
    assert idle() == {size: 1}


def test_the_number_of_sizes_is_bounded() -> None:
    for number in range(1, 3 * MOST_SIZES):
        copy_of(np.zeros(LEAST_BYTES + number * mmap.PAGESIZE, np.uint8))
        assert len(idle()) <= MOST_SIZES
    for number in range(1, 3 * MOST_SIZES):
        copy_of(np.zeros(MOST_BYTES_OF_A_SLOT + number * mmap.PAGESIZE, np.uint8))
        assert len(idle()) <= MOST_SIZES


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize("size", [LEAST_BYTES, 786_432, 3_000_000, 6_220_800, 20_000_000])
def test_memory_goes_back_after_a_burst(size: int) -> None:
    array = np.full(size, 7, np.uint8)
    before = resident_mib()
    held = [copy_of(array) for _ in range((128 << 20) // size)]
    assert resident_mib() - before > 100
    del held[::2]  # in another order than in memory
    held.clear()
    assert resident_mib() - before < 1.5 * MAPPING_BYTES / 2**20


def test_memory_without_pages_of_its_own_will_do() -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOMEM, "no pages")

    array = np.arange(MAPPING_BYTES // 16, dtype=np.uint32)
    with mock.patch("mmap.mmap", refuse):
        assert np.array_equal(copy_of(array), array)
    assert idle() == {array.nbytes: 4}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_writes_to_pages_of_its_own() -> None:
    copied = copy_of(np.zeros(1 << 20, np.uint8))
    child = os.fork()
    if child == 0:
        copied[:] = 1
        os._exit(int(copied.max()))
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert not copied.any()


def test_threads_may_return_memory_that_others_took() -> None:
    wrong = []

    def copy_often(seed: int) -> None:
        mine = photo(seed, height=120 + seed % 2)
        for _ in range(200):
            copied = copy_of(mine)
            thread = threading.Thread(target=lambda kept: None, args=(copied,))
            thread.start()
            if not np.array_equal(copied, mine):
                wrong.append(seed)
            del copied
            thread.join()

    threads = [threading.Thread(target=copy_often, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
