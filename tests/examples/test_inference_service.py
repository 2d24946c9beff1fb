"""The service of examples/inference_service: its answers, and its event files."""

from __future__ import annotations

import doctest
import io
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tbimage
from tbimage.cli.cases import photographs
from tests import readers
from tests.processes import listens, wait_until

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("tensorboard")

# As uvicorn's --app-dir does.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "examples"))

from inference_service import journal, model, service
from inference_service.journal import Journal

from tests.examples.asgi import Client, serving

ROOT = Path(__file__).resolve().parent.parent.parent
TAGS = ("requests/input", "requests/features", "requests/overlay")
EVERY_ONE = tbimage.Keep(every=1)


def encoded(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def decoded(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def pictures(run: Path) -> dict[str, dict[int, np.ndarray]]:
    """What TensorBoard reads of a run: {tag: {step: pixels}}."""
    return {
        tag: {image.step: decoded(image.encoded) for image in images}
        for tag, images in readers.read_accumulator(run).items()
    }


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with serving(service.create_app(lambda: Journal(str(tmp_path), EVERY_ONE))) as client:
        yield client


@pytest.mark.parametrize("module", [model, journal], ids=lambda module: module.__name__)
def test_the_examples_of_its_docstrings(module: Any) -> None:
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


# --- answers ---


def test_a_photograph_comes_back_with_its_edges(client: Client) -> None:
    photograph = photographs()[0]
    answer = client.post("/edges", encoded(photograph))
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/jpeg"
    edges = model.find_edges(photograph)
    assert float(answer.headers["x-edge-density"]) == pytest.approx(edges.density, abs=1e-4)
    assert np.array_equal(decoded(answer.body), decoded(encoded(edges.overlay, "JPEG", quality=85)))


def test_edges_are_where_they_are_and_have_the_colour_of_their_direction() -> None:
    photograph = np.zeros((64, 64, 3), np.uint8)
    photograph[:, 32:] = 200
    upright = model.find_edges(photograph)
    lying = model.find_edges(np.ascontiguousarray(photograph.swapaxes(0, 1)))
    assert (upright.direction[:, 30:34] == 0).all()
    assert (lying.direction[30:34] == 3).all()
    for edges, axis in ((upright, 1), (lying, 0)):
        is_edge = edges.overlay.max(2) > 100
        assert set(np.nonzero(is_edge)[axis]) <= {31, 32}
        assert is_edge.any(axis=axis).all()  # along all of it
    assert not np.array_equal(upright.overlay.max((0, 1)), lying.overlay.max((0, 1)))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no photograph", 415),
        (encoded(photographs()[0], "JPEG")[:5000], 415),
        (encoded(np.zeros((64, 64), np.uint8), "GIF"), 415),
        (encoded(np.zeros((4, 64, 3), np.uint8)), 422),
        (encoded(np.zeros((8000, 8000), bool)), 413),
        (bytes((20 << 20) + 1), 413),
    ],
    ids=["text", "torn", "other format", "too small", "too many pixels", "too many bytes"],
)
def test_what_is_no_photograph_is_refused_and_not_logged(
    client: Client, body: bytes, status: int
) -> None:
    before = client.get("/healthz").json()["logging"]["logged"]
    assert client.post("/edges", body).status == status
    assert client.get("/healthz").json()["logging"]["logged"] == before


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK"])
def test_photographs_of_other_modes(client: Client, mode: str) -> None:
    image = Image.fromarray(photographs()[0]).convert(mode)
    file = io.BytesIO()
    image.save(file, "JPEG" if mode == "CMYK" else "PNG")
    assert client.post("/edges", file.getvalue()).status == 200


