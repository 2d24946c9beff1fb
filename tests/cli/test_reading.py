"""The commands that read logs: what they print, their exit codes, pipes and terminals."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import tbimage
from tbimage.cli import terminal
from tests import readers
from tests.cli.command import ENVIRONMENT, call, command_line, spawn, started

Capture = pytest.CaptureFixture[str]

COMMANDS = ["ls", "cat", "tail", "gallery", "export", "lint", "repair", "compact", "diff"]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for run, factor in (("train", 1.0), ("eval", 0.5)):
        with tbimage.SummaryWriter(tmp_path / "logs" / run) as writer:
            for step in range(12):
                writer.scalar("loss", factor * (step + 1), step)
            writer.image("picture", np.full((4, 6, 3), 99, np.uint8), 3)
            writer.text("note", "two\nlines", 0)
            writer.histogram("weights", np.arange(100.0), 0)
            writer.tensor("tensor", np.arange(3), step=0)
            writer.audio("sound", np.zeros((1, 50, 1), np.float32), sample_rate=8000, step=0)
            writer.hparams({"lr": 0.5}, {"acc": 0.75}, 0)
    return tmp_path / "logs"


def damage(logs: Path) -> Path:
    """Break a scalar in the middle of a file."""
    (path,) = readers.event_files(logs / "train")
    data = bytearray(path.read_bytes())
    data[150] ^= 0xFF
    path.write_bytes(data)
    return path


def lines_of_json(out: str) -> list[Any]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_what_a_command_does(capsys: Capture, command: str) -> None:
    outcome = call(capsys, command, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert "--json" in outcome.out
    assert command in call(capsys, "--help").out.split()


def test_help_tells_the_exit_codes(capsys: Capture) -> None:
    out = " ".join(call(capsys, "--help").out.split())
    assert "0 done; 1 done, with findings" in out
    assert "2 failed; 130 interrupted; 141 output closed" in out


def test_ls(capsys: Capture, logs: Path) -> None:
    outcome = call(capsys, "ls", logs)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        f"{name}  ({len(run.tags)} tags, 1 file)" for name, run in tbimage.read(logs).items()
    ]
    loss = ["loss", "scalar", "12", "steps", "0", "to", "11", "12"]
    assert loss in [line.split() for line in lines]
    assert any(line.split() == ["picture", "image", "1", "step", "3"] for line in lines)
    outcome = call(capsys, "ls", logs, "--json", "--run", "t*", "--tag", "loss")
    (told,) = lines_of_json(outcome.out)
    (run,) = told["runs"]
    assert run["run"] == "train"
    (tag,) = run["tags"]
    assert (tag["tag"], tag["kind"], tag["count"], tag["last_value"]) == ("loss", "scalar", 12, 12)


def test_cat_prints_values(capsys: Capture, logs: Path) -> None:
    outcome = call(capsys, "cat", logs, "loss", "--run", "eval")
    assert (outcome.code, outcome.err) == (0, "")
    rows = [line.split("\t") for line in outcome.out.splitlines()]
    assert [(row[0], row[2]) for row in rows] == [(str(n), f"{(n + 1) / 2:g}") for n in range(12)]
    rows = [line.split("\t") for line in call(capsys, "cat", logs, "loss").out.splitlines()]
    assert [row[0] for row in rows] == ["eval"] * 12 + ["train"] * 12
    for tag, says in (
        ("note", "two lines"),
        ("picture", "6×4, "),
        ("weights", "100 values, 0 to 99"),
        ("tensor", "int64 3"),
        ("sound", "audio/wav, "),
        ("_hparams_/session_start_info", "lr=0.5"),
    ):
        outcome = call(capsys, "cat", logs, tag, "--run", "train")
        assert outcome.code == 0, outcome.err
        assert says in outcome.out
        assert len(outcome.out.splitlines()) == 1
    for step, count in (("0", 8), ("3", 2), ("12", 0)):
        outcome = call(capsys, "cat", logs, "*", "--run", "train", "--step", step)
        assert len(outcome.out.splitlines()) == count, outcome.out
    values = lines_of_json(call(capsys, "cat", logs, "*", "--json", "--run", "train").out)
    assert {each["kind"] for each in values} >= {"scalar", "image", "text", "histogram", "tensor"}
    (note,) = (each for each in values if each["tag"] == "note")
    assert note["text"] == "two\nlines"


def test_cat_writes_files(capsys: Capture, logs: Path, tmp_path: Path) -> None:
    wanted = ["cat", logs, "[lp]*", "--step", 3]
    outcome = call(capsys, *wanted, "--out", tmp_path / "out")
    assert (outcome.code, outcome.err) == (0, "")
    files = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert [path.relative_to(tmp_path / "out").as_posix() for path in files] == [
        "images/eval/picture/000000003.png",
        "images/train/picture/000000003.png",
        "scalars.csv",
    ]
    rows = (tmp_path / "out" / "scalars.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:3] for row in rows] == [["eval", "loss", "3"], ["train", "loss", "3"]]


def test_tail_prints_the_newest(capsys: Capture, logs: Path) -> None:
    outcome = call(capsys, "tail", logs, "-n", 3, "--run", "train", "--tag", "loss")
    assert (outcome.code, outcome.err) == (0, "")
    assert [line.split("\t")[1:] for line in outcome.out.splitlines()] == [
        ["train", "loss", str(step), f"{step + 1}"] for step in (9, 10, 11)
    ]
    assert len(lines_of_json(call(capsys, "tail", logs, "--json").out)) == 10
    assert call(capsys, "tail", logs, "-n", 0).out == ""


def test_export(capsys: Capture, logs: Path, tmp_path: Path) -> None:
    outcome = call(capsys, "export", logs, "--out", tmp_path / "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert len((tmp_path / "out" / "scalars.csv").read_text().splitlines()) == 1 + 2 * 13
    again = call(capsys, "export", logs, "--out", tmp_path / "out")
    assert (again.code, again.out) == (2, "")
    assert "directory must be missing or empty" in again.err
    outcome = call(capsys, "export", logs, "--out", tmp_path / "b", "--tag", "loss", "--json")
    assert json.loads(outcome.out) == {"files": 1, "rows": 24, "problems": []}


def test_gallery(capsys: Capture, logs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    outcome = call(capsys, "gallery", logs, "-o", page)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{page}: 2 runs, 0.1 MB\n"
    assert page.read_text().startswith("<!doctype html>")
    with tbimage.SummaryWriter(logs / "noise") as writer:
        for step in range(20):
            noise = np.random.default_rng(step).integers(0, 256, (60, 60, 3), np.uint8)
            writer.image("noise", noise, step)
    outcome = call(capsys, "gallery", logs, "-o", page, "--max-bytes", "200k")
    assert re.search(r"with \d+ of 22 values of kind image, chosen evenly\n$", outcome.out)
    told = json.loads(call(capsys, "gallery", logs, "-o", page, "--json", "--title", "x").out)
    assert (told["path"], told["bytes"]) == (str(page), page.stat().st_size)
    assert (told["runs"], told["problems"]) == (3, [])


def test_serve_shows_logs_until_ctrl_c(logs: Path) -> None:
    with started("serve", logs, "--port", "0") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().split()[0]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        with urllib.request.urlopen(f"{address}index.json", timeout=200) as answer:
            assert json.load(answer)["runs"] == ["eval", "train"]
        port = address.rstrip("/").rpartition(":")[2]
        other = spawn("serve", logs, "--port", port)
        assert (other.code, other.out) == (2, "")
        assert other.err.startswith(f"tbimage: error: port {port}: ")
        assert "choose another port with --port" in other.err
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == "tbimage: interrupted\n"


def test_lint(capsys: Capture, logs: Path) -> None:
    assert call(capsys, "lint", logs).code == 0
    path = damage(logs)
    outcome = call(capsys, "lint", logs)
    assert outcome.code == 1
    assert outcome.out.startswith(f"error: damaged: {path}: a record is damaged")
    (finding,) = lines_of_json(call(capsys, "lint", logs, "--json").out)
    assert (finding["code"], finding["severity"], finding["path"]) == (
        "damaged",
        "error",
        str(path),
    )


def test_repair(capsys: Capture, logs: Path, tmp_path: Path) -> None:
    path, repaired = damage(logs), tmp_path / "repaired.tfevents"
    outcome = call(capsys, "repair", path, "--output", repaired)
    assert outcome.code == 1
    assert outcome.err.startswith(f"tbimage: lost: {path}: ")
    assert "records copied" in outcome.out
    assert call(capsys, "lint", repaired).code == 0
    assert call(capsys, "repair", path, "--output", repaired).code == 2
    outcome = call(capsys, "repair", repaired, "--output", tmp_path / "again.bin", "--json")
    assert (outcome.code, json.loads(outcome.out)["lost"]) == (0, [])
    assert "'tfevents' in their names" in outcome.err


def test_compact_and_diff(capsys: Capture, logs: Path, tmp_path: Path) -> None:
    outcome = call(capsys, "compact", logs, tmp_path / "a")
    assert (outcome.code, outcome.err) == (0, "")
    assert call(capsys, "diff", logs, tmp_path / "a") == call(capsys, "diff", logs, logs)
    options = ["--every", "6", "--rename", "loss=train/loss", "--drop", "note", "--runs", "train"]
    outcome = call(capsys, "compact", logs, tmp_path / "b", *options, "--json")
    assert json.loads(outcome.out)["runs"] == 1
    assert tbimage.read(tmp_path / "b")["train"].scalars("train/loss").steps.tolist() == [0, 6, 11]
    outcome = call(capsys, "diff", logs / "train", logs / "eval")
    assert outcome.code == 1
    assert outcome.out.startswith("loss: 12 of 12 values differ, by at most 6, first at step 0:")
    outcome = call(capsys, "diff", logs, tmp_path / "b", "--json")
    assert outcome.code == 1
    assert lines_of_json(outcome.out)[0]["detail"] == f"only in {logs}"


@pytest.mark.parametrize("command", ["ls", "tail", "lint"])
def test_damage_is_told_and_the_rest_is_shown(capsys: Capture, logs: Path, command: str) -> None:
    path = damage(logs)
    outcome = call(capsys, command, logs)
    told = outcome.out if command == "lint" else outcome.err
    assert outcome.code == (0 if command == "tail" else 1)
    if command != "tail":
        assert f"{path}: " in told
        assert "at byte" in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ls", "nothing"], "nothing: No such file or directory"),
        (["ls", "empty"], "empty: there are no event files in it"),
        (["ls", "notes.txt"], "no event file"),
        (["cat", "logs", "los"], "no tag matches 'los'; some tags are _hparams_/"),
        (["cat", "logs"], "TAG"),
        (["export", "logs"], "--out"),
        (["compact", "logs", "logs/x"], "target must not be within"),
        (["compact", "logs", "x", "--rename", "loss"], "must be OLD=NEW, got 'loss'"),
        (["compact", "logs", "x", "--every", "0"], "every must be at least 1"),
        (["gallery", "logs"], "-o"),
        (["gallery", "logs", "-o", "page.html", "--max-bytes", "5x"], "as 50M, got '5x'"),
        (["gallery", "logs", "-o", "page.html", "--max-bytes", "5"], "max_bytes must be at least"),
        (["gallery", "logs", "-o", "no/page.html"], "No such file or directory"),
        (["serve", "nothing"], "nothing: No such file or directory"),
        (["serve", "logs", "--port", "99999"], "--port must be from 0 to 65535, got 99999"),
        (["repair", "nothing", "--output", "x"], "nothing: No such file or directory"),
        (["diff", "logs"], "B"),
    ],
)
def test_an_error_is_one_line(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    logs: Path,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(logs.parent)
    (logs.parent / "empty").mkdir()
    (logs.parent / "notes.txt").write_text("no event file, and longer than a header")
    outcome = call(capsys, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("tbimage: error: ")
    assert len(outcome.err.splitlines()) == 1
    assert says in outcome.err


def test_control_characters_of_a_tag_do_not_reach_the_terminal(
    capsys: Capture, tmp_path: Path
) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.scalar("evil\x1b]0;owned\x07\nrm", 1.0, 0)
        writer.text("note", "\x1b[2J", 0)
    for arguments in (["ls"], ["tail"], ["cat"]):
        outcome = call(capsys, *arguments, tmp_path, *(["*"] if arguments == ["cat"] else []))
        assert outcome.code == 0
        assert "\x1b" not in outcome.out
        assert "\x07" not in outcome.out
        assert "\\x1b" in outcome.out


# Pipes.


@pytest.mark.parametrize("arguments", [["ls"], ["cat", "*"], ["tail", "-n", "100000"]], ids=str)
def test_a_pipe_that_closes_ends_the_command_quietly(tmp_path: Path, arguments: list[str]) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        for step in range(3000):
            writer.scalar("loss", step, step)
        for number in range(1500):
            writer.scalar(f"a rather long name of a tag, to fill the pipe, number {number}", 1.0, 0)
    command, *rest = arguments
    with started(command, tmp_path, *rest) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == ""


def test_tail_follows_until_ctrl_c(logs: Path) -> None:
    with started("tail", "-n", "1", "-f", logs, "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()  # it has read what was there
        with tbimage.SummaryWriter(logs / "late") as writer:
            for step in range(3):
                writer.scalar("new", step / 2, step)
                writer.flush()
                told = json.loads(process.stdout.readline())
                assert (told["run"], told["step"], told["value"]) == ("late", step, step / 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == "tbimage: interrupted\n"


def test_results_and_progress_do_not_mix(logs: Path, tmp_path: Path) -> None:
    outcome = spawn("export", logs, "--out", tmp_path / "out", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out)["problems"] == []


# Terminals.


def in_terminal(*arguments: object, environment: dict[str, str]) -> tuple[int, bytes]:
    """Run the command on a pseudo-terminal; return its exit code and its output."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        command_line(*arguments),
        stdin=child,
        stdout=child,
        stderr=child,
        env={**ENVIRONMENT, **environment},
    )
    os.close(child)
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ready, _, _ = select.select([parent], [], [], 1)
        try:
            data = os.read(parent, 1 << 16) if ready else b""
        except OSError:  # Linux: the other side is closed
            break
        shown += data
        if not data and process.poll() is not None:
            break
    os.close(parent)
    return process.wait(60), shown


