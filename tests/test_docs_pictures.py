"""The pictures of the tutorial and the how-to pages, as TensorBoard shows what their code logs.

``python -m tests.test_docs_pictures`` makes the pictures.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

import tbimage
from tests import readers
from tests.browser import Page, open_browser, screenshot
from tests.test_docs_code import DOCS, run

_CARD = "tf-image-loader"


@dataclass(frozen=True)
class Shot:
    """A picture of a page of the documentation, and where TensorBoard shows it."""

    page: str
    logdir: str
    address: str
    text: tuple[str, ...]
    element: str = _CARD
    pictures: int = 1
    size: tuple[int, int] = (1280, 900)


#: By the paths of the pictures below docs/.
SHOTS = {
    "tutorial/input.png": Shot(
        "docs/tutorial.md",
        "runs/tutorial",
        "#images&tagFilter=^input/",
        ("input/image/0", "input/image/1"),
        element="tf-category-paginated-view",
        pictures=2,
    ),
    **{
        f"tutorial/{name}.png": Shot(
            "docs/tutorial.md", "runs/tutorial", f"#images&tagFilter=^{tag}$", (tag,)
        )
        for name, tag in {
            "feature_maps": "layer1/image/0",
            "reconstruction": "reconstruction/image/0",
            "segmentation": "segmentation/image/0",
        }.items()
    },
    **{
        f"howto/{tag}.png": Shot(
            "docs/howto/recipes.md", "runs/recipes", f"#images&tagFilter=^{tag}$", (tag,)
        )
        for tag in ("confusion", "confusion_named")
    },
    "howto/sweep.png": Shot(
        "docs/howto/runs.md",
        "runs/sweep",
        "#hparams",
        ("rate", "optimizer", "accuracy", "0.9", "sgd"),
        element="body",
        pictures=0,
        size=(1280, 640),
    ),
}


@contextlib.contextmanager
def in_directory(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def log(page: str, directory: Path) -> None:
    """Run the code of a page in a directory."""
    with in_directory(directory):
        PIL.Image.new("RGB", (8, 8)).save("photo.png")
        for each in run(page).values():
            if isinstance(each, tbimage.SummaryWriter):
                assert each.close()


def look(shot: Shot, url: str, browser: Any, path: Path) -> Page:
    return screenshot(
        browser,
        f"{url}{shot.address}",
        path,
        element=shot.element,
        pictures=shot.pictures,
        text=shot.text,
        size=shot.size,
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({shot.page for shot in SHOTS.values()}))
def test_tensorboard_shows_what_the_page_does(browser: Any, tmp_path: Path, page: str) -> None:
    pytest.importorskip("tensorboard")
    log(page, tmp_path)
    for name, shot in SHOTS.items():
        if shot.page == page:
            with readers.tensorboard_server(tmp_path / shot.logdir) as url:
                look(shot, url, browser, tmp_path / "shot.png")
            assert (DOCS / name).is_file()


if __name__ == "__main__":
    work = Path(tempfile.mkdtemp())
    for page_of_docs in sorted({shot.page for shot in SHOTS.values()}):
        log(page_of_docs, work)
    with open_browser() as driver:
        for picture, wanted in SHOTS.items():
            target = DOCS / picture
            with readers.tensorboard_server(work / wanted.logdir) as address:
                look(wanted, address, driver, target)
            with PIL.Image.open(target) as taken:
                taken.convert("RGB").quantize(112).save(target, optimize=True)
