"""The middleware for ASGI services: within this process, and in real servers and frameworks."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tbimage import Keep
from tbimage.integrations.asgi import TensorBoardMiddleware
from tbimage.integrations.asgi import log as asgi_log
from tbimage.integrations.asgi.bodies import picture_of
from tests import readers
from tests.integrations.programs import ROOT, require
from tests.processes import listens, wait_until

Answer = tuple[int, dict[bytes, bytes], bytes]


def encoded(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
PNG, JPEG = encoded(PIXELS), encoded(PIXELS, "JPEG")
ALL = Keep(every=1)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request with its body and its headers of content; /fail raises."""
    if scope["type"] == "lifespan":
        for state in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{state}"
            await send({"type": f"lifespan.{state}.complete"})
        return
    if scope["path"] == "/fail":
        raise ZeroDivisionError
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message["body"])
        more = message["more_body"]
    headers = [each for each in scope["headers"] if each[0].startswith(b"content-")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


@contextlib.asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    """Start an application as a server does, and shut it down behind the block."""
    sent: asyncio.Queue[Any] = asyncio.Queue()
    received: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan"}, sent.get, received.put))
    await sent.put({"type": "lifespan.startup"})
    assert (await received.get())["type"] == "lifespan.startup.complete"
    yield
    await sent.put({"type": "lifespan.shutdown"})
    assert (await received.get())["type"] == "lifespan.shutdown.complete"
    await task


async def ask(app: Any, path: str, body: bytes = b"", **headers: str) -> Answer:
    """Send a request in two pieces."""
    scope = {
        "type": "http",
        "method": "POST" if body else "GET",
        "path": path,
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ],
    }
    half = len(body) // 2
    pieces = iter([(body[:half], True), (body[half:], False)])
    sent: list[Any] = []

    async def receive() -> Any:
        piece, more = next(pieces)
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    answer = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), answer


def serve(middleware: TensorBoardMiddleware, scenario: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with lifespan(middleware):
            await scenario()

    asyncio.run(run())


def pictures(logdir: Path) -> dict[str, dict[int, bytes]]:
    """The encoded pictures of the one run: {tag: {step: picture}}."""
    (run,) = logdir.iterdir()
    return {
        tag: {image.step: image.encoded for image in images}
        for tag, images in readers.read_accumulator(run).items()
    }


def decoded(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)))


def test_pictures_of_requests_and_answers_are_stored_as_they_are(tmp_path: Path) -> None:
    middleware = TensorBoardMiddleware(echo, tmp_path, keep=ALL)

    async def scenario() -> None:
        for body, kind in ((PNG, "image/png"), (JPEG, "image/jpeg")):
            status, headers, answer = await ask(middleware, "/", body, content_type=kind)
            assert (status, headers, answer) == (200, {b"content-type": kind.encode()}, body)
        await ask(middleware, "/", b"{}", content_type="application/json")

    serve(middleware, scenario)
    expected = {1: PNG, 2: JPEG}
    assert pictures(tmp_path) == {"requests/image": expected, "responses/image": expected}
    assert middleware.failures.count == 0


def test_a_form_has_its_first_picture_logged(tmp_path: Path) -> None:
    middleware = TensorBoardMiddleware(echo, tmp_path, keep=ALL)
    form = b"".join(
        b'--7a--b\r\nContent-Disposition: form-data; name="x"\r\n' + head + b"\r\n" + data + b"\r\n"
        for head, data in (
            (b"", b"3"),
            (b"Content-Type: image/png\r\n", PNG),
            (b"Content-Type: image/jpeg\r\n", JPEG),
        )
    )

    async def scenario() -> None:
        kind = 'multipart/form-data; boundary="7a--b"'
        await ask(middleware, "/", form + b"--7a--b--\r\n", content_type=kind)
        await ask(middleware, "/", b"no form", content_type="multipart/form-data")

    serve(middleware, scenario)
    assert pictures(tmp_path)["requests/image"] == {1: PNG}
    assert middleware.failures.count == 0


def test_what_a_writer_does_not_store_is_decoded(tmp_path: Path) -> None:
    middleware = TensorBoardMiddleware(echo, tmp_path, keep=ALL)
    large = np.repeat(np.repeat(PIXELS, 40, 0), 40, 1)

    async def scenario() -> None:
        for pixels in (PIXELS, large):
            body = encoded(pixels, "WEBP", lossless=True)
            await ask(middleware, "/", body, content_type="image/webp")

    serve(middleware, scenario)
    small, reduced = pictures(tmp_path)["requests/image"].values()
    assert np.array_equal(decoded(small), PIXELS)
    assert decoded(reduced).shape == (384, 512, 3)


