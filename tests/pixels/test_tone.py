"""Tone curves against their formulas, one value at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tbimage.pixels.values.tone import check_gamma, check_log, inverse, tone
from tests.pixels.images import EVERY_DTYPE, Array, images

GAMMAS = st.none() | st.floats(0.1, 10)
LOGS = st.none() | st.floats(0.1, 1e6)


def curve(t: float, gamma: float | None, log: float | None) -> float:
    t = min(max(t, 0.0), 1.0)
    if log is not None:
        t = math.log1p(log * t) / math.log1p(log)
    return t ** (1 / gamma) if gamma is not None else t


@given(images(EVERY_DTYPE), st.floats(-10, 10), st.floats(0.01, 300), GAMMAS, LOGS)
def test_the_curves(
    image: Array, low: float, span: float, gamma: float | None, log: float | None
) -> None:
    high = low + span
    toned = tone(image, (low, high), gamma, log)
    assert toned.dtype == np.float32
    for value, found in zip(image.ravel().tolist(), toned.ravel().tolist(), strict=True):
        if not math.isfinite(value):
            assert math.isnan(found)
            continue
        t = (float(value) - low) / span
        # The steep start of a curve magnifies the rounding of float32.
        near = [curve(t * (1 + e) + d, gamma, log) for e in (-1e-5, 1e-5) for d in (-2e-6, 2e-6)]
        assert min(near) - 1e-4 <= found <= max(near) + 1e-4


@given(GAMMAS, LOGS)
def test_both_ends_stay_and_order_stays(gamma: float | None, log: float | None) -> None:
    ramp = np.linspace(0, 1, 200).reshape(1, -1, 1)
    toned = tone(ramp, (0.0, 1.0), gamma, log).ravel()
    assert toned[0] == 0
    assert abs(toned[-1] - 1) < 1e-5
    assert (np.diff(toned) >= -1e-6).all()


def test_more_is_brighter() -> None:
    dark = np.full((1, 1, 1), 0.1)
    assert tone(dark, (0, 1), gamma=2.2) > tone(dark, (0, 1)) > tone(dark, (0, 1), gamma=0.5)
    assert tone(dark, (0, 1), log=1000.0) > tone(dark, (0, 1), log=10.0) > tone(dark, (0, 1))


@pytest.mark.parametrize("limits", [(5.0, 5.0), (-1e308, 1e308), (1.0, 1.0 + 1e-12), (0.0, 1e300)])
def test_odd_ranges_give_no_fault(limits: tuple[float, float]) -> None:
    values = np.array([[[limits[0]], [limits[1]], [0.0]]])
    toned = tone(values, limits, 2.2)
    assert np.isfinite(toned).all()
    middle = 0.5 ** (1 / 2.2)
    expected = [middle, middle] if limits[0] == limits[1] else [0.0, 1.0]
    np.testing.assert_allclose(toned.ravel()[:2], expected, atol=1e-6)


@given(st.floats(0, 1), st.floats(-5, 5), st.floats(0.1, 50), GAMMAS, LOGS)
@example(0.0625, 4.0, 1.0, 10.0, 20315.0)
def test_the_inverse_leads_back(
    fraction: float, low: float, span: float, gamma: float | None, log: float | None
) -> None:
    value = inverse(fraction, (low, low + span), gamma, log)
    rounding = 2 * np.spacing(abs(low) + span) / span  # of the value, which a curve may magnify
    unit = (value - low) / span
    least, most = (curve(unit + way * rounding, gamma, log) for way in (-1, 1))
    assert least - 1e-6 <= fraction <= most + 1e-6


@pytest.mark.parametrize("check", [check_gamma, check_log])
def test_strengths(check: Any) -> None:
    assert check(None) is None
    assert check(2) == 2.0
    for wrong in (0, -1.0, math.nan, math.inf, 1e13, 10**400):
        with pytest.raises(ValueError, match=r"must be a number more than 0"):
            check(wrong)
    for no_number in ("2", [2.0], 1j):
        with pytest.raises(TypeError, match=r"must be a number more than 0 .*or None, got"):
            check(no_number)


def test_true_is_three_decades_and_no_gamma() -> None:
    assert check_log(True) == 1000.0
    assert check_log(False) is None
    with pytest.raises(TypeError, match="gamma must be a number"):
        check_gamma(True)
