"""Labels of ``add_image_with_boxes``: the fonts of all pictures, and missing characters told."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tbimage import fonts as installed
from tbimage.compat import tensorboardx, torch
from tbimage.reading.events import read_run
from tests.pictures import decode

DEJAVU = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
needs_dejavu = pytest.mark.skipif(not DEJAVU.exists(), reason=f"{DEJAVU} is not installed")

#: Nobody has a font for it: a private character.
NOWHERE = "\U00100001"

WRITERS = {"torch": torch.SummaryWriter, "tensorboardx": tensorboardx.SummaryWriter}


@pytest.fixture(autouse=True)
def _fonts_of_nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(installed.VARIABLE, raising=False)
    tbimage.set_font()
    yield
    tbimage.set_font()


def draw(directory: Path, peer: str, label: str) -> Any:
    """The pixels of an image with a labelled box."""
    image, corners = np.zeros((3, 60, 120), np.uint8), np.array([[5.0, 5.0, 110.0, 50.0]])
    with WRITERS[peer](str(directory)) as writer:
        writer.add_image_with_boxes("found", image, corners, 0, labels=[label])
    (encoded,) = (
        value.image.encoded_image_string
        for event in read_run(directory)
        for value in event.summary.value
    )
    return decode(encoded)


@needs_dejavu
@pytest.mark.parametrize("peer", WRITERS)
def test_two_labels_that_pillows_font_lacks_look_different(tmp_path: Path, peer: str) -> None:
    first, second = (draw(tmp_path / label, peer, label) for label in ("кот", "тук"))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, draw(tmp_path / "mixed", peer, "кот 7"))


@needs_dejavu
@pytest.mark.parametrize("peer", WRITERS)
def test_the_font_that_is_set_is_used(tmp_path: Path, peer: str) -> None:
    before = draw(tmp_path / "before", peer, "cat")
    tbimage.set_font(os.fspath(DEJAVU))
    assert not np.array_equal(draw(tmp_path / "set", peer, "cat"), before)
    tbimage.set_font()
    np.testing.assert_array_equal(draw(tmp_path / "after", peer, "cat"), before)


@pytest.mark.parametrize("peer", WRITERS)
def test_characters_that_no_font_has_are_told_once(
    tmp_path: Path, peer: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "tbimage"), WRITERS[peer](str(tmp_path)) as writer:
        for step in range(3):
            image, corners = np.zeros((3, 40, 60), np.uint8), np.array([[5.0, 5.0, 50.0, 30.0]])
            writer.add_image_with_boxes("found", image, corners, step, labels=[f"a {NOWHERE}"])
            writer.add_image_with_boxes("plain", image, corners, step, labels=["a cat"])
    (message,) = (record.getMessage() for record in caplog.records)
    assert "image 'found' has characters that no installed font has" in message
    assert "U+100001" in message
