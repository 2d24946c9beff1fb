"""The gallery as a person sees it: each of its pictures in a card of TensorBoard, in Chromium.

``python -m tests.test_gallery_page`` makes the pictures of docs/gallery.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests import readers
from tests.browser import Page, open_browser, photograph, screenshot
from tests.examples.test_gallery import PAGE, TAGS, log_gallery, name_of

pytestmark = pytest.mark.slow

_CARD = "tf-image-loader"


def look(tag: str, url: str, browser: Any, path: Path) -> Page:
    """Look at the card of a tag, and write a PNG of it."""
    address = f"{url}#images&tagFilter=^{tag}$"
    return screenshot(browser, address, path, element=_CARD, pictures=1, text=(tag,))


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a TensorBoard that shows the gallery."""
    pytest.importorskip("tensorboard")
    pytest.importorskip("skimage")
    directory = tmp_path_factory.mktemp("gallery")
    log_gallery(directory)
    with readers.tensorboard_server(directory) as url:
        yield url


@pytest.mark.parametrize(
    ("group", "pictures"), [("values", 7), ("activations", 2), ("outputs", 3), ("batches", 9)]
)
def test_every_picture_is_in_a_card_in_its_size(
    gallery: str, browser: Any, tmp_path: Path, group: str, pictures: int
) -> None:
    sizes = {tag: size for tag, size in TAGS.items() if tag.startswith(group)}
    address = f"{gallery}#images&tagFilter=^{group}/"
    path = tmp_path / "page.png"
    screenshot(
        browser,
        address,
        path,
        pictures=pictures,
        text=tuple(sizes),
        sizes=sizes.values(),  # at first, the page may show pictures of other tags
        size=(1600, 3000),
    )


def test_the_animation_moves(gallery: str, browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "card.png"
    look("batches/animation/image/0", gallery, browser, path)
    first = pixels_of(path)

    def has_moved() -> bool:
        photograph(browser, _CARD, path)
        return not np.array_equal(pixels_of(path), first)

    assert readers.wait_until(has_moved, "another frame")


def test_16_bit_pictures_are_shown_with_their_values(
    gallery: str, browser: Any, tmp_path: Path
) -> None:
    """Where nothing was seen it is black, and 2 to 5 of 8 metres are shades of gray."""
    path = tmp_path / "card.png"
    look("values/depth_16_bits", gallery, browser, path)

    def is_shown() -> bool:
        photograph(browser, _CARD, path)
        shown = pixels_of(path)[-200:]  # below the card's head
        return bool(60 < np.median(shown) < 160 and 0.02 < (shown < 5).mean() < 0.2)

    readers.wait_until(is_shown, "the picture")


def pixels_of(path: Path) -> Any:
    with PIL.Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


if __name__ == "__main__":
    logdir = Path(tempfile.mkdtemp())
    log_gallery(logdir)
    with readers.tensorboard_server(logdir) as address, open_browser() as driver:
        for shown_tag in TAGS:
            target = PAGE.parent / "gallery" / name_of(shown_tag)
            look(shown_tag, address, driver, target)
            with PIL.Image.open(target) as taken:
                taken.convert("RGB").quantize(112).save(target, optimize=True)
