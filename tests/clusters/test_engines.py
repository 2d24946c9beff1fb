"""`tbimage compact --engine` makes the same files with every engine; names of runs in Ray."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tbimage
from tests import readers
from tests.pipeline.logs import shown as logs_of
from tests.processes import Program

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: Ray asks nobody for statistics, and writes no token to the home directory.
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
RUNS = 6


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("logs")
    for run in range(RUNS):
        for restart in (0, 5):
            with tbimage.SummaryWriter(directory / f"run{run}", max_file_bytes=300) as writer:
                for step in range(restart, restart + 10):
                    writer.scalar("loss", run + step, step)
                    writer.flush()
    return directory


@pytest.fixture(scope="module")
def expected(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    directory = tmp_path_factory.mktemp("expected") / "small"
    assert compact(logs, directory)["runs"] == RUNS
    for loader in readers.LOADERS:
        shown = logs_of(directory, loader)
        assert shown == {f"run{run}": {"loss": list(range(15))} for run in range(RUNS)}
    return content(directory)


def content(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*.*")}


def compact(logs: Path, target: Path, *options: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tbimage", "compact", str(logs), str(target), "--json", *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **ENVIRONMENT},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(logs: Path, target: Path, expected: dict[str, bytes], *options: str) -> None:
    counts = {"runs": RUNS, "unchanged": 0, "values": 15 * RUNS, "left_out": 5 * RUNS}
    assert compact(logs, target, *options) == counts
    assert content(target) == expected
    again = {"runs": 0, "unchanged": RUNS, "values": 0, "left_out": 0}
    assert compact(logs, target, *options) == again
    assert content(target) == expected


def test_processes_of_this_machine(logs: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    check(logs, tmp_path / "small", expected, "--workers", "2")


def test_workers_of_dask_that_are_started(
    logs: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    check(logs, tmp_path / "small", expected, "--engine", "dask", "--workers", "2")


def test_a_cluster_of_dask(logs: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port=0", "--no-dashboard"]
    scheduler = Program([*command, "--host=127.0.0.1"])
    try:
        address = scheduler.wait_for_line(r"Scheduler at: +(tcp://\S+)").group(1)
        command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-dashboard"]
        worker = Program([*command, "--nworkers=1", "--local-directory", str(tmp_path / "dask")])
        try:
            worker.wait_for_line("Registered to")
            options = ["--engine", "dask", "--address", address]
            check(logs, tmp_path / "small", expected, *options)
        finally:
            worker.stop()
    finally:
        scheduler.stop()


_RAY = """
import sys, ray
started = ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
print("address", started.address_info["gcs_address"], file=sys.stderr)
sys.stdin.read()
ray.shutdown()
"""


@pytest.fixture(scope="module")
def ray_address() -> Iterator[str]:
    pytest.importorskip("ray")
    cluster = Program([sys.executable, "-c", _RAY], **ENVIRONMENT)
    try:
        yield cluster.wait_for_line(r"^address (\S+)").group(1)
    finally:
        cluster.stop()


@pytest.mark.parametrize(("package", "name"), [("distributed", "dask"), ("ray", "ray")])
def test_workers_are_started_here_or_run_somewhere_else(package: str, name: str) -> None:
    pytest.importorskip(package)
    module = importlib.import_module(f"tbimage.integrations.{name}")
    engine = getattr(module, f"{name}_engine")
    with pytest.raises(ValueError, match=r"address='auto' .*workers=2"), engine("auto", 2):
        pass


def test_a_cluster_of_ray(
    logs: Path, expected: dict[str, bytes], tmp_path: Path, ray_address: str
) -> None:
    check(logs, tmp_path / "small", expected, "--engine", "ray", "--address", ray_address)


_NAMES = """
import json, sys, ray
from tbimage.integrations.ray import run_name

directory = sys.argv[2]

@ray.remote
def train(fails):
    name = run_name()
    with open(f"{directory}/{name}", "a") as file:
        file.write("x")
    if fails and open(file.name).read() == "x":
        raise ValueError("the first time")
    return name

@ray.remote(max_restarts=1, max_task_retries=1)
class Trainer:
    def first(self):
        return run_name()
    def second(self):
        return run_name()
    def die(self):
        import os
        os._exit(1)

before = run_name()
ray.init(sys.argv[1], log_to_driver=False, logging_level="error")
names = {"driver": [before, run_name()]}
names["tasks"] = ray.get([train.remote(False) for _ in range(3)])
names["again"] = ray.get(train.options(retry_exceptions=True, max_retries=2).remote(True))
trainer, bob = Trainer.remote(), Trainer.options(name="bob/1").remote()
names["actor"] = [ray.get(trainer.first.remote()), ray.get(trainer.second.remote())]
names["named"] = ray.get(bob.first.remote())
try:
    ray.get(trainer.die.options(max_task_retries=0).remote())
except ray.exceptions.RayActorError:
    pass
names["actor"].append(ray.get(trainer.first.remote()))
print(json.dumps(names))
"""


def test_runs_have_the_names_of_tasks_and_actors_of_ray(tmp_path: Path, ray_address: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NAMES, ray_address, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **ENVIRONMENT},
    )
    assert done.returncode == 0, done.stderr
    names = json.loads(done.stdout.splitlines()[-1])
    assert names["driver"] == ["driver", "driver"]
    assert len(set(names["tasks"])) == 3
    for name in (*names["tasks"], names["again"]):
        assert re.fullmatch(r"train-[0-9a-f]{16}", name)
    assert (tmp_path / names["again"]).read_text() == "xx"  # it ran twice, under one name
    assert re.fullmatch(r"Trainer-[0-9a-f]{16}", names["actor"][0])
    assert len(set(names["actor"])) == 1  # in both methods, and after the actor died
    assert re.fullmatch(r"bob-1-[0-9a-f]{16}", names["named"])
