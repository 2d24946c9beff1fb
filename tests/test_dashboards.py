"""Every kind of summary on its page of TensorBoard, in headless Chromium.

``python -m tests.test_dashboards`` makes the pictures of docs/kinds.md.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from tests import every_kind, readers
from tests.browser import Page, open_browser, photograph, screenshot


@dataclass(frozen=True)
class View:
    """The expected content of a page of a kind.

    Attributes:
        address: The page, and what is searched for on it: what follows TensorBoard's own address.
        element: What of the page shows the kind, as a CSS selector.
        text: Tags, words and numbers that must be in it.
        pictures: How many pictures it must have.
        sounds: How many sounds it must have.
        coloured: How many of its pixels must be of a colour; without the data it has far fewer.
        size: Width and height of the page.
    """

    address: str
    element: str
    text: tuple[str, ...]
    pictures: int = 0
    sounds: int = 0
    coloured: int = 0
    size: tuple[int, int] = (1280, 900)


_LAST = str(every_kind.STEPS - 1)

#: By the name of the kind, or of the kind and the page where it has two.
VIEWS = {
    "scalar": View(
        "#scalars&tagFilter=^loss$", "tf-scalar-card", ("tag:\nloss", _LAST), coloured=1500
    ),
    "scalars": View(
        "#scalars&tagFilter=^error$", "tf-scalar-card", ("tag:\nerror", _LAST), coloured=2500
    ),
    "scalar-timeseries": View(
        "?tagFilter=^loss$#timeseries", "card-view", ("loss", "0.1182", _LAST), coloured=500
    ),
    "raw_summary": View(
        "#scalars&tagFilter=ready_made", "tf-scalar-card", ("ready_made", _LAST), coloured=1500
    ),
    "histogram": View(
        "#histograms&tagFilter=weights", "tf-histogram-loader", ("weights", "20"), coloured=10_000
    ),
    "histogram-distributions": View(
        "#distributions&tagFilter=weights",
        "tf-distribution-loader",
        ("weights", "20"),
        coloured=8000,
    ),
    "histogram_raw": View(
        "#histograms&tagFilter=lengths", "tf-histogram-loader", ("lengths", "20"), coloured=5500
    ),
    **{
        kind: View(f"#images&tagFilter={tag}", "tf-image-loader", (tag,), pictures=1)
        for kind, tag in {
            "image": "cat",
            "figure": "plot",
            "grid": "sheet",
            "feature_maps": "edges",
            "boxes": "found",
            "segmentation": "parts",
            "compare": "copy",
            "animation": "turning",
        }.items()
    },
    "image-timeseries": View("?tagFilter=^cat$#timeseries", "card-view", ("cat",), pictures=1),
    "histogram-timeseries": View(
        "?tagFilter=weights#timeseries", "card-view", ("weights", "22"), coloured=5000
    ),
    "text": View(
        "#text&tagFilter=prompt", "tf-text-loader", ("prompt", "a cat", "dreams"), size=(800, 900)
    ),
    "text-table": View(
        "#text&tagFilter=answers", "tf-text-loader", ("answers", "purr", "12"), size=(800, 900)
    ),
    "audio": View("#audio", "tf-audio-loader", ("tone",), sounds=1),
    "pr_curve": View(
        "#pr_curves&tagFilter=cats", "tf-pr-curve-card", ("cats", "0.9"), coloured=1300
    ),
    "pr_curve_raw": View(
        "#pr_curves&tagFilter=dogs", "tf-pr-curve-card", ("dogs", "0.9"), coloured=1200
    ),
    "mesh": View("#mesh", "tf-mesh-loader", ("step\n0",), coloured=45_000, size=(760, 900)),
    "hparams": View(
        "#hparams",
        "tf-hparams-table-view",
        ("adam", "true", "0.93000", "sgd", "false", "0.87000"),
        size=(1280, 270),
    ),
    "custom_scalars": View(
        "#custom_scalars",
        "tf-custom-scalar-multi-line-chart-card",
        ("loss and mean", _LAST, "Matches (2)"),
        coloured=2000,
    ),
    "custom_scalars_margin": View(
        "#custom_scalars",
        "tf-custom-scalar-margin-chart-card",
        ("band", "26", "Matches (1)"),
        coloured=9000,
    ),
    "embedding": View("#projector", "iframe", ("Points:\n36", "Dimension:\n16"), coloured=4000),
    "graph": View("#graphs", "tf-graph", ("input", "Sequential", "output"), size=(700, 420)),
}


def page_of(view: View, url: str, browser: Any, path: Path) -> Page:
    wanted = asdict(view)
    return screenshot(browser, url + wanted.pop("address"), path, **wanted)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    for package in ("matplotlib", "tensorboard", "torch"):
        pytest.importorskip(package)
    logdir = tmp_path_factory.mktemp("every_kind")
    every_kind.write(logdir)
    with readers.tensorboard_server(logdir) as address:
        yield address


@pytest.mark.slow  # one page after the other
@pytest.mark.parametrize("kind", VIEWS)
def test_a_kind_is_shown_on_its_page(kind: str, url: str, browser: Any, tmp_path: Path) -> None:
    page_of(VIEWS[kind], url, browser, tmp_path / "page.png")


def make_pictures(directory: Path) -> None:
    """Make a small picture of each view, once it does not change any more."""
    directory.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as logdir, open_browser() as driver:
        every_kind.write(logdir)
        with readers.tensorboard_server(logdir) as address:
            for kind, view in VIEWS.items():
                path = directory / f"{kind}.png"
                page_of(view, address, driver, path)
                time.sleep(2)  # while lines are animated
                photograph(driver, view.element, path)
                shrink(path)


def shrink(path: Path, longest: int = 520) -> None:
    with PIL.Image.open(path) as picture:
        small = picture.convert("RGB").reduce(-(-max(picture.size) // longest))
    small.quantize(64).save(path, optimize=True)


if __name__ == "__main__":
    make_pictures(Path(__file__).parent.parent / "docs" / "kinds")
