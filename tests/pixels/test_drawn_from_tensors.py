"""Drawn data may be tensors: with gradients, or in bfloat16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tbimage.pixels.drawing.boxes import draw_boxes
from tbimage.pixels.drawing.keypoints import draw_keypoints, draw_polylines
from tbimage.pixels.drawing.segmentation import draw_segmentation
from tbimage.pixels.values.pictures import Picture

PHOTO = np.zeros((20, 30, 3), np.uint8)
DRAWN: dict[str, tuple[Callable[[Any], Picture], Any]] = {
    "boxes": (lambda boxes: draw_boxes(PHOTO, boxes), [[2.0, 2.0, 9.0, 9.0]]),
    "scores": (lambda scores: draw_boxes(PHOTO, [[2, 2, 9, 9]], None, scores), [0.5]),
    "keypoints": (lambda points: draw_keypoints(PHOTO, points), [[5.0, 5.0]]),
    "instances": (lambda points: draw_keypoints(PHOTO, points), [[[5.0, 5.0]], [[9.0, 9.0]]]),
    "polylines": (lambda points: draw_polylines(PHOTO, [points]), [[5.0, 5.0], [9.0, 9.0]]),
    "segmentation": (draw_segmentation, [[[0.25, 0.75], [1.0, 0.5]]]),
}


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_tensors_in_training_draw_as_their_numbers(kind: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    draw, numbers = DRAWN[kind]
    tensor = torch.tensor(numbers, dtype=getattr(torch, dtype), requires_grad=True)
    np.testing.assert_array_equal(draw(tensor).pixels, draw(np.array(numbers)).pixels)


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("depth", [1, 2])
def test_lists_of_such_tensors_draw_as_their_numbers(kind: str, depth: int) -> None:
    torch = pytest.importorskip("torch")
    draw, numbers = DRAWN[kind]

    def taken_apart(tensor: Any, depth: int) -> Any:
        if not depth or not tensor.ndim:
            return tensor
        return [taken_apart(part, depth - 1) for part in tensor]

    tensor = torch.tensor(numbers, requires_grad=True)
    found = draw(taken_apart(tensor, depth)).pixels
    np.testing.assert_array_equal(found, draw(np.array(numbers)).pixels)


@pytest.mark.parametrize("draw", [DRAWN["boxes"][0], DRAWN["polylines"][0]])
def test_places_of_different_dtypes_go_together(draw: Callable[[Any], Picture]) -> None:
    places = [np.array([2, 2, 9, 9]), np.array([3.5, 4, 8, 9], np.float32)]
    if draw is DRAWN["polylines"][0]:
        places = [place[:2] for place in places]
    np.testing.assert_array_equal(draw(places).pixels, draw(np.array(places)).pixels)


def test_labels_on_an_accelerator_are_taken() -> None:
    class Elsewhere:
        """As a tensor of torch on a GPU."""

        def __array__(self) -> Any:
            raise TypeError("can't convert cuda:0 device type tensor to numpy")

        def tolist(self) -> list[int]:
            return [3]

    found = draw_boxes(PHOTO, [[2, 2, 9, 9]], Elsewhere()).pixels
    np.testing.assert_array_equal(found, draw_boxes(PHOTO, [[2, 2, 9, 9]], [3]).pixels)


@pytest.mark.parametrize("kind", DRAWN)
def test_masked_numbers_are_refused(kind: str) -> None:
    draw, numbers = DRAWN[kind]
    with pytest.raises((TypeError, ValueError), match="masked"):
        draw(np.ma.masked_array(numbers, np.ones(np.shape(numbers))))
