"""The demo as a person sees it: TensorBoard's image page in headless Chromium.

``python -m tests.test_demo_page`` makes the picture of the README.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from tbimage.cli import main
from tests import readers
from tests.browser import Page, screenshot

#: Words to search for on the page: the cards that it then shows, and the size of their pictures.
GROUPS = {
    "^input/": (["input/image/0", "input/image/2"], (64, 64)),
    "each_map": (["responses/each_map/0/image/0", "responses/each_map/3/image/2"], (32, 32)),
    "each_image": (["responses/each_image/0/image/0"], (32, 32)),
    "segmentation": (["segmentation/classes/image/0", "segmentation/classes/image/1"], (384, 256)),
    "difference": (["reconstruction/difference/image/1"], (384, 256)),
    "beside": (["reconstruction/beside_input/image/0"], (768, 256)),
}


def page_of(group: str, url: str, browser: Any, path: Path) -> Page:
    tags, _ = GROUPS[group]
    address = f"{url}#images&tagFilter={group}"
    return screenshot(browser, address, path, pictures=len(tags), text=tuple(tags))


@pytest.mark.slow
def test_every_group_of_the_demo_has_its_cards(browser: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    assert main(["demo", "--logdir", str(tmp_path / "demo")]) == 0
    with readers.tensorboard_server(tmp_path / "demo") as url:
        for group, (tags, size) in GROUPS.items():
            page = page_of(group, url, browser, tmp_path / "page.png")
            sizes = [(picture.width, picture.height) for picture in page.pictures]
            assert sizes.count(size) >= len(tags), group
            assert all("individualImage" in picture.source for picture in page.pictures)


if __name__ == "__main__":
    import tempfile

    from tests.browser import open_browser

    logdir = tempfile.mkdtemp()
    main(["demo", "--logdir", logdir])
    with readers.tensorboard_server(logdir) as url, open_browser() as driver:
        target = Path(__file__).parent.parent / "docs" / "demo.png"
        shown = f"{url}#images&tagFilter=reconstruction|segmentation"
        screenshot(driver, shown, target, pictures=4, size=(1440, 1000))
    with PIL.Image.open(target) as picture:
        picture.reduce(2).quantize(96).save(target, optimize=True)
