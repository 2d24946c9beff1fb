"""A pickled writer is its settings: it opens again in a sub-run of its own."""

from __future__ import annotations

import collections
import os
import pickle
import threading
from pathlib import Path

import tbimage
from tests.pipeline import logs


def test_a_pickle_has_the_settings_and_opens_a_sub_run(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(
        tmp_path, wire="tensor", filename_suffix=".x", keep={"k": tbimage.Keep(every=2)}
    )
    writer.scalar("a", 0.5, 0)
    copies = [pickle.loads(pickle.dumps(writer)) for _ in range(3)]
    assert len({copy.logdir for copy in copies}) == 3
    for number, copy in enumerate(copies):
        assert copy._settings == writer._settings
        assert Path(copy.logdir).parent == tmp_path
        assert Path(copy.logdir).name.startswith("worker-")
        assert [copy.scalar("k", 0.5, step) for step in range(4)] == [True, False, True, False]
        copy.scalar("a", 0.5, number)
        copy.close()
        assert logs.steps(copy.logdir, "a") == [number]
        assert copy.path.endswith(".x")
    writer.close()
    assert logs.steps(tmp_path, "a") == [0]


def test_pickles_that_are_opened_at_once_have_different_sub_runs(tmp_path: Path) -> None:
    data = pickle.dumps(tbimage.SummaryWriter(tmp_path))
    copies: list[tbimage.SummaryWriter] = []
    barrier = threading.Barrier(8)

    def reopen() -> None:
        barrier.wait()
        copies.append(pickle.loads(data))

    threads = [threading.Thread(target=reopen) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    directories = collections.Counter(copy.logdir for copy in copies)
    assert set(directories.values()) == {1}
    assert len(directories) == 8


def test_a_free_sub_run_is_used_again(tmp_path: Path) -> None:
    """As after a restart with the same process number, which is 1 in every container."""
    writer = tbimage.SummaryWriter(tmp_path)
    data = pickle.dumps(writer)
    for step in range(3):
        copy = pickle.loads(data)
        copy.scalar("a", 0.5)
        copy.close()
        assert logs.steps(copy.logdir, "a") == list(range(step + 1))
    assert len(logs.sub_runs(tmp_path)) == 1
    assert os.path.basename(logs.sub_runs(tmp_path)[0]).endswith(f"-{os.getpid()}")
