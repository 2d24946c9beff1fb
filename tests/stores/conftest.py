"""Stores that run while a module's tests do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stores import servers


@pytest.fixture(scope="module")
def _running_s3() -> Iterator[servers.CountingS3]:
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    pytest.importorskip("s3fs")
    with servers.counting_s3() as store:
        yield store


@pytest.fixture
def s3(_running_s3: servers.CountingS3) -> Iterator[servers.CountingS3]:
    """An empty bucket named ``bucket``, without faults, and with counts of 0."""
    _running_s3.empty("bucket")
    _running_s3.fault = lambda environment: None
    _running_s3.close = False
    _running_s3.reset_counts()
    yield _running_s3
    _running_s3.fault = lambda environment: None


@pytest.fixture(scope="module", params=["s3", "gs", "az"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a bucket, in each store in turn."""
    kind = request.param
    if kind == "s3":
        pytest.importorskip("moto.server", reason="moto[server] is not installed")
        pytest.importorskip("s3fs")
        with servers.counting_s3() as running:
            running.empty("bucket")
            yield "s3://bucket"
    elif kind == "gs":
        pytest.importorskip("gcp_storage_emulator")
        pytest.importorskip("gcsfs")
        with servers.google_emulator():
            yield "gs://bucket"
    else:
        pytest.importorskip("adlfs")
        with servers.azurite(tmp_path_factory.mktemp("azurite")):
            yield "az://bucket"