NO_TERMINAL = {"TERM": "xterm", "TERM_PROGRAM": "", "COLUMNS": "80"}


@pytest.mark.parametrize(
    ("environment", "begins"),
    [
        ({"TERM": "xterm-kitty"}, b"\x1b_Ga=T,f=100,m=0;"),
        ({"TERM_PROGRAM": "iTerm.app"}, b"\x1b]1337;File=inline=1"),
        ({"TERM": "foot"}, b'\x1bPq"1;1;6;4'),
        ({}, b"\x1b[38;2;99;99;99;48;2;99;99;99m\xe2\x96\x80"),
    ],
    ids=["kitty", "iterm", "sixel", "blocks"],
)
def test_pictures_are_shown_as_the_terminal_can(
    logs: Path, environment: dict[str, str], begins: bytes
) -> None:
    code, shown = in_terminal(
        "cat", logs, "picture", "--run", "train", "--show",
        environment={**NO_TERMINAL, **environment},
    )  # fmt: skip
    assert code == 0, shown
    assert begins in shown


def test_progress_on_a_terminal_leaves_nothing_behind(logs: Path, tmp_path: Path) -> None:
    code, shown = in_terminal("export", logs, "--out", tmp_path / "out", environment=NO_TERMINAL)
    assert code == 0
    assert shown.splitlines()[-1].endswith(f"written to {tmp_path / 'out'}".encode())
    code, shown = in_terminal("gallery", logs, "-o", tmp_path / "p.html", environment=NO_TERMINAL)
    assert code == 0
    assert shown.splitlines()[-1].endswith(f"{tmp_path / 'p.html'}: 2 runs, 0.1 MB".encode())