def test_what_cannot_be_logged_fails_no_request(tmp_path: Path) -> None:
    middleware = TensorBoardMiddleware(echo, tmp_path, keep=ALL, max_body_bytes=len(PNG))

    async def scenario() -> None:
        for body, headers in (
            (b"no picture", {"content_type": "image/png"}),
            (PNG + b"1", {"content_type": "image/png"}),  # too large
            (gzip.compress(PNG), {"content_type": "image/png", "content_encoding": "gzip"}),
            (b"<svg/>", {"content_type": "image/svg+xml"}),
            (PNG, {"content_type": "image/png"}),
        ):
            assert (await ask(middleware, "/", body, **headers))[::2] == (200, body)
        with pytest.raises(ZeroDivisionError):
            await ask(middleware, "/fail", PNG, content_type="image/png")

    serve(middleware, scenario)
    assert pictures(tmp_path) == {"requests/image": {5: PNG}, "responses/image": {5: PNG}}
    assert middleware.failures.count == 2  # the request and the answer that are no picture
    shutil.rmtree(tmp_path)
    serve(middleware, scenario)  # a second lifespan has a run of its own
    assert pictures(tmp_path) == {"requests/image": {5: PNG}, "responses/image": {5: PNG}}


def test_a_request_and_its_answer_are_sampled_together(tmp_path: Path) -> None:
    middleware = TensorBoardMiddleware(echo, tmp_path, keep=Keep(every=3))

    async def scenario() -> None:
        for _ in range(7):
            await ask(middleware, "/", PNG, content_type="image/png")
            await ask(middleware, "/")

    serve(middleware, scenario)
    found = pictures(tmp_path)
    assert {tag: list(steps) for tag, steps in found.items()} == {
        "requests/image": [1, 7, 13],
        "responses/image": [1, 7, 13],
    }


@pytest.mark.parametrize("loader", ["python", "data_server"])
def test_latencies_are_a_histogram(tmp_path: Path, loader: str) -> None:
    middleware = TensorBoardMiddleware(echo, tmp_path)

    async def scenario() -> None:
        for _ in range(20):
            await ask(middleware, "/")
        await ask(middleware, "/tbimage/stats")

    serve(middleware, scenario)
    (run,) = readers.read_runs(tmp_path, loader).values()
    assert set(run) == {"requests/seconds"}
    (point,) = run["requests/seconds"].points
    assert isinstance(point.value, readers.Tensor)
    assert point.value.array()[:, 2].sum() == 20


def test_counters_are_served(tmp_path: Path) -> None:
    middleware = TensorBoardMiddleware(echo, tmp_path, keep=ALL)
    found: list[Answer] = []

    async def scenario() -> None:
        await ask(middleware, "/", PNG, content_type="image/png")
        found.append(await ask(middleware, "/tbimage/stats"))

    serve(middleware, scenario)
    ((status, headers, body),) = found
    assert (status, headers[b"content-type"]) == (200, b"application/json")
    counters = json.loads(body)
    assert counters["healthy"]
    assert (counters["requests"], counters["failures"]) == (1, 0)
    assert counters["skipped"] == 0
    assert counters["run"] == next(tmp_path.iterdir()).name


def test_the_path_of_counters_may_be_another_or_none(tmp_path: Path) -> None:
    middleware = TensorBoardMiddleware(echo, tmp_path, stats_path="/status")
    without = TensorBoardMiddleware(echo, tmp_path / "other", stats_path=None)

    async def scenario() -> None:
        assert b"healthy" in (await ask(middleware, "/status"))[2]
        assert (await ask(without, "/tbimage/stats"))[2] == b""

    serve(middleware, scenario)


def test_a_service_serves_when_the_directory_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    middleware = TensorBoardMiddleware(echo, tmp_path / "file")

    async def scenario() -> None:
        for _ in range(3):
            assert (await ask(middleware, "/", PNG, content_type="image/png"))[2] == PNG
        counters = json.loads((await ask(middleware, "/tbimage/stats"))[2])
        assert counters == {"healthy": False, "failures": 1}

    serve(middleware, scenario)


def test_pictures_are_skipped_and_counted_when_the_thread_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi_log, "_MOST_WAITING_BYTES", 3 * len(PNG))
    middleware = TensorBoardMiddleware(echo, tmp_path, keep=ALL)
    # What asks for the picture waits until all requests were answered.
    go = threading.Event()
    monkeypatch.setattr(asgi_log, "picture_of", lambda body: go.wait(60) and picture_of(body))

    async def scenario() -> None:
        for _ in range(4):
            assert (await ask(middleware, "/", PNG, content_type="image/png"))[2] == PNG
        assert json.loads((await ask(middleware, "/tbimage/stats"))[2])["skipped"] == 3
        go.set()

    serve(middleware, scenario)
    assert pictures(tmp_path) == {"requests/image": {1: PNG}, "responses/image": {1: PNG}}


