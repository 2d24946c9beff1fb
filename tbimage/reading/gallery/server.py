"""Serve the live page on this machine, with the HTTP server of the standard library.

The server listens on 127.0.0.1 only. Another site could still reach the server through the browser,
if the name of that site points to 127.0.0.1 (DNS rebinding). So the server answers only requests
whose ``Host`` is this machine.
"""

from __future__ import annotations

import logging
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tbimage.reading.gallery.site import Answer, Site

__all__ = ["Server"]

logger = logging.getLogger("tbimage")

_OWN_HOSTS = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]+)?", re.ASCII | re.IGNORECASE)


class Server(ThreadingHTTPServer):
    """An HTTP server that shows a site on 127.0.0.1.

    Args:
        site: The site to show.
        port: The port, or 0 for a free port that the system chooses.

    Raises:
        OSError: The port is in use.
    """

    daemon_threads = True
    allow_reuse_port = False

    def __init__(self, site: Site, port: int) -> None:
        self.site = site
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log an error. An OSError, such as a closed connection, is logged at the level DEBUG."""
        error = sys.exc_info()[1]
        level = logging.DEBUG if isinstance(error, OSError) else logging.ERROR
        logger.log(level, "a request of %s failed: %r", client_address, error)

    @property
    def address(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "tbimage"
    sys_version = ""
    timeout = 60.0  # seconds for which a connection may be idle

    def _respond(self) -> None:
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not _OWN_HOSTS.fullmatch(hosts[0].strip()):
            answer = Answer(421, {"Content-Type": "text/plain"}, b"not the name of this server\n")
        else:
            path = unquote(urlsplit(self.path).path)
            etag = self.headers.get("If-None-Match", "")
            answer = self.server.site.answer(self.command, path, etag)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.command not in ("GET", "HEAD"):
            self.close_connection = True  # the body of the request was not read
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _respond  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:
        logger.debug(format, *arguments)
