"""``tbimage demo``: the logged pixels, and the output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tbimage.cli.cases import (
    CLASS_COLORS,
    feature_maps,
    input_batch,
    photographs,
    reconstruct,
    segment,
)
from tests.cli.command import Logged, call, images_in, spawn
from tests.readers import event_files

Capture = pytest.CaptureFixture[str]
Images = dict[str, list[Logged]]


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("demo")
    outcome = spawn("demo", "--logdir", directory)
    assert (outcome.code, outcome.err) == (0, "")
    return directory


@pytest.fixture(scope="module")
def logged(logdir: Path) -> Images:
    return images_in(logdir)


def levels(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Convert floats to levels by the rule of docs/design.md."""
    scaled = (values - np.float32(low)) / (np.float32(high) - np.float32(low))
    return (scaled * np.float32(255.5)).clip(0, 255).astype(np.uint8)


def test_inputs_are_the_first_three_of_each_batch(logged: Images) -> None:
    assert [tag for tag in sorted(logged) if tag.startswith("input")] == [
        "input/image/0",
        "input/image/1",
        "input/image/2",
    ]
    for index in range(3):
        images = logged[f"input/image/{index}"]
        assert [image.step for image in images] == [0, 1, 2, 3, 4]
        for image in images:
            assert np.array_equal(image.pixels, input_batch(image.step)[index])


def test_feature_maps_are_gray_images_in_two_ranges(logged: Images) -> None:
    assert len([tag for tag in logged if tag.startswith("responses/")]) == 4 * 3 * 2
    for index, maps in enumerate(feature_maps(input_batch(0))):
        for channel in range(3):
            one = maps[..., channel]
            [each_map] = logged[f"responses/each_map/{index}/image/{channel}"]
            [each_image] = logged[f"responses/each_image/{index}/image/{channel}"]
            assert each_map.pixels.shape == (32, 32)  # gray
            assert np.array_equal(each_map.pixels, levels(one, one.min(), one.max()))
            assert np.array_equal(each_image.pixels, levels(one, maps.min(), maps.max()))


def test_the_two_ranges_make_a_difference(logged: Images) -> None:
    weak = "0/image/1"  # the colour of an edge
    assert np.ptp(logged[f"responses/each_map/{weak}"][0].pixels) == 255
    assert np.ptp(logged[f"responses/each_image/{weak}"][0].pixels) < 128


def test_reconstructions_stand_beside_the_photographs_and_improve(logged: Images) -> None:
    tags = [f"reconstruction/beside_input/image/{index}" for index in range(2)]
    errors = []
    for images in zip(*(logged[tag] for tag in tags), strict=True):
        left, right = np.split(np.stack([image.pixels for image in images]), 2, axis=2)
        assert np.array_equal(left, photographs())
        errors.append(np.square(right.astype(float) - left).mean())
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 4
    assert [image.step for image in logged[tags[0]]] == [1, 2, 4, 8, 16]
    restored = levels(reconstruct(photographs(), 16), 0, 1)
    # Sums of floats may be taken in another order in another process.
    assert np.abs(right.astype(int) - restored).max() <= 1


def test_differences_are_gray_where_there_is_none(logged: Images) -> None:
    for index in range(2):
        for beside, image in zip(
            logged[f"reconstruction/beside_input/image/{index}"],
            logged[f"reconstruction/difference/image/{index}"],
            strict=True,
        ):
            assert image.step == beside.step
            left, right = np.split(beside.pixels.astype(float) / 255, 2, axis=1)
            expected = np.clip(127.75 + 2 * 255.5 * (right - left), 0, 255)
            inside = (right > 0) & (right < 1)  # elsewhere the reconstruction was clipped
            assert np.abs(image.pixels - expected)[inside].max() < 4  # of two rounded numbers


def test_the_mask_is_in_the_colours_of_its_classes(logged: Images) -> None:
    for index, mask in enumerate(CLASS_COLORS[segment(photographs())]):
        [image] = logged[f"segmentation/classes/image/{index}"]
        assert (image.pixels == mask).all(-1).mean() > 0.999


def test_the_error_is_a_scalar(logdir: Path) -> None:
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    accumulator = event_accumulator.EventAccumulator(str(logdir))
    accumulator.Reload()
    points = accumulator.Scalars("reconstruction/mean_squared_error")
    assert [point.step for point in points] == [1, 2, 4, 8, 16]
    values = [point.value for point in points]
    assert values == sorted(values, reverse=True)


def test_by_default_it_goes_where_the_help_says_and_says_how_to_see_it(
    tmp_path: Path, capsys: Capture
) -> None:
    assert "(default: runs/demo)" in " ".join(call(capsys, "demo", "--help").out.split())
    outcome = spawn("demo", cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert "\nTo see them: tensorboard --logdir runs/demo\n" in outcome.out
    assert len(event_files(tmp_path / "runs/demo")) == 1


REFUSE_OTHER_PACKAGES = """
import sys
from importlib.metadata import packages_distributions
needed = {"tbimage", "numpy", "protobuf", "crc32c", "pillow"}
for name, owners in packages_distributions().items():
    if needed.isdisjoint(map(str.lower, owners)) and name not in ("tbimage", *sys.modules):
        sys.modules[name] = None
"""


def test_it_needs_what_tbimage_needs_and_nothing_else(tmp_path: Path) -> None:
    outcome = spawn("demo", "--logdir", tmp_path / "demo", before=REFUSE_OTHER_PACKAGES)
    assert (outcome.code, outcome.err) == (0, "")
    assert "TensorBoard is not installed here" in outcome.out  # it is refused, as all others are
