"""S3 with faults, and the uploads to it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tests.stores.programs import check_that_nothing_is_lost
from tests.stores.servers import CountingS3, WSGIEnvironment, client_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

URL = "s3://bucket/runs/a"


def steps_of(url: str = URL, tag: str = "loss") -> list[int]:
    steps: list[int] = tbimage.read(url)["."].scalars(tag).steps.tolist()
    return steps


def some_fail(seed: int, share: float, *answers: str) -> object:
    generator = random.Random(seed)

    def fault(environment: WSGIEnvironment) -> str | None:
        if environment["REQUEST_METHOD"] == "GET" or generator.random() > share:
            return None
        return generator.choice(answers)

    return fault


def close(writer: tbimage.SummaryWriter) -> bool:
    """Close a writer whose store works again; an attempt that began before may fail yet."""
    while not writer.flush():
        pass
    return writer.close()


def test_the_bytes_of_scalars_that_are_flushed_often(s3: CountingS3) -> None:
    with tbimage.SummaryWriter(URL, flush_secs=100, upload_secs=3600) as writer:
        for step in range(1000):
            writer.scalar("loss", 1.0, step=step)
            if step % 100 == 99:
                assert writer.flush()
    assert s3.bytes_up <= 5.5 * writer.stats().bytes_written
    assert sum(s3.requests.values()) <= 14
    assert len(s3.objects()) == 1


def test_an_object_that_grows_takes_four_requests_an_upload(s3: CountingS3) -> None:
    writer = tbimage.SummaryWriter(URL)
    for step in range(3):
        writer.tensor("weights", np.ones(1 << 20, np.float64), step=step)
        assert writer.flush()
    s3.reset_counts()
    for step in range(10):
        writer.scalar("loss", 1.0, step=step)
        assert writer.flush()
    assert sum(s3.requests.values()) == 40
    assert s3.bytes_up < 10 * 1000
    writer.close()
    assert len(s3.objects()) == 1
    assert steps_of() == list(range(10))


def test_ten_times_100_kb_are_uploaded_once(s3: CountingS3) -> None:
    writer = tbimage.SummaryWriter(URL)
    writer.tensor("weights", np.zeros(5 << 20, np.uint8), step=0)
    assert writer.flush()
    s3.reset_counts()
    for step in range(10):
        writer.tensor("more", np.zeros(100_000, np.uint8), step=step)
        assert writer.flush()
    writer.close()
    assert s3.bytes_up < 1.02 * 1_000_000


@pytest.mark.parametrize("first_bytes", [0, 6 << 20])
def test_faults_cost_nothing(s3: CountingS3, first_bytes: int) -> None:
    writer = tbimage.SummaryWriter(URL, on_error="log")
    writer.tensor("first", np.zeros(first_bytes + 1, np.uint8), step=0)
    answers = "503 Slow Down", "lost answer", "403 Forbidden:ExpiredToken", "500 Internal Error"
    s3.fault = some_fail(7, 0.3, *answers)  # type: ignore[assignment]
    confirmed = 0
    for step in range(60):
        writer.scalar("loss", 1.0, step=step)
        if writer.flush():
            confirmed += 1
            if confirmed % 10 == 1:
                fault, s3.fault = s3.fault, lambda environment: None
                assert steps_of() == list(range(step + 1))
                s3.fault = fault
    s3.fault = lambda environment: None
    assert close(writer)
    assert confirmed
    assert steps_of() == list(range(60))
    stats = writer.stats()
    assert (stats.written, stats.displaced_files) == (61, 0)
    assert stats.last_error is not None
    assert stats.healthy


def test_no_parts_are_left_that_somebody_would_pay_for(s3: CountingS3) -> None:
    writer = tbimage.SummaryWriter(URL, on_error="log")
    writer.tensor("first", np.zeros(6 << 20, np.uint8), step=0)
    assert writer.flush()
    for method, what in (("PUT", "partNumber=2"), ("POST", "uploadId")):

        def fault(environment: WSGIEnvironment, method: str = method, what: str = what) -> Any:
            if environment["REQUEST_METHOD"] == method and what in environment["QUERY_STRING"]:
                return "503 Slow Down"
            return None

        s3.fault = fault
        writer.scalar("loss", 1.0)
        assert not writer.flush()
    s3.fault = lambda environment: None
    assert close(writer)
    assert steps_of() == [0, 1]
    assert s3.uploads() == 0


def test_a_store_that_does_not_answer_holds_up_nobody(s3: CountingS3) -> None:
    writer = tbimage.SummaryWriter(URL, on_full="drop", max_pending_bytes=1 << 20, upload_secs=0.1)

    answers = threading.Event()

    def slow(environment: WSGIEnvironment) -> str | None:
        answers.wait(100)
        return None

    s3.fault = slow
    picture = np.zeros((100, 1000, 3), np.uint8)
    taken = sum(writer.image("picture", picture, step=step) for step in range(30))
    assert not writer.flush(timeout=0.1)
    stats = writer.stats()
    assert 0 < taken < 30
    assert stats.pending_bytes <= 2 << 20
    assert stats.dropped["full"] == 30 - taken
    answers.set()
    assert close(writer)
    assert len(tbimage.read(URL)["."].images("picture")) == taken


def test_missing_rights_are_an_error_at_once(s3: CountingS3) -> None:
    s3.fault = lambda environment: (
        "403 Forbidden:AccessDenied" if environment["REQUEST_METHOD"] == "PUT" else None
    )
    with pytest.raises(PermissionError, match=r"s3://bucket/runs/a/events"):
        tbimage.SummaryWriter(URL)


def test_credentials_that_expire_and_are_renewed(s3: CountingS3) -> None:
    writer = tbimage.SummaryWriter(URL)
    s3.fault = lambda environment: "403 Forbidden:ExpiredToken"
    writer.scalar("loss", 1.0, step=0)
    with pytest.raises(PermissionError):
        writer.flush()
    assert not writer.stats().healthy
    s3.fault = lambda environment: None
    assert writer.flush()
    assert writer.stats().healthy
    writer.close()
    assert steps_of() == [0]


def test_a_bucket_that_vanishes_and_comes_back(s3: CountingS3) -> None:
    client = client_of(s3)
    client.create_bucket(Bucket="other")
    writer = tbimage.SummaryWriter("s3://other/run", on_error="log")
    writer.scalar("loss", 1.0, step=0)
    assert writer.flush()
    s3.empty("other")
    client.delete_bucket(Bucket="other")
    writer.scalar("loss", 1.0, step=1)
    assert not writer.flush()
    assert "bucket" in str(writer.stats().last_error)
    client.create_bucket(Bucket="other")
    assert close(writer)
    # The tail was in memory, so that not even the first step is lost.
    assert steps_of("s3://other/run") == [0, 1]
    assert writer.stats().displaced_files == 1


def test_an_object_that_somebody_else_writes_is_left_to_him(s3: CountingS3) -> None:
    writer = tbimage.SummaryWriter(URL)
    writer.scalar("loss", 1.0, step=0)
    assert writer.flush()
    (key,) = s3.objects()
    client_of(s3).put_object(Bucket="bucket", Key=key, Body=b"mine")
    writer.scalar("loss", 1.0, step=1)
    assert writer.flush()
    writer.close()
    assert client_of(s3).get_object(Bucket="bucket", Key=key)["Body"].read() == b"mine"
    assert writer.stats().displaced_files == 1
    client_of(s3).delete_object(Bucket="bucket", Key=key)
    assert steps_of() == [0, 1]


def test_the_end_of_the_program_needs_no_open_connection_and_no_new_thread(
    s3: CountingS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resolving a host name needs a thread, which the interpreter no longer starts."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url.replace("127.0.0.1", "localhost"))
    s3.close = True  # each connection after one answer
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            f"""
            import tbimage
            writer = tbimage.SummaryWriter({URL!r}, upload_secs=3600)
            for step in range(1000):
                writer.scalar("loss", 1.0, step=step)
            """
        )
    )
    result = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=200, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert steps_of() == list(range(1000))


def test_the_end_of_the_program_waits_for_close_timeout_and_no_longer(
    s3: CountingS3, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            f"""
            import tbimage
            writer = tbimage.SummaryWriter({URL!r}, upload_secs=3600, close_timeout=1)
            input()  # from here on the store hangs
            writer.scalar("loss", 1.0, step=0)
            """
        )
    )
    process = subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not s3.objects():
        time.sleep(0.1)

    def hang(environment: WSGIEnvironment) -> str | None:
        time.sleep(20)
        return None

    s3.fault = hang
    _, errors = process.communicate("\n", timeout=60)
    s3.fault = lambda environment: None
    assert ": 1 summaries were not written before the writer or the process ended" in errors


def test_an_upload_that_runs_when_the_program_ends_is_not_cut_off(
    s3: CountingS3, tmp_path: Path
) -> None:
    """Finalizers end the sessions of the packages for stores; the last upload comes before them."""

    def be_slow(environment: WSGIEnvironment) -> str | None:
        if environment["REQUEST_METHOD"] != "GET":
            time.sleep(0.3)
        return None

    s3.fault = be_slow
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(
            """
            import sys, time
            import tbimage
            writer = tbimage.SummaryWriter(sys.argv[1], upload_secs=0.05)
            for step in range(1000):
                writer.scalar("loss", 1.0, step=step)
            time.sleep(0.2)  # longer than flush_secs: an upload has begun
            """
        )
    )
    for number in range(3):
        command = [sys.executable, os.fspath(program), f"{URL}/{number}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
        assert (result.returncode, result.stderr) == (0, "")
        steps = tbimage.read(f"{URL}/{number}")["."].scalars("loss").steps
        assert steps.tolist() == list(range(1000))


@pytest.mark.parametrize("how", ["exit", "exception", "multiprocessing"])
def test_nothing_is_lost_when_nobody_closes(s3: CountingS3, how: str, tmp_path: Path) -> None:
    check_that_nothing_is_lost(URL, how, tmp_path)


def test_the_command_line_logs_and_lists(s3: CountingS3, tmp_path: Path) -> None:
    photo = Path(tbimage.__file__).parent / "cli" / "photos" / "cat.jpg"

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "tbimage", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    run("log", os.fspath(photo), "--logdir", URL)
    assert "cat  image  1  step 0" in run("ls", URL)
    run("compact", URL, os.fspath(tmp_path))
    assert tbimage.read(tmp_path)["."].images("cat")[-1].pixels().shape[2] == 3


def test_gevent_is_an_error_at_once() -> None:
    """In greenlets asyncio does not work: no upload would ever succeed."""
    pytest.importorskip("gevent")
    program = """
import gevent.monkey
gevent.monkey.patch_all()
import tbimage
for function in (tbimage.SummaryWriter, tbimage.read):
    try:
        function("s3://bucket/run")
    except ValueError as error:
        print(error)
with tbimage.SummaryWriter("memory://run") as writer:
    assert writer.scalar("loss", 1.0, step=0)
assert tbimage.read("memory://run")["."].scalars("loss").steps.tolist() == [0]
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=200, check=True
    )
    assert result.stdout.count("gevent has replaced threads") == 2
