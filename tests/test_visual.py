"""``tbimage.visual``: all functions take arrays and pictures, and return pictures."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tbimage import visual

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
FINDINGS = visual.Findings(non_finite=3)

#: Each function, called on one image.
DRAWINGS: dict[str, Any] = {
    "boxes": lambda image: visual.boxes(image, [[1, 2, 30, 20]], ["cat"], [0.5]),
    "caption": lambda image: visual.caption(image, "hello"),
    "colorbar": lambda image: visual.colorbar(image, [0, 1]),
    "grid": lambda image: visual.grid([image, image]),
    "keypoints": lambda image: visual.keypoints(image, [[5, 5]]),
    "legend": lambda image: visual.legend(image, [("cat", (1, 2, 3))]),
    "polylines": lambda image: visual.polylines(image, [[5, 5], [20, 9]]),
    "segmentation": lambda image: visual.segmentation(np.zeros((40, 60), int), image),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_takes_arrays_and_pictures_and_gives_a_picture(name: str) -> None:
    before = PHOTO.copy()
    drawn = DRAWINGS[name](PHOTO)
    assert isinstance(drawn, visual.Picture)
    assert drawn.pixels.dtype == np.uint8
    again = DRAWINGS[name](visual.Picture(PHOTO, FINDINGS))
    np.testing.assert_array_equal(again, drawn)
    assert again.findings.non_finite in (3, 6)  # a grid of two has both
    floats = DRAWINGS[name](PHOTO / 255)
    assert floats.pixels.shape == drawn.pixels.shape
    np.testing.assert_array_equal(before, PHOTO)


def test_drawings_chain() -> None:
    drawn = visual.image(PHOTO[..., 0], colormap="turbo", max_side=30)
    for draw in (DRAWINGS["boxes"], DRAWINGS["keypoints"], DRAWINGS["caption"]):
        drawn = draw(drawn)
    assert drawn.pixels.shape[0] > 20


def test_all_names_are_there_and_documented() -> None:
    for name in visual.__all__:
        thing = getattr(visual, name)
        if inspect.isfunction(thing):
            assert ">>> " in (inspect.getdoc(thing) or "")
    assert len(visual.COLORMAPS) >= 16
    assert visual.colormap_table("viridis").shape == (256, 3)


def test_pictures_can_be_logged_like_arrays() -> None:
    from tbimage.kinds import image

    prepared = image.prepare(visual.caption(PHOTO, "hello"), None, None)
    assert prepared.arrays[0].shape[3] == 3


def test_drawing_needs_no_matplotlib_and_no_writer() -> None:
    code = """
import sys
import numpy as np
from tbimage import visual
visual.caption(visual.image(np.zeros((8, 8)), colormap="viridis", colorbar=True), "a")
print(sorted({"matplotlib", "google.protobuf", "tbimage.writer"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
