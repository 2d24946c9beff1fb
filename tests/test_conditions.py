"""Impossible conditions of ``record_if``. What they do: ``test_writer.py``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tbimage import every_n_steps, every_seconds


@pytest.mark.parametrize(
    ("make", "value", "error", "words"),
    [
        (every_n_steps, "x", TypeError, "n must be an integer of at least 1, got 'x' of type str"),
        (every_n_steps, None, TypeError, "n must be an integer of at least 1, got None"),
        (every_n_steps, 1.5, TypeError, "n must be an integer of at least 1, got 1.5"),
        (every_n_steps, True, TypeError, "n must be an integer of at least 1, got True"),
        (every_n_steps, 0, ValueError, "n must be an integer of at least 1, got 0"),
        (
            every_seconds,
            None,
            TypeError,
            "seconds must be a number of at least 0, got None of type NoneType",
        ),
        (every_seconds, True, TypeError, "seconds must be a number of at least 0, got True"),
        (every_seconds, -1, ValueError, "seconds must be a number of at least 0, got -1"),
        (every_seconds, math.nan, ValueError, "seconds must be a number of at least 0, got nan"),
    ],
)
def test_a_condition_that_makes_no_sense(
    make: Callable[[Any], object], value: object, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make(value)


def test_numbers_of_numpy_are_numbers() -> None:
    assert every_n_steps(np.int64(3))(6, "a")
    assert every_seconds(np.float32(0.5))(6, "a")