def test_sixel_holds_the_picture() -> None:
    """Decoded by the rules of the VT340: colors by number, bands of six rows, low bit on top."""
    picture = PIL.Image.fromarray(
        np.random.default_rng(0).integers(0, 2, (9, 7), np.uint8)[..., None].repeat(3, 2) * 255
    )
    text = "".join(terminal._sixel(picture))
    assert text.startswith('\x1bPq"1;1;7;9')
    assert text.endswith("\x1b\\")
    palette: dict[int, tuple[int, ...]] = {}
    pixels = np.full((12, 7, 3), -1)
    body = text[len('\x1bPq"1;1;7;9') : -2]
    top = 0
    for band in body.split("-"):
        for part in filter(None, band.replace("$", "").split("#")):
            digits = len(part) - len(part.lstrip("0123456789"))
            number, rest = int(part[:digits]), part[digits:]
            if rest.startswith(";2;"):
                palette[number] = tuple(int(each) for each in rest[3:].split(";"))
                continue
            for x, letter in enumerate(rest):
                for bit in range(6):
                    if ord(letter) - 63 >> bit & 1:
                        pixels[top + bit, x] = palette[number]
        top += 6
    assert np.array_equal(pixels[:9], np.asarray(picture) // 255 * 100)


def test_blocks_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    text = "".join(terminal._blocks(PIL.Image.new("RGB", (400, 200), (1, 2, 3))))
    assert [line.count("▀") for line in text.split("\n")] == [20] * 5
