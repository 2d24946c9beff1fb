"""How much longer a request takes with ``tbimage.integrations.asgi``: medians, with and without.

    python -m benchmarks.asgi            # about 20 seconds
    python -m benchmarks.asgi 20000      # more requests

Two uvicorn servers run the same small FastAPI application, one with the middleware. One client asks
them in turn, so that both meet the same machine.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image

_APPLICATION = """
import sys, time, zlib
from fastapi import FastAPI, Request, Response
import uvicorn

app = FastAPI()

@app.get("/json")
async def json(name: str = "a", count: int = 3):
    return {"name": name, "numbers": list(range(count))}

DATA = bytes(range(256)) * 160

@app.get("/work")
async def work():  # about a millisecond of processor time
    return {"size": sum(len(zlib.compress(DATA[number:], 6)) for number in range(4))}

@app.get("/processor_seconds")
async def processor_seconds():
    return time.process_time()

@app.post("/image")
async def image(request: Request):
    return Response(await request.body(), media_type="image/png")

if len(sys.argv) > 2:
    from tbimage.integrations.asgi import TensorBoardMiddleware
    app = TensorBoardMiddleware(app, sys.argv[2])
uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
"""
_WARM_UP = 200  # requests that are not counted


@contextmanager
def _server(*logdir: str) -> Iterator[http.client.HTTPConnection]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", _APPLICATION, str(port), *logdir])
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        while True:
            try:
                connection.connect()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield connection
    finally:
        connection.close()
        process.terminate()
        process.wait()


def _seconds(connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> float:
    began = time.perf_counter()
    connection.request(method, path, body or None, {"Content-Type": "image/png"} if body else {})
    connection.getresponse().read()
    return time.perf_counter() - began


def _processor_seconds(connection: http.client.HTTPConnection) -> float:
    """Return the processor time of a server so far."""
    connection.request("GET", "/processor_seconds")
    return float(json.loads(connection.getresponse().read()))


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    print("request: median without and with the middleware in µs, quotient; processor time")
    with tempfile.TemporaryDirectory() as logdir, _server() as plain, _server(logdir) as logged:
        kinds = ("GET", "/json", b""), ("GET", "/work", b""), ("POST", "/image", file.getvalue())
        for method, path, body in kinds:
            times: tuple[list[float], list[float]] = ([], [])
            before: list[float] = []
            for number in range(_WARM_UP + count):
                if number == _WARM_UP:
                    before = [*map(_processor_seconds, (plain, logged))]
                pairs = [*zip((plain, logged), times, strict=True)]
                for connection, found in pairs if number % 2 else reversed(pairs):
                    found.append(_seconds(connection, method, path, body))
            without, with_it = (statistics.median(found[_WARM_UP:]) * 1e6 for found in times)
            after = map(_processor_seconds, (plain, logged))
            busy = [(b - a) / count * 1e6 for a, b in zip(before, after, strict=True)]
            print(
                f"{method} {path}: {without:.0f} {with_it:.0f} {with_it / without:.3f}; "
                f"{busy[0]:.0f} {busy[1]:.0f} {busy[1] / busy[0]:.3f}"
            )


if __name__ == "__main__":
    main()
