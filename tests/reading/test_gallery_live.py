"""The live page: the answers of its servers, and the refused requests."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage.reading.gallery import site as site_module
from tbimage.reading.gallery.server import Server
from tbimage.reading.gallery.site import Site
from tests.examples.asgi import serving


@contextlib.contextmanager
def server_of(logs: Path) -> Iterator[Server]:
    with Server(Site(str(logs)), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def log(logs: Path, steps: range) -> None:
    with tbimage.SummaryWriter(logs / "train") as writer:
        for step in steps:
            writer.scalar("loss", 1 / (step + 1), step)
            writer.image("noise", np.full((4, 6, 3), step, np.uint8), step)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    log(tmp_path / "logs", range(3))
    return tmp_path / "logs"


@pytest.fixture
def server(logs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(site_module, "SECONDS_BETWEEN", 0.0)
    with server_of(logs) as server:
        yield server


def ask(
    server: Server, path: str, method: str = "GET", body: bytes = b"", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=200)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body or None, names)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def index_of(server: Server) -> dict[str, Any]:
    answer, content = ask(server, "/index.json")
    assert answer.status == 200
    return dict(json.loads(content))


def test_page_index_and_assets(server: Server) -> None:
    answer, page = ask(server, "/")
    assert answer.status == 200
    assert page.startswith(b"<!doctype html>")
    policy = answer.getheader("Content-Security-Policy", "")
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    index = index_of(server)
    assert index["runs"] == ["train"]
    (series,) = index["image"][0]["series"]
    assert series["steps"] == [0, 1, 2]
    answer, content = ask(server, f"/asset/{series['assets'][1]}")
    assert content == tbimage.read(server.site.path)["train"].images("noise")[1].encoded
    assert answer.getheader("Content-Type") == "image/png"
    assert "immutable" in answer.getheader("Cache-Control", "")
    answer, content = ask(server, f"/asset/{index['scalar'][0]['series'][0]['asset']}")
    assert len(json.loads(content)["lines"]) == 1


def test_what_is_appended_appears(server: Server, logs: Path) -> None:
    before = index_of(server)
    log(logs, range(3, 5))
    after = index_of(server)
    (old,), (new,) = before["image"][0]["series"], after["image"][0]["series"]
    assert new["steps"] == [0, 1, 2, 3, 4]
    assert new["assets"][:3] == old["assets"]  # a browser need not load them again
    scalars = [each["scalar"][0]["series"][0]["asset"] for each in (before, after)]
    assert scalars[0] != scalars[1]
    with tbimage.SummaryWriter(logs / "eval") as writer:
        writer.scalar("loss", 1.0, 0)
    assert index_of(server)["runs"] == ["eval", "train"]


def test_an_index_that_did_not_change_is_not_sent_again(server: Server) -> None:
    answer, _ = ask(server, "/index.json")
    again, content = ask(server, "/index.json", If_None_Match=answer.getheader("ETag", ""))
    assert (again.status, content) == (304, b"")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:6007", "127.0.0.1.evil.example", "localhost.evil.example", "",
     "127.0.0.1:6007@evil.example", "127.0.0.1, evil.example", "10.0.0.1", "[::1]"],
)  # fmt: skip
def test_other_hosts_are_refused(server: Server, host: str) -> None:
    """The name of another site may point to 127.0.0.1 (DNS rebinding)."""
    for path in "/", "/index.json":
        answer, content = ask(server, path, Host=host)
        assert answer.status == 421
        assert content == b"not the name of this server\n"


def test_a_request_without_a_host_or_with_two_is_refused(server: Server) -> None:
    for hosts in [], ["127.0.0.1", "evil.example"], ["127.0.0.1", "127.0.0.1"]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=200)
        connection.putrequest("GET", "/index.json", skip_host=True)
        for host in hosts:
            connection.putheader("Host", host)
        connection.endheaders()
        assert connection.getresponse().status == 421
        connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:80", "127.0.0.1:8080"])
def test_this_machine_may_ask_through_any_port(server: Server, host: str) -> None:
    """As through a forwarded port."""
    assert ask(server, "/", Host=host)[0].status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(server: Server, method: str) -> None:
    answer, _ = ask(server, "/index.json", method, b"x" * 1000)
    assert answer.status == 405
    assert answer.getheader("Allow") == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    ["/asset/", "/asset/../../etc/passwd", "/asset/%2e%2e/%2e%2e/etc/passwd", "/etc/passwd",
     "//evil.example/", "/asset/" + "0" * 24, "/index.json/", "/a\x7f"],
)  # fmt: skip
def test_nothing_else_can_be_read(server: Server, path: str) -> None:
    index_of(server)
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=200)
    connection.putrequest("GET", path.replace("\x7f", "%7f"))
    connection.endheaders()
    assert connection.getresponse().status == 404
    connection.close()


def test_head_has_no_body(server: Server) -> None:
    answer, content = ask(server, "/", "HEAD")
    assert (answer.status, content) == (200, b"")
    assert int(answer.getheader("Content-Length", "0")) > 10_000


def test_a_picture_that_is_gone_is_told(server: Server, logs: Path) -> None:
    (series,) = index_of(server)["image"][0]["series"]
    for path in (logs / "train").iterdir():
        path.unlink()
    answer, content = ask(server, f"/asset/{series['assets'][0]}")
    assert answer.status == 410
    assert b"No such file" in content
    assert index_of(server)["runs"] == []


# ASGI.


@pytest.fixture
def application(logs: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    applications = pytest.importorskip("starlette.applications")
    routing = pytest.importorskip("starlette.routing")
    monkeypatch.setattr(site_module, "SECONDS_BETWEEN", 0.0)
    mounted = routing.Mount("/logs", app=tbimage.gallery.asgi(logs))
    return applications.Starlette(routes=[mounted])


def test_it_mounts_in_starlette(application: Any, logs: Path) -> None:
    with serving(application) as client:
        page = client.get("/logs/")
        assert page.status == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "script-src 'sha256-" in page.headers["content-security-policy"]
        index = client.get("/logs/index.json").json()
        name = index["image"][0]["series"][0]["assets"][2]
        picture = client.get(f"/logs/asset/{name}")
        assert picture.body == tbimage.read(logs)["train"].images("noise")[2].encoded
        assert client.post("/logs/", b"x").status == 405
        assert client.get("/logs/nothing").status == 404
        assert client.get("/logs").status == 307


def test_it_is_an_application_of_its_own_and_waits_for_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("starlette")
    monkeypatch.setattr(site_module, "SECONDS_BETWEEN", 0.0)
    applications = pytest.importorskip("starlette.applications")
    routing = pytest.importorskip("starlette.routing")
    inner = tbimage.gallery.asgi(tmp_path / "later")
    with serving(applications.Starlette(routes=[routing.Mount("/", app=inner)])) as client:
        assert client.get("/").status == 200
        answer = client.get("/index.json")
        assert answer.status == 503
        assert b"No such file or directory" in answer.body
        log(tmp_path / "later", range(1))
        assert client.get("/index.json").json()["runs"] == ["train"]
    with pytest.raises(TypeError):
        tbimage.gallery.asgi(3)  # type: ignore[arg-type]


def test_uvicorn_serves_it(logs: Path) -> None:
    """With its lifespan, and with a websocket refused."""
    uvicorn = pytest.importorskip("uvicorn")
    config = uvicorn.Config(tbimage.gallery.asgi(logs), port=0, log_level="warning", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        from tests.processes import wait_until

        wait_until(lambda: server.started, "uvicorn")
        port = server.servers[0].sockets[0].getsockname()[1]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=200)
        connection.request("GET", "/index.json")
        assert json.loads(connection.getresponse().read())["runs"] == ["train"]
        connection.close()
    finally:
        server.should_exit = True
        thread.join()
