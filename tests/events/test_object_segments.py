"""Event files in an object store: the uploads, and the content of the store after faults."""

from __future__ import annotations

import errno
import io
import itertools
import logging
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tbimage.events import object_segments
from tbimage.events.batches import Batch
from tbimage.events.object_segments import ObjectSegments
from tbimage.events.segments import SegmentOptions
from tests.events.segmenting import append_all, batch_of, decode
from tests.events.stores import FakeStore

RUN = "s3://bucket/run"


def begin(store: FakeStore, **options: Any) -> ObjectSegments:
    return ObjectSegments(store, RUN, SegmentOptions(**options))


def steps_of(store: FakeStore) -> list[int]:
    """The steps of all events in the order of the objects' names, without padding."""
    steps: list[int] = []
    for path in sorted(store.objects):
        events = decode(store.objects[path][0])
        assert events[0].file_version == "brain.Event:2"
        steps += [each.step for each in events[1:] if each.summary.value]
    return steps


def check_growth(store: FakeStore) -> None:
    """At every moment an object is the beginning of what it will be."""
    for contents in store.seen.values():
        for earlier, later in itertools.pairwise(contents):
            assert later.startswith(earlier)


@pytest.mark.parametrize("grows_from", [0, 1000, math.inf])
def test_records_come_back_in_order(grows_from: float) -> None:
    store = FakeStore(grows_from)
    segments = begin(store)
    segments.open()
    for step in range(300):
        assert segments.append(batch_of([step], 400)) == 1
    segments.seal()
    assert steps_of(store) == list(range(300))
    assert segments.bytes_written == sum(len(content) for content, _, _ in store.objects.values())
    assert segments.count == len(store.objects)
    check_growth(store)


def test_a_store_that_grows_from_the_first_byte_has_one_object_and_each_byte_is_sent_once() -> None:
    store = FakeStore(0)
    segments = begin(store)
    segments.open()
    for step in range(500):
        segments.append(batch_of([step], 1000))
    assert len(store.objects) == 1
    assert store.bytes_up == segments.bytes_written


def test_tails_are_sealed_at_64_kib() -> None:
    store = FakeStore()
    segments = begin(store)
    for step in range(200):
        segments.append(batch_of([step], 5000))
    sizes = [len(store.objects[path][0]) for path in sorted(store.objects)]
    assert all(65536 <= size < 65536 + 5200 for size in sizes[:-1])
    assert max(map(len, store.seen.values())) <= 14  # uploads of one tail


@pytest.mark.slow
def test_a_run_of_5_mib_goes_on_in_one_object_that_grows() -> None:
    store = FakeStore()
    segments = begin(store)
    uploads, size = 1200, 10_000
    for step in range(uploads):
        segments.append(batch_of([step], size))
    assert steps_of(store) == list(range(uploads))
    assert len(store.objects) <= 81
    data = uploads * (size + 60)
    below = (5 << 20) / size  # uploads
    assert store.bytes_up <= 1.2 * data + 65536 * below
    # Once it grows, only what is new is uploaded.
    before = store.bytes_up
    for step in range(uploads, uploads + 100):
        segments.append(batch_of([step], size))
    assert store.bytes_up - before <= 1.02 * 100 * size
    check_growth(store)


def test_the_next_object_copies_its_padding_within_the_store() -> None:
    store = FakeStore(50_000)
    segments = begin(store, max_file_bytes=250_000)
    segments.bytes_written = 5 << 20
    for step in range(100):
        segments.append(batch_of([step], 10_000))
    assert len(store.objects) >= 5
    assert steps_of(store) == list(range(100))
    assert store.bytes_up <= 100 * 10_100 + 51_000


def test_padding_that_was_deleted_is_uploaded_again() -> None:
    store = FakeStore(50_000)
    segments = begin(store, max_file_bytes=250_000)
    segments.bytes_written = 5 << 20
    segments.append(batch_of([0], 10_000))
    segments.seal()
    store.objects.clear()
    segments.append(batch_of([1], 10_000))
    assert steps_of(store) == [1]


def test_a_large_upload_needs_no_padding() -> None:
    store = FakeStore()
    segments = begin(store)
    for step in range(4):
        segments.append(batch_of([step], 6 << 20))
    assert len(store.objects) == 1
    assert store.bytes_up == segments.bytes_written < (24 << 20) + 1000


def test_where_no_object_can_grow_their_number_stays_bounded() -> None:
    store = FakeStore(math.inf)
    segments = begin(store)
    for step in range(12_000):
        segments.append(batch_of([step], 3000))
    assert steps_of(store) == list(range(12_000))
    assert len(store.objects) < 80 * 4  # 36 MB, which are 550 tails of 64 KiB


def test_a_store_that_cannot_copy_is_noticed() -> None:
    class Plain(FakeStore):
        def append(self, *arguments: Any) -> Any:
            raise OSError(errno.ENOSYS, "not implemented")

    store = Plain(1000)
    segments = begin(store)
    for step in range(100):
        segments.append(batch_of([step], 5000))
    assert steps_of(store) == list(range(100))


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 400)), max_size=6), st.integers(1, 900))
def test_no_object_grows_beyond_max_file_bytes(parts: list[tuple[int, int]], limit: int) -> None:
    """Except an object with a single record, which may be larger."""
    store = FakeStore(0)
    segments = begin(store, max_file_bytes=limit)
    segments.open()
    step = 0
    for count, size in parts:
        append_all(segments, batch_of(range(step, step + count), size))
        step += count
    assert steps_of(store) == list(range(step))
    for content, _, _ in store.objects.values():
        assert len(content) <= limit or len(decode(content)) <= 2


