"""Object stores on this machine: moto for S3, gcp-storage-emulator, Azurite."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.processes import free_port, listens, wait_until

__all__ = ["CountingS3", "WSGIEnvironment", "azurite", "counting_s3", "google_emulator", "url_in"]

WSGIEnvironment = dict[str, Any]

#: What a fault makes of a request: an answer instead of the store's, or None for the store's.
Fault = Callable[[WSGIEnvironment], "str | None"]


class CountingS3:
    """moto behind a counter of requests and bytes that can be told to fail.

    Attributes:
        requests: How many there were, by method and what they are for.
        bytes_up: The bytes of all bodies.
        fault: Is asked before each request that changes something. It may sleep. It returns None,
            a status such as "503 Slow Down", "lost answer" or "drop".
    """

    def __init__(self) -> None:
        import moto.server

        self._app = moto.server.DomainDispatcherApplication(moto.server.create_backend_app)
        self.requests: Counter[str] = Counter()
        self.bytes_up = 0
        self.fault: Fault = lambda environment: None
        self.url = ""
        self.close = False  # each connection after one answer
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()

    def __call__(self, environment: WSGIEnvironment, start: Any) -> Iterable[bytes]:
        method, query = environment["REQUEST_METHOD"], environment.get("QUERY_STRING", "")
        size = int(environment.get("CONTENT_LENGTH") or 0)
        what = method + (" " + query.partition("=")[0].partition("&")[0] if query else "")
        with self._lock:
            self.requests[what] += 1
            self.bytes_up += size
        fault = self.fault(environment)
        if fault is not None and fault != "lost answer":
            environment["wsgi.input"].read(size)
            status, _, code = fault.partition(":")
            body = f"<Error><Code>{code or 'SlowDown'}</Code><Message>injected</Message></Error>"
            body = "" if method == "HEAD" else body
            start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body.encode()]
        if fault == "lost answer":  # the request takes effect, and the client does not hear of it
            self._answer(environment, lambda *_: lambda data: None)
            start("500 Internal Server Error", [("Content-Length", "0")])
            return [b""]
        if self.close:

            def start_and_close(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                return start(status, [*headers, ("Connection", "close")], *rest)

            return self._answer(environment, start_and_close)
        return self._answer(environment, start)

    def _answer(self, environment: WSGIEnvironment, start: Any) -> Iterable[bytes]:
        """S3 checks the conditions of a PUT and stores it in one step, and moto in several."""
        with self._one_at_a_time:
            return [b"".join(self._app(environment, start))]

    def empty(self, bucket: str) -> None:
        """Delete all objects of a bucket, and uploads that are not complete."""
        client = client_of(self)
        for each in client.list_multipart_uploads(Bucket=bucket).get("Uploads", ()):
            client.abort_multipart_upload(Bucket=bucket, Key=each["Key"], UploadId=each["UploadId"])
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for each in page.get("Contents", ()):
                client.delete_object(Bucket=bucket, Key=each["Key"])

    def objects(self, bucket: str = "bucket") -> dict[str, int]:
        """The sizes of all objects of a bucket."""
        client = client_of(self)
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {each["Key"]: each["Size"] for page in pages for each in page.get("Contents", ())}

    def uploads(self, bucket: str = "bucket") -> int:
        """How many multipart uploads were begun and neither completed nor aborted."""
        return len(client_of(self).list_multipart_uploads(Bucket=bucket).get("Uploads", ()))

    def reset_counts(self) -> None:
        self.requests, self.bytes_up = Counter(), 0


@contextlib.contextmanager
def counting_s3(bucket: str = "bucket") -> Iterator[CountingS3]:
    """Run a store with one bucket, and set the environment so that all clients find it."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"  # connections stay open

        def log(self, *arguments: Any) -> None:
            pass

    store = CountingS3()
    server = make_server("127.0.0.1", 0, store, threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    store.url = f"http://127.0.0.1:{server.server_port}"
    with _environment(
        AWS_ENDPOINT_URL=store.url,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION="us-east-1",
        S3_ENDPOINT=store.url,
        AWS_EC2_METADATA_DISABLED="true",
    ):
        client_of(store).create_bucket(Bucket=bucket)
        store.reset_counts()
        try:
            yield store
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def client_of(store: CountingS3) -> Any:
    """A boto3 client of the store."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=store.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    _forget_filesystems()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
        _forget_filesystems()


def _forget_filesystems() -> None:
    """Let the next writer make filesystems for the stores that run now."""
    from tbimage.events.storage import filesystems

    filesystems._filesystems.clear()


@contextlib.contextmanager
def google_emulator(bucket: str = "bucket") -> Iterator[str]:
    """Run a store of Google's kind with one bucket, and set the environment."""
    from gcp_storage_emulator import server as emulator
    from gcp_storage_emulator.server import create_server

    read_data = emulator._read_data

    def read_whole_data(handler: Any, query: Any) -> Any:
        """The emulator takes a line break off the end of what is uploaded, and this does not."""
        kind, _, boundary = handler.headers.get("Content-Type", "").partition("; boundary=")
        if kind != "multipart/related":
            return read_data(handler, query)
        raw = emulator._decode_raw_data(emulator._read_raw_data(handler), handler)
        line = b"--" + boundary.strip('"').encode()
        _, about, rest = raw.split(line, 2)
        head, _, content = rest[: rest.rindex(b"\n" + line)].partition(b"\n\n")
        return {
            "meta": json.loads(about.partition(b"\n\n")[2]),
            "content": content,
            "content-type": head.decode().partition(":")[2].strip(),
        }

    emulator._read_data = read_whole_data
    port = free_port()
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket=bucket)
    server.start()
    try:
        with _environment(
            STORAGE_EMULATOR_HOST=f"http://127.0.0.1:{port}",
            GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT="false",
            FSSPEC_GS='{"token": "anon"}',
            FSSPEC_GCS='{"token": "anon"}',
        ):
            yield bucket
    finally:
        server.stop()
        emulator._read_data = read_data


@contextlib.contextmanager
def azurite(directory: Path, container: str = "bucket") -> Iterator[str]:
    """Run a store of Azure's kind with one container, and set the environment."""
    import asyncio

    program = _azurite_program()
    port = free_port()
    process = subprocess.Popen(
        [
            *(program, "--silent", "--skipApiVersionCheck", "--inMemoryPersistence"),
            *("--blobPort", str(port)),
        ],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    account, key = (
        "devstoreaccount1",
        (
            "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
        ),
    )  # https://learn.microsoft.com/azure/storage/common/storage-use-azurite
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};"
        f"BlobEndpoint=http://127.0.0.1:{port}/{account};"
    )
    try:
        wait_until(lambda: listens(port), "Azurite to listen")
        from azure.storage.blob.aio import BlobServiceClient

        async def create() -> None:
            async with BlobServiceClient.from_connection_string(connection) as client:
                await client.create_container(container)

        asyncio.run(create())
        with _environment(AZURE_STORAGE_CONNECTION_STRING=connection):
            yield container
    finally:
        process.terminate()
        process.wait()


def _azurite_program() -> str:
    """Where ``npm install --prefix "$TBIMAGE_AZURITE" azurite`` has put it."""
    directory = os.environ.get("TBIMAGE_AZURITE", "")
    program = shutil.which("azurite-blob", path=os.path.join(directory, "node_modules", ".bin"))
    program = program or shutil.which("azurite-blob")
    if program is None:
        import pytest

        pytest.skip("azurite is not installed (npm install azurite)")
    return program


def url_in(store: str) -> str:
    """The URL of a run directory that no other test uses."""
    return f"{store}/{secrets.token_hex(6)}"
