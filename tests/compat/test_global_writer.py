"""GlobalSummaryWriter in forked processes: one run, as with tensorboardX."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import readers
from tests.compat import faces
from tests.pipeline import children

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A directory of a short name: the path of a Unix socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="t") as directory:
        yield Path(directory)


@pytest.mark.parametrize("loader", faces.LOADERS)
def test_four_processes_write_one_run(loader: str, tmp_path: Path) -> None:
    children.run(
        """
        import multiprocessing, sys
        import numpy as np
        from tbimage.compat.tensorboardx import GlobalSummaryWriter

        writer = GlobalSummaryWriter(sys.argv[1])

        def work(number):
            for value in range(100):
                writer.add_scalar("a", 1000 * number + value)
            writer.add_image("b", np.full((3, 4, 4), number / 4))
            writer.add_text("c", str(number))

        fork = multiprocessing.get_context("fork")
        processes = [fork.Process(target=work, args=(number,)) for number in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            assert process.exitcode == 0
        writer.add_scalar("a", 9999)
        writer.close()
        """,
        tmp_path,
    )
    (run,) = readers.read_runs(tmp_path, loader).items()
    assert run[0] == "."
    points = run[1]["a"].points
    assert [point.step for point in points] == list(range(401))
    values: list[Any] = [point.value for point in points]
    assert sorted(values) == sorted(
        [*(1000.0 * number + value for number in range(4) for value in range(100)), 9999.0]
    )
    for number in range(4):  # each process' values are in its order
        of_process = [value for value in values[:-1] if value // 1000 == number]
        assert of_process == sorted(of_process)
    assert run[1]["b"].steps == run[1]["c/text_summary"].steps == [0, 1, 2, 3]


def test_a_pool_and_threads_of_children(tmp_path: Path) -> None:
    children.run(
        """
        import multiprocessing, sys, threading
        from tbimage.compat.tensorboardx import GlobalSummaryWriter

        writer = GlobalSummaryWriter(sys.argv[1])

        def log(value):
            writer.add_scalar("a", value)

        def work(value):
            threads = [threading.Thread(target=log, args=(value,)) for _ in range(5)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        with multiprocessing.get_context("fork").Pool(3) as pool:
            pool.map(work, range(20))
        writer.close()
        """,
        tmp_path,
    )
    (series,) = readers.read_runs(tmp_path, "data_server")["."].values()
    assert series.steps == list(range(100))


def test_the_condition_and_the_default_step_of_a_child_count(tmp_path: Path) -> None:
    children.run(
        """
        import os, sys
        import tbimage
        from tbimage.compat.tensorboardx import GlobalSummaryWriter

        writer = GlobalSummaryWriter(sys.argv[1])

        def log(tag):
            with tbimage.record_if(False):
                writer.add_scalar(tag, 0)
                writer.add_text(tag, "a")
            tbimage.set_step(7)
            with tbimage.record_if(tbimage.every_n_steps(7)):
                writer.add_scalar(tag, 1)
            tbimage.set_step(None)

        log("parent")
        child = os.fork()
        if child == 0:
            log("child")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        writer.close()
        """,
        tmp_path,
    )
    run = readers.read_runs(tmp_path, "python")["."]
    assert {tag: series.steps for tag, series in run.items()} == {"parent": [7], "child": [7]}


def test_a_grandchild_does_not_hold_the_connection_of_a_child(tmp_path: Path) -> None:
    children.run(
        """
        import os, sys, threading, time
        from tbimage.compat.tensorboardx import GlobalSummaryWriter

        writer = GlobalSummaryWriter(sys.argv[1])
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writing)
            writer.add_scalar("a", 1)
            if os.fork() == 0:
                os.read(reading, 1)  # until the first process ends
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        end = time.monotonic() + 30
        while sum(thread.name == "tbimage-relay" for thread in threading.enumerate()) > 1:
            assert time.monotonic() < end, "the thread of the child's connection still runs"
            time.sleep(0.01)
        writer.close()
        """,
        tmp_path,
    )


def test_a_child_that_outlives_the_writer_goes_on_in_a_run_of_its_own(tmp_path: Path) -> None:
    done = children.run(
        """
        import os, sys, warnings
        from tbimage.compat.tensorboardx import GlobalSummaryWriter

        writer = GlobalSummaryWriter(sys.argv[1])
        writer.add_scalar("a", 0)
        reading, writing = os.pipe()
        logged, has_logged = os.pipe()
        child = os.fork()
        if child == 0:
            writer.add_scalar("a", 1)
            idle = os.fork()  # holds copies of all descriptors, and never logs
            if idle == 0:
                import time
                time.sleep(2)
                os._exit(0)
            os.write(has_logged, b"x")
            os.close(writing)
            os.read(reading, 1)  # until the parent has ended
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                writer.add_scalar("a", 2)
                writer.add_scalar("a", 3)
            print([str(warning.message) for warning in caught])
            sys.stdout.flush()
            writer.close()
            os._exit(0)
        os.close(reading)
        os.close(has_logged)
        assert os.read(logged, 1) == b"x"
        writer.close()
        """,
        tmp_path,
    )
    assert done.stdout.count("has ended") == 1
    runs = readers.read_runs(tmp_path, "python")
    values = {run: [p.value for p in tags["a"].points] for run, tags in runs.items()}
    assert values.pop(".") == [0.0, 1.0]
    assert list(values.values()) == [[2.0, 3.0]]
    assert all(run.startswith("worker-") for run in values)


def test_a_zombie_parent_does_not_delay_its_child(tmp_path: Path, temporary: Path) -> None:
    """A process that has ended keeps its number until somebody waits for it."""
    children.run(
        """
        import os, select, sys, tempfile, warnings
        tempfile.tempdir = sys.argv[2]
        from tbimage.compat.tensorboardx import GlobalSummaryWriter

        warnings.simplefilter("ignore")
        reading, writing = os.pipe()
        middle = os.fork()
        if middle == 0:
            writer = GlobalSummaryWriter(sys.argv[1])
            ended, ending = os.pipe()
            if os.fork() == 0:
                os.close(ending)
                os.read(ended, 1)  # until the process in the middle has ended
                writer.add_scalar("a", 1.0)
                writer.close()
                os.write(writing, b"x")
            os._exit(0)
        os.close(writing)
        ready, _, _ = select.select([reading], [], [], 100)
        assert ready and os.read(reading, 1) == b"x"
        os.waitpid(middle, 0)
        """,
        tmp_path,
        temporary,
    )
    runs = readers.read_runs(tmp_path, "python")
    assert [len(tags) for run, tags in runs.items() if run.startswith("worker-")] == [1]


def test_errors_of_the_other_process_are_raised_in_the_child(tmp_path: Path) -> None:
    children.run(
        """
        import os, sys
        from tbimage.compat.tensorboardx import GlobalSummaryWriter

        writer = GlobalSummaryWriter(sys.argv[1])
        child = os.fork()
        if child == 0:
            try:
                writer.add_scalar("a", "x")
            except TypeError:
                pass
            relay = writer.smw._relay
            try:
                relay.send(b"no summary", None, 0.0)
            except RuntimeError as error:
                assert "ValueError" in str(error), error
            else:
                os._exit(1)
            writer.add_scalar("a", 1.0)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        writer.close()
        """,
        tmp_path,
    )
    assert readers.read_runs(tmp_path, "python")["."]["a"].steps == [0]


def test_an_interrupted_call_does_not_disturb_the_next(tmp_path: Path) -> None:
    children.run(
        """
        import os, random, signal, sys, time
        from tbimage.compat.tensorboardx import GlobalSummaryWriter

        writer = GlobalSummaryWriter(sys.argv[1])
        child = os.fork()
        if child == 0:
            def interrupt(*_):
                raise KeyboardInterrupt

            signal.signal(signal.SIGALRM, interrupt)
            interrupted = ended = 0
            begin = time.monotonic()
            while time.monotonic() < begin + 1.5 or not (interrupted and ended):
                assert time.monotonic() < begin + 100
                try:
                    try:
                        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.003))
                        writer.add_scalar("a", 1.0)
                        ended += 1
                    finally:
                        signal.setitimer(signal.ITIMER_REAL, 0)
                except KeyboardInterrupt:  # one at most, as the timer goes off once
                    interrupted += 1
            writer.add_scalar("b", 1.0)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        writer.close()
        """,
        tmp_path,
    )
    run: Any = readers.read_runs(tmp_path, "python")["."]
    assert run["b"].steps == [0]
    assert run["a"].steps == sorted(set(run["a"].steps))


def test_nothing_is_left_in_the_temporary_directory(tmp_path: Path, temporary: Path) -> None:
    children.run(
        """
        import os, sys, tempfile
        tempfile.tempdir = sys.argv[2]
        from tbimage.compat.tensorboardx import GlobalSummaryWriter

        first, second = (GlobalSummaryWriter(sys.argv[1] + name) for name in "ab")
        assert len(os.listdir(sys.argv[2])) == 2
        child = os.fork()
        if child == 0:
            first.add_scalar("a", 1)
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert len(os.listdir(sys.argv[2])) == 2
        first.close()
        del first
        """,
        tmp_path / "run",
        temporary,
    )
    assert list(temporary.iterdir()) == []