def test_steps_grow_when_requests_overlap(tmp_path: Path) -> None:
    middleware = TensorBoardMiddleware(echo, tmp_path, keep=Keep(every=2))

    async def scenario() -> None:
        for _ in range(5):
            both = (ask(middleware, "/", PNG, content_type="image/png") for _ in range(2))
            await asyncio.gather(*both)

    serve(middleware, scenario)
    steps = list(pictures(tmp_path)["requests/image"])
    assert len(steps) == 5
    assert steps == sorted(set(steps))


def test_a_relative_directory_is_below_the_first_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    middleware = TensorBoardMiddleware(echo, "runs")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    serve(middleware, lambda: asyncio.sleep(0))
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_wrong_arguments_are_errors_of_the_constructor(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="logdir must not be empty"):
        TensorBoardMiddleware(echo, "")
    with pytest.raises(TypeError, match="keep must be a tbimage"):
        TensorBoardMiddleware(echo, tmp_path, keep=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="stats_path must begin with '/', got 'stats'"):
        TensorBoardMiddleware(echo, tmp_path, stats_path="stats")
    with pytest.raises(ValueError, match="on_full must be"):
        TensorBoardMiddleware(echo, tmp_path, on_full="wait")


# Real servers and frameworks.

FRAMEWORKS = {
    "starlette": """
        from starlette.applications import Starlette
        from starlette.responses import Response
        from starlette.routing import Route

        async def echo(request):
            return Response(await request.body(), media_type="image/png")

        app = Starlette(routes=[Route("/echo", echo, methods=["POST"])])
        app.add_middleware(TensorBoardMiddleware, logdir=LOGDIR, keep=KEEP)
    """,
    "fastapi": """
        from fastapi import FastAPI, Request, Response

        app = FastAPI()
        app.add_middleware(TensorBoardMiddleware, logdir=LOGDIR, keep=KEEP)

        @app.post("/echo")
        async def echo(request: Request) -> Response:
            return Response(await request.body(), media_type="image/png")
    """,
    "litestar": """
        from litestar import Litestar, Request, Response, post

        @post("/echo", status_code=200)
        async def echo(request: Request) -> Response:
            return Response(await request.body(), media_type="image/png")

        app = TensorBoardMiddleware(Litestar([echo]), LOGDIR, keep=KEEP)
    """,
}
SERVERS = {
    "uvicorn": (
        *("uvicorn", "service:app", "--workers=2", "--port=0", "--log-level=info"),
        "--timeout-worker-healthcheck=60",  # a busy machine needs more than 5 s for two imports
    ),
    "gunicorn": ("gunicorn", "service:app", "--workers=2", "--bind=127.0.0.1:0", "-k", "asgi"),
}


def run_server(directory: Path, framework: str, server: str) -> subprocess.Popen[bytes]:
    head = f"""\
from tbimage import Keep
from tbimage.integrations.asgi import TensorBoardMiddleware
LOGDIR, KEEP = {os.fspath(directory / "runs")!r}, Keep(every=1)
"""
    (directory / "service.py").write_text(head + textwrap.dedent(FRAMEWORKS[framework]))
    with (directory / "log").open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", *SERVERS[server]],
            cwd=directory,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join((str(ROOT), str(directory))),
                "HOME": str(directory),  # gunicorn makes a socket there
            },
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def port_of(log: Path) -> int | None:
    for line in log.read_text().splitlines():
        if "http://127.0.0.1:" in line:
            return int(line.partition("http://127.0.0.1:")[2].split()[0])
    return None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("framework", "server"),
    [("fastapi", "uvicorn"), ("litestar", "uvicorn"), ("starlette", "gunicorn")],
)
def test_two_worker_processes_of_a_server(tmp_path: Path, framework: str, server: str) -> None:
    require(framework)
    require(server)
    process = run_server(tmp_path, framework, server)
    log = tmp_path / "log"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    runs = tmp_path / "runs"
    try:
        port = wait_until(lambda: port_of(log), "the port")
        wait_until(lambda: runs.exists() and len(list(runs.iterdir())) == 2, "two workers")
        wait_until(lambda: listens(port), "the server to listen")

        def post(number: int) -> bytes:
            url = f"http://127.0.0.1:{port}/echo"
            request = urllib.request.Request(url, PNG, {"Content-Type": "image/png"})
            with opener.open(request, timeout=60) as response:
                body: bytes = response.read()
                return body

        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(post, range(40))) == {PNG}
        with opener.open(f"http://127.0.0.1:{port}/tbimage/stats", timeout=60) as response:
            assert json.loads(response.read())["healthy"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(100) in (0, -signal.SIGTERM), log.read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert "Traceback" not in log.read_text()
    found = [readers.read_accumulator(run) for run in runs.iterdir()]
    for tag in ("requests/image", "responses/image"):
        stored = [image.encoded for tags in found for image in tags.get(tag, [])]
        assert stored == [PNG] * 40, log.read_text()
