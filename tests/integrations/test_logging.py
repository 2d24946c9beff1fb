"""The handler of `logging`: the logged records, and calls that never wait."""

from __future__ import annotations

import logging
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import tbimage
from tbimage.integrations.logging import TensorBoardHandler
from tests import readers


@pytest.fixture
def logger() -> logging.Logger:
    """A logger of which pytest's own handlers hear nothing."""
    return logging.Logger("tests.logging", logging.DEBUG)  # noqa: LOG001


def texts(series: readers.Series) -> list[str]:
    found = []
    for point in series.points:
        assert isinstance(point.value, readers.Tensor)
        (text,) = point.value.values
        found.append(text.decode().removeprefix("~~~\n").removesuffix("\n~~~"))  # a code block
    return found


@pytest.mark.parametrize("loader", ["python", "data_server"])
def test_records_become_texts_by_their_level(
    tmp_path: Path, logger: logging.Logger, loader: str
) -> None:
    handler = TensorBoardHandler(tmp_path)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logger.addHandler(handler)
    for number in range(3):
        logger.info("number %d", number)
    logger.error("*broken*")
    handler.close()
    run = readers.read_runs(tmp_path, loader)["."]
    assert set(run) == {"log/INFO", "log/ERROR"}
    assert run["log/INFO"].steps == [0, 1, 2]
    assert texts(run["log/INFO"]) == [f"tests.logging: number {number}" for number in range(3)]
    assert run["log/ERROR"].plugin == "text"
    assert texts(run["log/ERROR"]) == ["tests.logging: *broken*"]


def test_numbers_of_extra_become_scalars(tmp_path: Path, logger: logging.Logger) -> None:
    handler = TensorBoardHandler(tmp_path)
    logger.addHandler(handler)
    tbimage.set_step(7)  # of the caller's own summaries
    try:
        for step in (10, 20):
            loss = np.float32(step / 4)
            extra = {"loss": loss, "epoch": 1, "good": True, "who": "me", "step": step}
            logger.info("done", extra=extra)
        logger.info("no step", extra={"rate": 2.5})
    finally:
        tbimage.set_step(None)
    handler.close()
    run = readers.read_runs(tmp_path, "data_server")["."]
    assert set(run) == {"log/INFO", "loss", "epoch", "rate"}
    assert [(point.step, point.value) for point in run["loss"].points] == [(10, 2.5), (20, 5.0)]
    assert [(point.step, point.value) for point in run["rate"].points] == [(0, 2.5)]
    assert run["log/INFO"].steps == [0, 1, 2]


def test_what_is_logged_while_a_record_is_handled_is_left_out(
    tmp_path: Path, logger: logging.Logger
) -> None:
    class Recursive:
        def __str__(self) -> str:
            logger.info(Recursive())
            return "told"

    handler = TensorBoardHandler(tmp_path)
    logger.addHandler(handler)
    caught = logging.getLogger("py.warnings")
    caught.addHandler(handler)
    logging.captureWarnings(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logger.info("%s", Recursive())
            for _ in range(2):
                logger.info("again", extra={"loss": 1.0, "step": 5})  # warns of the step
            logging.getLogger("tbimage").addHandler(handler)
            logging.getLogger("tbimage.part").error("of tbimage itself")
    finally:
        logging.captureWarnings(False)
        caught.removeHandler(handler)
        logging.getLogger("tbimage").removeHandler(handler)
    handler.close()
    run = readers.read_runs(tmp_path, "python")["."]
    assert texts(run["log/INFO"]) == ["told", "again", "again"]
    assert set(run) == {"log/INFO", "loss"}
    assert handler.failures.count == 0


def test_a_record_is_left_out_when_there_is_no_room(tmp_path: Path, logger: logging.Logger) -> None:
    writer = tbimage.SummaryWriter(tmp_path, on_full="drop", max_pending_bytes=1, flush_secs=60)
    handler = TensorBoardHandler(writer)
    logger.addHandler(handler)
    for number in range(100):
        logger.info("number %d", number)  # with "block" this would wait for a minute
    assert writer.stats().dropped["full"] > 0
    handler.close()
    assert not writer.closed  # it is the caller's
    writer.close()


def test_a_writer_that_blocks_is_refused(tmp_path: Path) -> None:
    writer = tbimage.SummaryWriter(tmp_path)
    with pytest.raises(ValueError, match='writer must have on_full="drop", got "block"'):
        TensorBoardHandler(writer)
    writer.close()
    with pytest.raises(TypeError, match="writer must be a tbimage"):
        TensorBoardHandler(3)  # type: ignore[arg-type]


def test_errors_are_counted_and_reported_once(
    tmp_path: Path, logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    writer = tbimage.SummaryWriter(tmp_path, on_full="drop")
    handler = TensorBoardHandler(writer)
    logger.addHandler(handler)
    writer.close()
    for _ in range(3):
        logger.info("too late")
    logger.info("%d", "no number")
    assert handler.failures.count == 4
    reported = [record.getMessage() for record in caplog.records if record.name == "tbimage"]
    assert len(reported) == 2
    assert "could not log: RuntimeError" in reported[0]
    assert "could not log: TypeError" in reported[1]


def test_threads_share_a_handler(tmp_path: Path, logger: logging.Logger) -> None:
    handler = TensorBoardHandler(tmp_path)
    logger.addHandler(handler)

    def log() -> None:
        for number in range(20):
            logger.info("number %d", number)

    threads = [threading.Thread(target=log) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.close()
    assert readers.read_runs(tmp_path, "data_server")["."]["log/INFO"].steps == list(range(80))
