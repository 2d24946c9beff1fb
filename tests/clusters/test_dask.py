"""The writers of Dask's workers: one for each worker, closed at its end for any reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import readers
from tests.pipeline import logs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_JOB = """
import distributed, json, sys
from tbimage.integrations.dask import WorkerWriters, worker_writer

def log(number):
    writer = worker_writer()
    writer.scalar("number", number)
    return writer.logdir

def outside():
    try:
        worker_writer()
    except RuntimeError as error:
        return str(error)

if __name__ == "__main__":
    told = {}
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, dashboard_address=None, processes=eval(sys.argv[2])
    ) as cluster, distributed.Client(cluster) as client:
        told["without"] = client.submit(outside).result()
        client.register_plugin(WorkerWriters(sys.argv[1], flush_secs=60))
        told["runs"] = sorted(set(client.gather(client.map(log, range(100), pure=False))))
        if sys.argv[3] == "retire":
            client.retire_workers([list(client.scheduler_info()["workers"])[0]])
            client.gather(client.map(log, range(100, 120), pure=False))
        if sys.argv[3] == "restart":
            client.restart()
            client.gather(client.map(log, range(100, 120), pure=False))
    print(json.dumps(told))
"""


def run_job(tmp_path: Path, *, processes: bool, then: str = "") -> Any:
    pytest.importorskip("distributed")
    (tmp_path / "job.py").write_text(_JOB)
    paths = [str(tmp_path / name) for name in ("job.py", "runs")]
    command = [sys.executable, *paths, str(processes), then]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=dict(os.environ), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("processes", [False, True])
def test_each_worker_has_a_run_and_nothing_is_lost(tmp_path: Path, processes: bool) -> None:
    told = run_job(tmp_path, processes=processes)
    assert "client.register_plugin(WorkerWriters(logdir)) first" in told["without"]
    assert told["runs"] == [str(tmp_path / "runs" / f"worker-{number}") for number in (0, 1)]
    counts = [len(logs.steps(run, "number")) for run in told["runs"]]
    assert sum(counts) == 100
    for loader in readers.LOADERS:
        shown = logs.shown(tmp_path / "runs", loader)
        assert [len(shown[f"worker-{number}"]["number"]) for number in (0, 1)] == counts


@pytest.mark.parametrize("then", ["retire", "restart"])
def test_a_worker_that_ends_while_the_cluster_goes_on_loses_nothing(
    tmp_path: Path, then: str
) -> None:
    run_job(tmp_path, processes=True, then=then)
    found = [logs.steps(run, "number") for run in logs.runs(tmp_path / "runs")]
    assert sum(map(len, found)) == 120
    for steps in found:  # a worker that was restarted goes on after its last step
        assert steps == list(range(len(steps)))
