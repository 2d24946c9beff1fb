"""The examples, run as a new user runs them: their logs, pixel for pixel."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tbimage.cli.cases import photographs
from tests.cli.command import ENVIRONMENT, ROOT, Logged, images_in, spawn

NAMES = ("input_images", "feature_maps", "reconstruction", "training_loop")
EXAMPLES = [ROOT / "examples" / f"{name}.py" for name in NAMES]
#: What makes an example quick enough for a test.
OPTIONS = {"training_loop": ["--steps", "51"]}

#: Those whose pixels tests/cli/test_demo.py compares with what they are made of.
DEMONSTRATED = NAMES[:3]

Runs = dict[str, Path]
Images = dict[str, list[Logged]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The log directory of each example, by its name, and that of the demo."""
    directory = tmp_path_factory.mktemp("runs")
    for example in EXAMPLES:
        options = OPTIONS.get(example.stem, [])
        done = subprocess.run(
            [sys.executable, example, "--logdir", directory / example.stem, *options],
            capture_output=True,
            text=True,
            check=False,
            env=ENVIRONMENT,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert spawn("demo", "--logdir", directory / "demo").code == 0
    return {path.name: path for path in directory.iterdir()}


@pytest.fixture(scope="module")
def logged(runs: Runs) -> dict[str, Images]:
    """The images of each run."""
    directories = {name: runs[name] for name in (*DEMONSTRATED, "demo")}
    for run in ("training", "validation"):
        directories[run] = runs["training_loop"] / run
    return {name: images_in(directory) for name, directory in directories.items()}


def encoded(logged: Images) -> dict[str, list[tuple[int, bytes]]]:
    return {tag: [(each.step, each.encoded) for each in images] for tag, images in logged.items()}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_says_how_to_run_and_see_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 110
    assert f"    python examples/{path.name}\n" in text
    assert f"    tensorboard --logdir runs/{path.stem}\n" in text
    assert f'"--logdir", default="runs/{path.stem}"' in text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_imports_nothing_that_a_newcomer_lacks(path: Path) -> None:
    imported = re.findall(r"^(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(imported) - set(sys.stdlib_module_names) <= {"numpy", "tbimage"}


def test_the_examples_log_what_the_demo_logs(logged: dict[str, Images]) -> None:
    examples: dict[str, list[tuple[int, bytes]]] = {}
    for name in DEMONSTRATED:
        examples |= encoded(logged[name])
    assert examples == encoded(logged["demo"])


def scalars_in(logdir: Path) -> dict[str, list[tuple[int, float]]]:
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    accumulator = event_accumulator.EventAccumulator(str(logdir))
    accumulator.Reload()
    return {
        tag: [(point.step, point.value) for point in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }


def test_a_training_logs_scalars_at_every_step_in_two_runs(runs: Runs) -> None:
    losses = {}
    for run in ("training", "validation"):
        scalars = scalars_in(runs["training_loop"] / run)
        assert set(scalars) == {"loss"}
        steps, losses[run] = zip(*scalars["loss"], strict=True)
        assert steps == tuple(range(51))
        assert losses[run][-1] < losses[run][0] / 5  # it learns
    assert losses["training"] != losses["validation"]


def test_a_training_logs_images_every_25_steps(logged: dict[str, Images]) -> None:
    truth = photographs()[0].reshape(64, 4, 96, 4, 3).mean((1, 3))
    training, validation = logged["training"], logged["validation"]
    assert set(training) == set(validation) == {"picture"}
    errors = []
    for trained, whole in zip(training["picture"], validation["picture"], strict=True):
        assert trained.step == whole.step
        unseen = (trained.pixels == 0).all(-1)
        assert 0.2 < unseen.mean() < 0.3
        assert np.array_equal(trained.pixels[~unseen], whole.pixels[~unseen])
        errors.append(np.square(whole.pixels - truth)[unseen].mean())
    assert [image.step for image in validation["picture"]] == [0, 25, 50]
    assert errors[0] > 3 * errors[1] > 3 * errors[2]  # the picture appears, unseen pixels too
