"""Pictures whose axes are known: images of PIL, figures, encoded bytes."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tbimage.compat import tensorboardx, torch
from tests import readers
from tests.compat import faces

FACES: dict[str, Any] = {"torch": torch, "tensorboardx": tensorboardx}
RANDOM = np.random.default_rng(5)


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> Any:
    return FACES[request.param]


def shown(directory: Path, loader: str) -> dict[str, np.ndarray]:
    run = readers.read_runs(directory, loader)["."]
    return {
        tag: faces.decoded(faces.strings(series.points[0].value)[2])[0]
        for tag, series in run.items()
    }


#: Sizes [rows, columns] of which CHW could be mistaken: 3 and 4 rows are 3 and 4 channels.
SIZES = [(3, 3), (3, 9), (4, 9), (1, 9), (9, 3), (20, 30)]


@pytest.mark.parametrize("loader", faces.LOADERS)
def test_an_image_of_pil_needs_no_dataformats(face: Any, loader: str, tmp_path: Path) -> None:
    pixels = {size: RANDOM.integers(0, 256, (*size, 3), np.uint8) for size in SIZES}
    with warnings.catch_warnings(), face.SummaryWriter(str(tmp_path)) as writer:
        warnings.simplefilter("error")
        for number, array in enumerate(pixels.values()):
            writer.add_image(f"rgb{number}", Image.fromarray(array), 1)
            writer.add_image(f"gray{number}", Image.fromarray(array[..., 0]), 1)
            writer.add_image(f"said{number}", Image.fromarray(array), 1, dataformats="HWC")
            writer.add_image_with_boxes(f"boxes{number}", Image.fromarray(array), [], 1)
    found = shown(tmp_path, loader)
    for number, array in enumerate(pixels.values()):
        for kind in ("rgb", "said", "boxes"):
            np.testing.assert_array_equal(found[f"{kind}{number}"], array)
        gray = found[f"gray{number}"]
        np.testing.assert_array_equal(gray, np.repeat(array[..., :1], 3, axis=2))


def test_a_list_of_images_is_a_grid(face: Any, tmp_path: Path) -> None:
    pixels = RANDOM.integers(0, 256, (3, 4, 5, 3), np.uint8)
    with face.SummaryWriter(str(tmp_path)) as writer:
        writer.add_images("rgb", list(map(Image.fromarray, pixels)), 1)
        writer.add_images("gray", list(map(Image.fromarray, pixels[..., 0])), 1)
        with pytest.raises(ValueError, match=r"one size and mode.*\(4, 5, 3\), \(4, 5\)"):
            writer.add_images("a", [Image.fromarray(pixels[0]), Image.fromarray(pixels[1, ..., 0])])
    found = shown(tmp_path, "python")
    np.testing.assert_array_equal(found["rgb"], np.concatenate(list(pixels), axis=1))
    assert found["gray"].shape == (4, 15, 3)


def test_a_figure_and_encoded_bytes(face: Any, tmp_path: Path) -> None:
    mpl = pytest.importorskip("matplotlib")
    mpl.use("agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(1, 2), dpi=50)
    file = io.BytesIO()
    Image.new("RGB", (3, 3), "red").save(file, "PNG")
    with face.SummaryWriter(str(tmp_path)) as writer:
        writer.add_image("figure", figure, 1)
        writer.add_image("bytes", file.getvalue(), 1)
    pyplot.close(figure)
    found = shown(tmp_path, "python")
    assert found["figure"].shape[:2] == (100, 50)
    assert found["bytes"].tolist() == [[[255, 0, 0]] * 3] * 3