def test_a_large_photograph_is_turned_upright_and_made_smaller(
    client: Client, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    large = np.tile(photographs()[0], (3, 3, 1))  # 768 x 1152
    answer = client.post("/edges", encoded(large, "JPEG", exif=exif))
    assert decoded(answer.body).shape == (512, 341, 3)


# --- the event files ---


def test_event_files_hold_what_came_in_and_what_went_out(tmp_path: Path) -> None:
    with serving(service.create_app(lambda: Journal(str(tmp_path), EVERY_ONE))) as client:
        answers = [client.post("/edges", encoded(each)) for each in photographs()]
    (run,) = {answer.headers["x-tensorboard-run"] for answer in answers}
    assert [answer.headers["x-tensorboard-step"] for answer in answers] == ["0", "1"]
    found = pictures(tmp_path / run)
    assert set(found) == {*TAGS, "model/filters"}
    for step, photograph in enumerate(photographs()):
        edges = model.find_edges(photograph)
        assert np.array_equal(found["requests/input"][step], photograph)
        assert np.array_equal(found["requests/overlay"][step], edges.overlay)
        feature_map = found["requests/features"][step]
        assert feature_map.shape == edges.strength.shape
        assert (feature_map.min(), feature_map.max()) == (0, 255)
        assert np.abs(feature_map / 255 - edges.strength / edges.strength.max()).max() < 0.01


@pytest.mark.parametrize("loader", readers.LOADERS)
def test_every_loader_shows_the_run(tmp_path: Path, loader: str) -> None:
    if loader == "data_server":
        pytest.importorskip("tensorboard_data_server")
    with serving(service.create_app(lambda: Journal(str(tmp_path), EVERY_ONE))) as client:
        for photograph in photographs():
            client.post("/edges", encoded(photograph))
    ((_, tags),) = readers.read_runs(tmp_path, loader).items()
    assert set(tags) == {*TAGS, "model/filters", "seconds"}
    for tag in (*TAGS, "seconds"):
        assert [point.step for point in tags[tag].points] == [0, 1]


@pytest.fixture
def threads_take_turns_quickly() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("threads_take_turns_quickly")
def test_the_pictures_of_a_request_stay_together_however_many_come_at_once(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    sent = [generator.integers(0, 256, (16, 16, 3), np.uint8) for _ in range(200)]
    application = service.create_app(lambda: Journal(str(tmp_path), EVERY_ONE))
    with serving(application) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: client.post("/edges", encoded(each)), sent))
    found = pictures(tmp_path / answers[0].headers["x-tensorboard-run"])
    assert [list(found[tag]) for tag in TAGS] == [list(range(200))] * 3
    for photograph, answer in zip(sent, answers, strict=True):
        step = int(answer.headers["x-tensorboard-step"])
        assert np.array_equal(found["requests/input"][step], photograph)
        assert np.array_equal(found["requests/overlay"][step], model.find_edges(photograph).overlay)


def test_one_request_of_three(tmp_path: Path) -> None:
    environment = {"EDGES_LOGDIR": str(tmp_path), "EDGES_EVERY": "3"}
    with serving(service.create_app(lambda: service.journal_of(environment))) as client:
        for _ in range(7):
            client.post("/edges", encoded(photographs()[0]))
        stats = client.get("/healthz").json()["logging"]
    (run,) = tmp_path.iterdir()
    found = pictures(run)
    assert [list(found[tag]) for tag in TAGS] == [[0, 3, 6]] * 3
    assert stats["kept_out"] == 4 * len(TAGS)


def test_without_settings_a_sample_is_logged_where_the_readme_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(service.create_app(lambda: service.journal_of({}))) as client:
        run = client.post("/edges", encoded(photographs()[0])).headers["x-tensorboard-run"]
    assert set(pictures(tmp_path / "runs" / "inference_service" / run)) >= set(TAGS)


# --- health ---


def test_health_is_what_the_writer_counts(client: Client) -> None:
    for _ in range(3):
        client.post("/edges", encoded(photographs()[0]))

    def written() -> dict[str, Any] | None:
        stats: dict[str, Any] = client.get("/healthz").json()["logging"]
        return stats if stats["pending_items"] == 0 else None

    stats = wait_until(written, "all to be written")
    assert stats["logged"] == stats["written"] == 1 + 3 * (len(TAGS) + 1)
    assert stats["dropped"] == dict.fromkeys(stats["dropped"], 0)
    assert stats["healthy"]
    assert stats["last_error"] is None


