"""Tests for each store: S3 (moto), Google Cloud Storage (its emulator), Azure (Azurite)."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tests.stores.programs import check_that_nothing_is_lost
from tests.stores.servers import url_in

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

PICTURE = np.random.default_rng(0).integers(0, 256, (900, 2000, 3), np.uint8)


def test_all_kinds_of_data_come_back(store: str) -> None:
    url = url_in(store)
    with tbimage.SummaryWriter(url) as writer:
        for step in range(60):
            writer.scalar("loss", step / 2, step=step)
            writer.scalars("both", {"a": step, "b": -step}, step=step)
            if step % 20 == 10:
                writer.image("noise", PICTURE, step=step)
                assert writer.flush()
    logs = tbimage.read(url)
    assert logs.runs == [".", "both_a", "both_b"]
    assert logs["."].scalars("loss").steps.tolist() == list(range(60))
    assert logs["both_b"].scalars("both").values.tolist() == [-step for step in range(60)]
    pictures = logs["."].images("noise")
    assert [each.step for each in pictures] == [10, 30, 50]
    assert all(np.array_equal(each.pixels(), PICTURE) for each in pictures)
    assert logs.damage == []


def test_a_page_of_logs_in_a_store(store: str, tmp_path: Path) -> None:
    url = url_in(store)
    with tbimage.SummaryWriter(f"{url}/train") as writer:
        for step in range(3):
            writer.scalar("loss", 1.0, step)
            writer.image("noise", PICTURE[:90, :90], step)
    page = tbimage.gallery(url, tmp_path / "page.html")
    assert page.shown == {"scalar": (3, 3), "image": (3, 3)}
    assert (page.runs, page.problems) == (1, [])
    assert b'data-type="image/png"' in (tmp_path / "page.html").read_bytes()


def test_what_flush_confirmed_is_in_the_store_before_close(store: str) -> None:
    url = url_in(store)
    writer = tbimage.SummaryWriter(url, upload_secs=3600)
    logs = tbimage.read(url)
    for step in range(5):
        writer.scalar("loss", 1.0, step=step)
        assert writer.flush()
        assert writer.stats().pending_items == 0
        logs.refresh()
        assert logs["."].scalars("loss").steps.tolist() == list(range(step + 1))
    writer.close()


def test_nothing_is_uploaded_before_upload_secs(store: str) -> None:
    url = url_in(store)
    writer = tbimage.SummaryWriter(url, upload_secs=3600)
    writer.scalar("loss", 1.0, step=0)
    assert writer.flush()  # the interval begins
    writer.scalar("loss", 1.0, step=1)
    writer.image("noise", PICTURE, step=1)
    time.sleep(1)
    assert writer.stats().pending_items == 2
    assert writer.stats().healthy
    assert tbimage.read(url)["."].scalars("loss").steps.tolist() == [0]
    assert writer.close()
    assert tbimage.read(url)["."].scalars("loss").steps.tolist() == [0, 1]


def test_what_is_new_is_uploaded_after_upload_secs(store: str) -> None:
    writer = tbimage.SummaryWriter(url_in(store), upload_secs=0.2)
    for step in range(3):
        writer.scalar("loss", 1.0, step=step)
        while writer.stats().written <= step:
            time.sleep(0.01)
    writer.close()


def test_a_writer_that_is_opened_again_goes_on(store: str) -> None:
    url = url_in(store)
    for _ in range(3):
        with tbimage.SummaryWriter(url) as writer:
            writer.scalar("loss", 1.0)
    assert tbimage.read(url)["."].scalars("loss").steps.tolist() == [0, 1, 2]


def test_a_bucket_that_is_missing_is_an_error_at_once(store: str) -> None:
    url = store.replace("bucket", "missing") + "/run"
    with pytest.raises(FileNotFoundError, match="missing"):
        tbimage.SummaryWriter(url)
    with pytest.raises(FileNotFoundError, match="missing"):
        tbimage.read(url)


def test_a_service_starts_without_its_bucket(store: str) -> None:
    url = store.replace("bucket", "missing") + "/run"
    writer = tbimage.SummaryWriter(url, on_error="log")
    assert not writer.stats().healthy
    writer.scalar("loss", 1.0, step=0)
    assert not writer.flush()
    assert not writer.close(timeout=100)  # it tries once
    assert writer.stats().dropped["closed"] == 1


def test_nothing_is_lost_when_nobody_closes(store: str, tmp_path: Path) -> None:
    check_that_nothing_is_lost(url_in(store), "fork", tmp_path)
