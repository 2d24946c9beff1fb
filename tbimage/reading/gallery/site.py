"""Answer the requests of the live page, for any server.

The site has three kinds of URLs: the page, ``index.json`` with the current index, and
``asset/NAME``. No request changes a file. A request for the index refreshes the logs, at most
once in ``SECONDS_BETWEEN`` seconds.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tbimage.reading.gallery.assets import dump
from tbimage.reading.gallery.contents import Contents, collect
from tbimage.reading.gallery.page import shell
from tbimage.reading.logs import Logs, read

__all__ = ["Answer", "Site"]

SECONDS_BETWEEN = 1.0

#: All answers have these headers. The page also has a Content-Security-Policy.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class Answer:
    """An answer to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Site:
    """A log directory as a site. Several threads may call its methods."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()  # held while the logs are refreshed
        self._logs: Logs | None = None
        self._looked = -SECONDS_BETWEEN
        self._contents = Contents({})
        self._index = b""

    def answer(self, method: str, path: str, etag: str = "") -> Answer:
        """Answer a request.

        Args:
            method: The HTTP method.
            path: The path of the request, relative to the root of the site. It begins with ``/``.
            etag: The value of the header ``If-None-Match``, or an empty string.
        """
        if method not in ("GET", "HEAD"):
            return _refuse(405, "this site is read-only\n", {"Allow": "GET, HEAD"})
        if path == "/":
            page = shell(live=True)
            policy = {"Content-Security-Policy": f"{page.policy}; frame-ancestors 'self'"}
            headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache"}
            return Answer(200, {**_HEADERS, **headers, **policy}, page.before + page.after)
        if path == "/index.json":
            return self._answer_index(etag)
        if path.startswith("/asset/"):
            return self._answer_asset(path.removeprefix("/asset/"))
        return _refuse(404, "there is no such page\n")

    def look(self) -> None:
        """Read values that were appended to the logs.

        Raises:
            OSError: The logs cannot be read.
            ValueError: The path is not an event file.
        """
        with self._lock:
            if time.monotonic() - self._looked < SECONDS_BETWEEN:
                return
            if self._logs is None:
                self._logs = read(self.path)
            elif not self._logs.refresh():
                self._looked = time.monotonic()
                return
            contents = collect(self._logs, None)
            self._publish(contents)

    def _publish(self, contents: Contents) -> None:
        contents.index["problems"] = {}
        self._contents, self._index = contents, dump(contents.index).encode()
        self._looked = time.monotonic()

    def _answer_index(self, etag: str) -> Answer:
        try:
            self.look()
        except (OSError, ValueError) as error:  # for example, there is no such directory yet
            return _refuse(503, f"{error}\n")
        index = self._index
        own = f'"{hashlib.blake2b(index, digest_size=12).hexdigest()}"'
        headers = {**_HEADERS, "Cache-Control": "no-cache", "ETag": own}
        if etag == own:
            return Answer(304, headers, b"")
        return Answer(200, {**headers, "Content-Type": "application/json"}, index)

    def _answer_asset(self, name: str) -> Answer:
        asset = self._contents.assets.get(name)
        if asset is None:  # the name may come from an old index
            return _refuse(404, "there is no such asset\n")
        try:
            content_type, content = asset()
        except (OSError, ValueError) as error:  # the file is damaged or deleted
            return _refuse(410, f"{error}\n")
        kept = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Answer(200, {**_HEADERS, **kept, "Content-Type": content_type}, content)


def _refuse(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    about = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    body = text.encode("utf-8", "replace")
    return Answer(status, {**_HEADERS, **about, **(headers or {})}, body)
