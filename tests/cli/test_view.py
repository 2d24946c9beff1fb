"""``tbimage demo --view``: TensorBoard from its start to its end."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from tests.cli.command import ENVIRONMENT, spawn, started
from tests.processes import wait_until
from tests.readers import fetch_from

# TensorBoard's own imports warn, and it is no business of ours.
QUIET = {**ENVIRONMENT, "PYTHONWARNINGS": ""}

#: Tags of the demo, one of each case.
TAGS = {"input/image/0", "responses/each_map/0/image/0", "reconstruction/difference/image/0"}


NO_TENSORBOARD = "import sys; sys.modules['tensorboard'] = None"


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 0), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_it_starts_tensorboard_and_ends_it(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    pytest.importorskip("tensorboard")
    with started("demo", "--view", "--logdir", tmp_path / "demo", env=QUIET) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"TensorBoard shows them at (http://\S+)", line):
                break
        else:
            raise AssertionError(process.communicate())
        fetch = fetch_from(found[1])

        def all_shown() -> bool:
            runs = json.loads(fetch("/data/plugin/images/tags")[1])
            return set(runs.get(".", ())) >= TAGS

        wait_until(all_shown, "the demo in TensorBoard")
        process.send_signal(number)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (code, "", "")
    with pytest.raises(OSError, match="refused"):
        fetch("/")


def test_without_tensorboard_it_says_what_to_install(tmp_path: Path) -> None:
    outcome = spawn("demo", "--view", "--logdir", tmp_path / "demo", before=NO_TENSORBOARD)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert "pip install tensorboard" in outcome.err
    assert not (tmp_path / "demo").exists()


def test_without_tensorboard_the_demo_says_what_to_install(tmp_path: Path) -> None:
    outcome = spawn("demo", "--logdir", tmp_path / "demo", before=NO_TENSORBOARD)
    assert (outcome.code, outcome.err) == (0, "")
    assert f"tensorboard --logdir {tmp_path / 'demo'}\n" in outcome.out
    assert outcome.out.endswith("pip install tensorboard\n")


def test_a_tensorboard_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "site" / "tensorboard"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('half an installation')")
    path = f"{tmp_path / 'site'}:{ENVIRONMENT['PYTHONPATH']}"
    outcome = spawn(
        "demo", "--view", "--logdir", tmp_path / "demo", env={**QUIET, "PYTHONPATH": path}
    )
    assert outcome.code == 2
    assert outcome.err.startswith("tbimage: error: TensorBoard ended by itself: ")
    assert "half an installation" in outcome.err
    assert outcome.err.count("\n") == 1