FAULTS = st.lists(st.sampled_from([None, None, None, "before", "after", "late"]), max_size=60)


@pytest.mark.parametrize("grows_from", [0, 500, 3000, math.inf])
@given(
    sizes=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 900)), min_size=1, max_size=12),
    faults=FAULTS,
    limit=st.sampled_from([None, 2000]),
    written=st.sampled_from([0, 5 << 20]),
)
@example([(1, 0), (2, 692), (3, 373)], [None, None, None, None, "late"], 2000, 5 << 20)
def test_each_record_is_read_once_and_in_order_after_any_faults(
    grows_from: float,
    sizes: list[tuple[int, int]],
    faults: list[str | None],
    limit: int | None,
    written: int,
) -> None:
    store = FakeStore(grows_from, iter(faults))
    segments = begin(store, max_file_bytes=limit)
    segments.bytes_written = written
    step = 0
    for count, size in sizes:
        append_all(segments, batch_of(range(step, step + count), size), attempts=100)
        step += count
    assert steps_of(store) == list(range(step))
    check_growth(store)


@given(st.integers(0, 11), st.sampled_from(["deleted", "replaced"]), FAULTS)
def test_acknowledged_records_survive_another_writer_of_the_object(
    when: int, how: str, faults: list[str | None]
) -> None:
    store = FakeStore()
    segments = begin(store)
    for step in range(12):
        if step == when and store.objects:
            store.faults = iter(faults)
            path = max(store.objects)
            if how == "deleted":
                del store.objects[path]
            else:
                store.objects[path] = b"", "etag-of-another", "another"
        append_all(segments, batch_of([step], 300), attempts=100)
    for path, (content, _, writer) in list(store.objects.items()):
        if writer == "another":
            assert content == b""  # it was not written to
            del store.objects[path]
    assert steps_of(store) == list(range(12))
    assert segments.displaced == (1 if when else 0)


def test_an_object_of_another_writer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore(0)
    segments = begin(store)
    segments.append(batch_of([0]))
    store.objects.clear()
    with caplog.at_level(logging.WARNING, "tbimage"):
        segments.append(batch_of([1]))
    assert "was deleted or changed while it was written" in caplog.text
    assert steps_of(store) == [1]


def test_a_name_that_is_taken_is_not_used() -> None:
    store = FakeStore()
    first, second = begin(store), begin(store)
    store.names = lambda directory: []  # type: ignore[method-assign]  # as if both began at once
    first.open()
    second.open()
    first.append(batch_of([0]))
    second.append(batch_of([1]))
    assert len(store.objects) == 2
    assert steps_of(store) == [0, 1]
    assert second.displaced == 0


def test_after_a_restart_names_sort_behind_those_that_are_there() -> None:
    store = FakeStore()
    for step in range(3):
        segments = begin(store)
        segments.append(batch_of([step]))
        segments.seal()
    assert steps_of(store) == [0, 1, 2]


def test_a_directory_that_may_not_be_listed_is_written_to(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Unlisted(FakeStore):
        def names(self, directory: str) -> list[str]:
            raise PermissionError(errno.EACCES, "access denied", directory)

    store = Unlisted()
    segments = begin(store)
    assert segments.history() == {}
    with caplog.at_level(logging.WARNING, "tbimage"):
        segments.append(batch_of([0]))
    assert "cannot be listed" in caplog.text
    assert steps_of(store) == [0]


def test_opening_raises_the_error_of_the_store() -> None:
    store = FakeStore(faults=iter([PermissionError(errno.EACCES, "access denied")]))
    with pytest.raises(PermissionError):
        begin(store).open()


def test_summaries_that_could_not_be_made_are_skipped() -> None:
    store = FakeStore()
    segments = begin(store)
    batch = batch_of([0])
    assert segments.append(Batch(batch.pieces, [0, *batch.sizes, 0])) == 3
    assert segments.append(Batch((), [0, 0])) == 2
    assert steps_of(store) == [0]


def test_readers_skip_padding() -> None:
    content = object_segments._padding(1000)
    assert len(content) > 1000
    (event,) = decode(content)
    assert event.WhichOneof("what") is None


@pytest.mark.parametrize("landed", [False, True])
def test_an_object_that_cannot_be_read_whole_is_not_put_again_without_its_beginning(
    landed: bool,
) -> None:
    store = FakeStore(faults=iter([None, "after" if landed else "before"]))
    attempts: list[Any] = []
    segments = begin(store)
    assert segments.append(batch_of([0])) == 1
    segments.before_upload = attempts.append
    with pytest.raises(OSError, match=r"slow down|no answer"):
        segments.append(batch_of([1]))

    later, open_to_read = begin(store), store.open_to_read

    def read_half(path: str) -> io.BytesIO:
        content = open_to_read(path).read()
        return io.BytesIO(content[: len(content) // 2])

    store.open_to_read = read_half  # type: ignore[method-assign]
    later.resume(attempts[-1])
    assert later.append(batch_of([1])) == 1
    assert sorted({*steps_of(store)}) == [0, 1]
