"""Pages of logs that are in an object store, here fsspec's memory."""

from __future__ import annotations

import asyncio
import gc
import glob
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.cli import main
from tbimage.reading.gallery import site as site_module
from tbimage.reading.gallery.site import Site
from tests.reading.peers import write_with_tbimage
from tests.reading.test_gallery_plugins import blocks

fsspec = pytest.importorskip("fsspec")

URL = "memory://pages/logs"


@pytest.fixture
def store() -> Iterator[Any]:
    memory = fsspec.filesystem("memory")
    yield memory
    memory.rm("/pages", recursive=True)


@pytest.fixture
def logs(store: Any, tmp_path: Path) -> Path:
    """The same logs in a directory and in the store."""
    for run in "train", "eval":
        write_with_tbimage(tmp_path / "logs" / run)
        with tbimage.SummaryWriter(tmp_path / "logs" / run / "more") as writer:
            writer.pr_curve("cats", [1, 0], [0.9, 0.1], step=0)
            writer.mesh("mesh", np.eye(3), step=0)
            writer.scalar("loss", 1.0, 0)
            writer.custom_scalars({"c": {"t": ["Multiline", ["loss"]]}})
    store.put(str(tmp_path / "logs"), "/pages/logs", recursive=True)
    return tmp_path / "logs"


def damage(path: Path, store: Any) -> None:
    """Change a byte of a picture that is larger than 64 KiB, in the store."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    with tbimage.SummaryWriter(path / "noise") as writer:
        writer.image("noise", noise, 0)
        writer.scalar("loss", 1.0, 0)
    (file,) = (path / "noise").iterdir()
    data = bytearray(file.read_bytes())
    data[100_000] ^= 1
    store.pipe(f"/pages/logs/noise/{file.name}", bytes(data))


def test_a_page_is_the_same_as_that_of_local_logs(logs: Path, tmp_path: Path) -> None:
    of_url = tbimage.gallery(URL, tmp_path / "url.html")
    of_path = tbimage.gallery(logs, tmp_path / "path.html")
    assert (of_url.runs, of_url.shown, of_url.problems) == (4, of_path.shown, [])
    assert (tmp_path / "url.html").read_bytes() == (tmp_path / "path.html").read_bytes()


def test_logs_that_were_read_from_a_url(logs: Path, tmp_path: Path) -> None:
    tbimage.gallery(tbimage.read(URL), tmp_path / "read.html")
    tbimage.gallery(logs, tmp_path / "path.html")
    assert (tmp_path / "read.html").read_bytes() == (tmp_path / "path.html").read_bytes()


@pytest.mark.parametrize("url", [f"{URL}/train", f"{URL}/train/", f"{URL}/{{file}}"])
def test_one_run_or_one_file(url: str, logs: Path, store: Any, tmp_path: Path) -> None:
    (file,) = store.glob("/pages/logs/train/events*")
    url = url.format(file=f"train/{os.path.basename(file)}")
    page = tbimage.gallery(url, tmp_path / "page.html")
    title = blocks(tmp_path / "page.html")["index"]["title"]
    assert page.shown["image"] == (24, 24)
    assert title == url.rstrip("/").rsplit("/", 1)[1]


def test_the_command_takes_a_url(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["gallery", URL, "-o", str(page), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["runs"], told["bytes"]) == (4, page.stat().st_size)
    assert len(blocks(page)["index"]["image"]) == 2


def test_what_is_damaged_is_named_by_its_url(
    logs: Path, store: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(logs, store)
    assert main(["gallery", URL, "-o", str(tmp_path / "page.html")]) == 1
    told = capsys.readouterr().err
    assert f"{URL}/noise/events.out.tfevents." in told
    (problem,) = blocks(tmp_path / "page.html")["index"]["problems"].values()
    assert problem.startswith(f"{URL}/noise/events.out.tfevents.")
    assert tempfile.gettempdir() not in told + problem


def test_a_url_without_logs_is_an_error(
    store: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.pipe("/pages/other/file.txt", b"x")
    assert main(["gallery", "memory://pages/nothing", "-o", str(tmp_path / "page.html")]) == 2
    assert "memory://pages/nothing" in capsys.readouterr().err
    assert tbimage.gallery("memory://pages/other", tmp_path / "page.html").runs == 0


def test_a_live_page_takes_in_what_is_appended(
    logs: Path, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_module, "SECONDS_BETWEEN", 0.0)
    site = Site(URL)
    first = json.loads(site.answer("GET", "/index.json").body)
    assert len(first["runs"]) == 4
    with tbimage.SummaryWriter(f"{URL}/new") as writer:
        writer.image("later", np.zeros((2, 2, 3), np.uint8), 7)
    second = json.loads(site.answer("GET", "/index.json").body)
    assert len(second["runs"]) == 5
    (card,) = (each for each in second["image"] if each["tag"] == "later")
    answer = site.answer("GET", f"/asset/{card['series'][0]['assets'][0]}")
    assert answer.body.startswith(b"\x89PNG")
    store.rm("/pages/logs/new", recursive=True)
    third = json.loads(site.answer("GET", "/index.json").body)
    assert len(third["runs"]) == 4


def test_an_application_shows_a_url(logs: Path) -> None:
    application = tbimage.gallery.asgi(URL)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/index.json", "headers": []}
    asyncio.run(application(scope, receive, send))
    assert sent[0]["status"] == 200
    assert len(json.loads(sent[1]["body"])["runs"]) == 4


def test_local_copies_are_deleted(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
    tbimage.gallery(URL, tmp_path / "page.html")
    gc.collect()
    assert glob.glob(str(tmp_path / "copies" / "*")) == []
