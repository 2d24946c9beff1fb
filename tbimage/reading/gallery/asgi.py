"""The live page as an ASGI application, for FastAPI, Starlette and servers such as uvicorn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tbimage.reading.gallery.site import Answer, Site

__all__ = ["Application"]

_Message = MutableMapping[str, Any]


class Application:
    """An application for ASGI 3. It makes answers in a thread, because this reads files."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """Answer one request, or the ``lifespan`` events of a server."""
        if scope["type"] == "lifespan":
            for event in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{event}.complete"})
            return
        if scope["type"] != "http":  # a websocket
            await send({"type": "websocket.close", "code": 1000})
            return
        answer = await self._answer(scope)
        headers = {**answer.headers, "Content-Length": str(len(answer.body))}
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
        body = b"" if scope["method"] == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: MutableMapping[str, Any]) -> Answer:
        root, path = scope.get("root_path", ""), scope["path"]
        path = path.removeprefix(root)  # older servers have already removed the root path
        if not path:  # the relative URLs of the page need the slash
            return Answer(307, {"Location": f"{root}/"}, b"")
        etags = [value for name, value in scope["headers"] if name == b"if-none-match"]
        etag = etags[0].decode("latin-1") if etags else ""
        return await asyncio.to_thread(self._site.answer, scope["method"], path, etag)
