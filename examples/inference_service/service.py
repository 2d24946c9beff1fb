"""The service: receives photographs over HTTP and returns them with their edges drawn.

    uvicorn --app-dir examples --workers 4 inference_service.service:app

Rules:
- The event loop only receives and sends. Decoding, the model and logging run in threads, as many at
  once as there are processors. Further requests wait.
- The cost of an upload is bounded: its bytes are checked before it is received, its pixels before
  it is decoded, and the model gets at most 512 × 512 of them.
- A worker process opens its journal when it starts to serve, and closes it after the last request.
  When a signal ends uvicorn, its processes get the same signal, and run no exit handlers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

import anyio
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import tbimage
from inference_service.journal import Entry, Journal
from inference_service.model import find_edges

__all__ = ["app", "create_app"]

_MOST_BYTES = 20 << 20  # of an upload
_MOST_PIXELS = 50_000_000  # that it may decode to
_SIDE = 512  # the longer one of what the model sees
_FORMATS = ("JPEG", "PNG", "WEBP")


class Log(Protocol):
    """Where requests are logged: a ``Journal``, or a replacement by a benchmark."""

    run: str

    def add(self, entry: Entry) -> int:
        """Log a request; return its step."""

    def stats(self) -> Any:
        """Return a dataclass of counters."""

    def close(self) -> None:
        """Write what is pending."""


def create_app(open_log: Callable[[], Log]) -> Starlette:
    """Make the application.

    Args:
        open_log: Opens the log of this process, once it serves.
    """
    return Starlette(
        routes=[
            Route("/edges", _edges, methods=["POST"]),
            Route("/healthz", _healthz, methods=["GET"]),
        ],
        lifespan=lambda application: _lifespan(application, open_log),
    )


@contextlib.asynccontextmanager
async def _lifespan(application: Starlette, open_log: Callable[[], Log]) -> AsyncIterator[None]:
    application.state.log = open_log()
    application.state.places = anyio.CapacityLimiter(_usable_processors())
    try:
        yield
    finally:
        await anyio.to_thread.run_sync(application.state.log.close)


async def _edges(request: Request) -> Response:
    """Answer a photograph (JPEG, PNG, WebP: the body of the request) with a JPEG of its edges."""
    body = await _receive(request)
    state = request.app.state
    return await anyio.to_thread.run_sync(_answer, body, state.log, limiter=state.places)


async def _healthz(request: Request) -> Response:
    """Answer that this process serves, with the counters of its log.

    The status is 200 also while logging fails: the service still works, so it should get requests.
    """
    log: Log = request.app.state.log
    return JSONResponse(
        {"status": "ok", "run": log.run, "logging": dataclasses.asdict(log.stats())}
    )


async def _receive(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, f"send at most {_MOST_BYTES} bytes")
    return bytes(body)


def _answer(body: bytes, log: Log) -> Response:
    photograph = _decode(body)
    started = time.perf_counter()
    edges = find_edges(photograph)
    seconds = time.perf_counter() - started
    step = log.add(Entry(photograph, edges, seconds))
    jpeg = io.BytesIO()
    Image.fromarray(edges.overlay).save(jpeg, "JPEG", quality=85)
    headers = {
        "X-Edge-Density": f"{edges.density:.4f}",
        "X-TensorBoard-Run": log.run,
        "X-TensorBoard-Step": str(step),
    }
    return Response(jpeg.getvalue(), media_type="image/jpeg", headers=headers)


def _decode(body: bytes) -> NDArray[np.uint8]:
    """Decode to [height, width, 3], upright, at most 512 on a side, in read-only memory."""
    try:
        with Image.open(io.BytesIO(body), formats=_FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise HTTPException(413, f"send at most {_MOST_PIXELS} pixels")
            image.draft(
                "RGB", (_SIDE, _SIDE)
            )  # decodes JPEGs at half the size or less, where this is enough
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise HTTPException(415, "send a JPEG, PNG or WebP") from error
    upright.thumbnail((_SIDE, _SIDE))
    if min(upright.size) < 8:
        raise HTTPException(422, "send at least 8 × 8 pixels")
    return np.asarray(upright)


def _usable_processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def journal_of(environment: Mapping[str, str]) -> Journal:
    """Open the journal that environment variables ask for.

    Args:
        environment: ``EDGES_LOGDIR``, default runs/inference_service; ``EDGES_EVERY``: N to log
            one request of N. Default: a sample that grows with the logarithm of the requests.
    """
    every = environment.get("EDGES_EVERY")
    keep = tbimage.Keep(reservoir=10) if every is None else tbimage.Keep(every=int(every))
    return Journal(environment.get("EDGES_LOGDIR", "runs/inference_service"), keep)


app = create_app(lambda: journal_of(os.environ))
