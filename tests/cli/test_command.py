"""The command line itself: help, versions, errors, exit codes, and what it imports."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tbimage
from tbimage.pixels.png.libraries import encoder_name
from tests.cli.command import ENVIRONMENT, call, images_in, spawn, started

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def test_version(capsys: Capture) -> None:
    outcome = call(capsys, "--version")
    assert (outcome.code, outcome.out, outcome.err) == (
        0,
        f"tbimage {tbimage.__version__} (PNG encoder: {encoder_name()})\n",
        "",
    )


def test_help_names_the_commands(capsys: Capture) -> None:
    outcome = call(capsys, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert {"log", "demo", "--version"} <= set(outcome.out.split())


@pytest.mark.parametrize(
    ("command", "options"),
    [("log", {"PATH", "--logdir", "--name", "--step"}), ("demo", {"--logdir", "--view"})],
)
def test_help_of_a_command_names_its_options(
    capsys: Capture, command: str, options: set[str]
) -> None:
    outcome = call(capsys, command, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert options <= set(outcome.out.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "COMMAND"),
        (["lgo"], "'lgo'"),
        (["log"], "PATH"),
        (["log", "photo.png"], "--logdir"),
        (["log", "photo.png", "--logdir", "run", "--step", "first"], "'first'"),
        (["log", "photo.png", "--logdir", "run", "--step", str(2**63)], str(2**63)),
        (["log", "photo.png", "--logdir", "run", "--name", ""], "empty"),
        (["log", "photo.png", "--logdir", "run", "--name", "\ud800"], "Unicode"),
        (["log", "photo.png", "--logdir", ""], "logdir"),
        (["log", "photo.png", "--logdir", "gs://bucket/run"], "gs://bucket/run"),
        (["log", "photo.png", "--logdir", "photo.png"], "photo.png"),
        (["log", "photo.png", "nothing.png", "--logdir", "run"], "nothing.png"),
        (["demo", "--logdir", "photo.png/run"], "photo.png/run"),
        (["demo", "runs/demo"], "runs/demo"),
    ],
)
def test_an_error_is_one_line_and_leaves_nothing_behind(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    photo: Path,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(photo.parent)
    outcome = call(capsys, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("tbimage: error: ")
    assert outcome.err.count("\n") == 1
    assert says in outcome.err
    assert [path.name for path in photo.parent.iterdir()] == [photo.name]


def test_it_runs_as_a_module(photo: Path, tmp_path: Path) -> None:
    outcome = spawn("log", photo, "--logdir", tmp_path / "run")
    assert (outcome.code, outcome.err) == (0, "")
    assert "1 image" in outcome.out


def test_a_module_that_fails_ends_with_its_exit_code_and_no_traceback(tmp_path: Path) -> None:
    outcome = spawn("log", tmp_path / "nothing", "--logdir", tmp_path / "run")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"tbimage: error: {tmp_path / 'nothing'}: No such file or directory\n"


def test_a_name_that_cannot_be_printed_is_no_error(photo: Path, tmp_path: Path) -> None:
    run = tmp_path / "läufe"
    outcome = spawn("log", photo, "--logdir", run, env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"})
    assert (outcome.code, outcome.err) == (0, "")
    assert "written to" in outcome.out
    assert r"l\xe4ufe" in outcome.out
    assert set(images_in(run)) == {"photo"}


#: Lets the kernel refuse what goes beyond 4 kB, as a full disk does.
SMALL_FILES = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"


def test_a_demo_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    run = tmp_path / "run"
    outcome = spawn("demo", "--logdir", run, before=SMALL_FILES)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.endswith(f"tbimage: error: {run}: File too large\n")
    assert "Traceback" not in outcome.err


def test_what_cannot_be_written_is_said_and_counted(photo: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"  # the image has 12 kB
    outcome = spawn("log", photo, "--logdir", run, before=SMALL_FILES)
    assert outcome.code == 2
    assert "File too large" in outcome.err
    assert "1 of 1 image not written" in outcome.err
    assert all(line.startswith("tbimage: ") for line in outcome.err.splitlines())
    assert "written to" not in outcome.out


#: Lets the command wait where it looks at its first file, and say so.
WAITING = """import time; from tbimage.cli import images
images.identify = lambda path: (print("waiting", flush=True), time.sleep(600))"""


def test_ctrl_c_ends_it_without_a_traceback(photo: Path, tmp_path: Path) -> None:
    with started("log", photo, "--logdir", tmp_path / "run", before=WAITING) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (130, "", "tbimage: interrupted\n")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_waits_for_no_dependency(option: str) -> None:
    code = (
        "import sys; from tbimage.cli import main; main(sys.argv[1:]);"
        "print(*{'numpy', 'PIL', 'google', 'tqdm', 'tensorboard'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, option],
        capture_output=True,
        text=True,
        check=True,
        env=ENVIRONMENT,
    )
    assert done.stdout.splitlines()[-1] == ""


def test_the_library_does_not_import_the_command() -> None:
    code = (
        "import sys, tbimage; [getattr(tbimage, name) for name in tbimage.__all__];"
        "sys.exit('tbimage.cli' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT)