def test_a_disk_that_fails_fails_no_request_and_is_told(client: Client, tmp_path: Path) -> None:
    (run,) = tmp_path.iterdir()

    def written() -> bool:
        return bool(client.get("/healthz").json()["logging"]["pending_items"] == 0)

    wait_until(written, "the picture of the filters")
    shutil.rmtree(run)
    run.write_text("where the directory was")

    def failing() -> dict[str, Any] | None:
        assert client.post("/edges", encoded(photographs()[0])).status == 200
        answer = client.get("/healthz")
        assert answer.status == 200
        stats: dict[str, Any] = answer.json()["logging"]
        return None if stats["healthy"] else stats

    assert wait_until(failing, "writing to fail")["last_error"] is not None
    run.unlink()

    def healthy() -> bool:
        client.post("/edges", encoded(photographs()[0]))
        return bool(client.get("/healthz").json()["logging"]["healthy"])

    wait_until(healthy, "writing to work again")


def test_what_there_is_no_room_for_is_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = tbimage.SummaryWriter

    def open_narrow(directory: str, **settings: Any) -> tbimage.SummaryWriter:
        return opened(directory, **{**settings, "max_pending_bytes": 1})  # one at a time

    monkeypatch.setattr(tbimage, "SummaryWriter", open_narrow)
    photograph = encoded(np.tile(photographs()[0], (2, 1, 1)))
    with serving(service.create_app(lambda: Journal(str(tmp_path), EVERY_ONE))) as client:
        answers = [client.post("/edges", photograph) for _ in range(4)]
        health = client.get("/healthz").json()
    assert [answer.status for answer in answers] == [200] * 4
    stats = health["logging"]
    assert stats["dropped"]["full"] > 0
    assert stats["logged"] == 1 + 4 * (len(TAGS) + 1)
    found = pictures(tmp_path / health["run"])
    assert sum(map(len, found.values())) <= stats["logged"] - stats["dropped"]["full"]


# --- under uvicorn ---


def test_two_worker_processes_lose_nothing_when_they_are_told_to_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "inference_service.service:app"),
                *("--app-dir", str(ROOT / "examples"), "--workers", "2", "--port", "0"),
                "--timeout-worker-healthcheck=60",  # a busy machine needs more than 5 s to start
            ],
            cwd=ROOT,
            env={**os.environ, "EDGES_LOGDIR": str(tmp_path / "runs"), "EDGES_EVERY": "1"},
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        port = _port_of(log, workers=2)
        wait_until(lambda: listens(port), "uvicorn to listen")
        answered = _ask_until_both_answer(port)
        server.terminate()
        assert server.wait(100) in (0, -signal.SIGTERM), log.read_text()
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
    text = log.read_text()
    assert text.count("Application shutdown complete") == 2, text
    assert "Traceback" not in text
    assert {path.name for path in (tmp_path / "runs").iterdir()} == set(answered)
    photograph = photographs()[0]
    for run, steps in answered.items():
        assert sorted(steps) == list(range(len(steps)))
        found = pictures(tmp_path / "runs" / run)
        assert [list(found[tag]) for tag in TAGS] == [sorted(steps)] * 3
        for pixels in found["requests/input"].values():
            assert np.array_equal(pixels, photograph)


def _port_of(log: Path, workers: int) -> int:
    def ready() -> int | None:
        text = log.read_text()
        started = text.count("Application startup complete") == workers
        return int(text.partition("http://127.0.0.1:")[2].split()[0]) if started else None

    return wait_until(ready, "uvicorn to serve")


def _ask_until_both_answer(port: int) -> dict[str, list[int]]:
    """The steps that each run's answers named."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    body = encoded(photographs()[0])
    answered: dict[str, list[int]] = {}

    def ask(_: int) -> tuple[str, int]:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/edges", body)
        with opener.open(request, timeout=60) as response:
            assert response.status == 200
            headers = response.headers
            return headers["X-TensorBoard-Run"], int(headers["X-TensorBoard-Step"])

    with ThreadPoolExecutor(4) as pool:
        while len(answered) < 2 and sum(map(len, answered.values())) < 500:
            for run, step in pool.map(ask, range(12)):
                answered.setdefault(run, []).append(step)
    return answered
