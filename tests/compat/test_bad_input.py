"""Bad arguments of torch's and tensorboardX's adapters raise in the caller and harm nothing."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tbimage.compat import tensorboardx, torch
from tests import readers
from tests.compat import faces

FACES: dict[str, Any] = {"torch": torch, "tensorboardx": tensorboardx}

POINTS = np.zeros((1, 4, 3))
CORNERS = np.array([[0, 0, 4, 4], [2, 2, 6, 6]])
IMAGE = np.zeros((3, 9, 9))

#: Each call, the class of its error, and words of its message.
BAD: dict[str, tuple[faces.Call, type[Exception], str]] = {
    "five channels": (
        lambda w: w.add_image("a", np.zeros((5, 9, 9)), 1),
        ValueError,
        r"\(5, 9, 9\)",
    ),
    "an axis missing": (lambda w: w.add_image("a", np.zeros((3, 9)), 1), ValueError, r"\(3, 9\)"),
    "no image": (
        lambda w: w.add_images("a", np.zeros((0, 3, 9, 9)), 1),
        ValueError,
        "img_tensor is a batch of no images",
    ),
    "an image of text": (lambda w: w.add_image("a", np.array([["x"]]), 1), TypeError, "dtype"),
    "a complex image": (lambda w: w.add_image("a", IMAGE + 1j, 1), TypeError, "complex"),
    "boxes of one axis": (
        lambda w: w.add_image_with_boxes("a", IMAGE, np.zeros(4), 1),
        ValueError,
        r"box_tensor must be \[boxes, 4\].* got shape \(4,\)",
    ),
    "boxes on a file": (
        lambda w: w.add_image_with_boxes("a", b"\x89PNG", CORNERS, 1),
        TypeError,
        "img_tensor is an encoded file, of type bytes, .* pass PIL.Image.open",
    ),
    "a clip of three axes": (lambda w: w.add_video("a", IMAGE, 1), ValueError, "vid_tensor must"),
    "text as scalar": (lambda w: w.add_scalar("a", "x", 1), TypeError, "scalar_value must .*'x'"),
    "None as scalar": (lambda w: w.add_scalar("a", None, 1), TypeError, "scalar_value must .*None"),
    "two scalars": (lambda w: w.add_scalar("a", [1, 2], 1), ValueError, r"got shape \(2,\)"),
    "text among scalars": (
        lambda w: w.add_scalars("a", {"b": 1.0, "c": "x"}, 1),
        TypeError,
        r"tag_scalar_dict\['c'\] must .*'x'",
    ),
    "a number as text": (lambda w: w.add_text("a", 3, 1), TypeError, "got 3 of type int"),
    "text that is no Unicode": (
        lambda w: w.add_text("a", "\udc80", 1),
        ValueError,
        "lone surrogate",
    ),
    "a tag that is no Unicode": (lambda w: w.add_text("\udc80", "a", 1), ValueError, "surrogate"),
    "a histogram of text": (lambda w: w.add_histogram("a", ["x"], 1), TypeError, "numbers"),
    "limits and counts": (
        lambda w: w.add_histogram_raw("a", 0, 1, 1, 1, 1, [1], [1, 2], 1),
        ValueError,
        r"bucket_limits and bucket_counts .* \(1,\) and \(2,\)",
    ),
    "labels and predictions": (
        lambda w: w.add_pr_curve("a", [1], [0.5, 0.5], 1),
        ValueError,
        r"labels and predictions .* got \(1,\) and \(2,\)",
    ),
    "rows of a curve": (
        lambda w: w.add_pr_curve_raw("a", [1], [1], [1], [1], [1], [1, 2], 1),
        ValueError,
        "recall",
    ),
    "vertices and colours": (
        lambda w: w.add_mesh("a", POINTS, POINTS[:, :3], global_step=1),
        ValueError,
        r"colors .*\(1, 3, 3\)",
    ),
    "vertices on a plane": (lambda w: w.add_mesh("a", POINTS[..., :2]), ValueError, "vertices"),
    "bins that are none": (
        lambda w: w.add_histogram("a", [1.0], 1, "many"),
        ValueError,
        "many.*bins",
    ),
    "hyperparameters in a list": (lambda w: w.add_hparams([], {}), TypeError, "hparam_dict must"),
    "metrics in a list": (lambda w: w.add_hparams({}, []), TypeError, "metric_dict must"),
    "a metric of text": (
        lambda w: w.add_hparams({"lr": 0.1}, {"loss": "low"}),
        TypeError,
        r"metric_dict\['loss'\] must .*'low'",
    ),
    "a chart of a wrong kind": (
        lambda w: w.add_custom_scalars({"a": {"b": ["Pie", ["c"]]}}),
        ValueError,
        "Pie",
    ),
    "a band of two": (
        lambda w: w.add_custom_scalars_marginchart(["a", "b"]),
        ValueError,
        "groups of three tags .* got 2",
    ),
    "points and labels": (
        lambda w: w.add_embedding(np.zeros((3, 2)), ["a", "b"]),
        ValueError,
        "metadata must have one label for each point, got 2 for 3 points",
    ),
    "a time that is none": (
        lambda w: w.add_text("a", "b", 1, float("nan")),
        ValueError,
        "walltime",
    ),
    "a step that is none": (lambda w: w.add_text("a", "b", "first"), ValueError, "first"),
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", BAD)
def test_bad_input_raises_in_the_caller_and_harms_nothing(
    name: str, face: str, tmp_path: Path
) -> None:
    call, error, match = BAD[name]
    with FACES[face].SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("before", 1.0, 1)
        with pytest.raises(error, match=match):
            call(writer)
        writer.add_scalar("after", 1.0, 1)
    assert set(readers.read_runs(tmp_path, "python")["."]) == {"before", "after"}


def test_a_hyperparameter_of_another_type(tmp_path: Path) -> None:
    with torch.SummaryWriter(tmp_path) as writer:
        with pytest.raises(TypeError, match=r"sizes.*\[3, 5\]"):
            writer.add_hparams({"sizes": [3, 5]}, {})
        writer.add_scalar("after", 1.0, 1)
    assert set(readers.read_runs(tmp_path, "python")["."]) == {"after"}


@pytest.mark.parametrize("face", FACES)
def test_labels_and_boxes(face: str, tmp_path: Path) -> None:
    """Peers drop all labels; the adapter warns and draws the labels that have a box."""
    with (
        pytest.warns(UserWarning, match="there are 3 labels for 2 boxes of 'a'"),
        FACES[face].SummaryWriter(str(tmp_path)) as writer,
    ):
        writer.add_image_with_boxes("a", IMAGE, CORNERS, 1, labels=["x", "y", "z"])
    assert set(readers.read_runs(tmp_path, "python")["."]) == {"a"}


@pytest.mark.parametrize("face", FACES)
def test_scalars_that_are_not_finite_are_written(face: str, tmp_path: Path) -> None:
    values = [float("nan"), float("inf"), -float("inf"), 1e300]
    with warnings.catch_warnings(), FACES[face].SummaryWriter(str(tmp_path)) as writer:
        warnings.simplefilter("error")
        for step, value in enumerate(values):
            writer.add_scalar("a", value, step)
    for loader in faces.LOADERS:
        points = readers.read_runs(tmp_path, loader)["."]["a"].points
        np.testing.assert_equal([point.value for point in points], [*values[:3], float("inf")])
