"""Figures: the pixels that matplotlib draws, and no figure left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tbimage
from tests.kinds import written
from tests.pictures import decode

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    matplotlib.use("agg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def drawn(**options: Any) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(**{"figsize": (2, 1), "dpi": 50, **options})
    axes.plot([0, 1, 0])
    return figure


def pixels(figure: Any) -> np.ndarray[Any, Any]:
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba()).copy()


def test_pixels_are_those_that_matplotlib_draws(tmp_path: Path) -> None:
    figure = drawn()
    expected = pixels(figure)
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.figure("plot", figure, 3, description="*a* plot")
    value = written.only_value(tmp_path)
    assert (value.tag, value.image.height, value.image.width) == ("plot", 50, 100)
    assert value.metadata.summary_description == "*a* plot"
    np.testing.assert_array_equal(decode(value.image.encoded_image_string), expected[..., :3])


def test_several_figures_are_a_batch(tmp_path: Path) -> None:
    figures = [drawn(), drawn(facecolor=(1, 0, 0, 0.5))]  # one of them is transparent
    expected = [pixels(figure) for figure in figures]
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.figure("plots", figures, 0)
    values = written.values(tmp_path)
    assert [value.tag for value in values] == ["plots/image/0", "plots/image/1"]
    for value, picture in zip(values, expected, strict=True):
        found = decode(value.image.encoded_image_string)
        np.testing.assert_array_equal(found, picture[..., : found.shape[-1]])
    assert decode(values[1].image.encoded_image_string).shape[-1] == 4


def test_pyplot_forgets_a_figure_if_close_is_true(tmp_path: Path) -> None:
    import matplotlib.pyplot as plt

    figures = [drawn() for _ in range(5)]
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.figure("one", figures[0], 0)
        writer.figure("two", figures[1:3], 0)
        writer.figure("kept", figures[3], 0, close=False)
        with tbimage.record_if(False):
            assert not writer.figure("not logged", figures[4], 0)
        assert [plt.figure(number) for number in plt.get_fignums()] == [figures[3]]


def test_a_figure_of_an_application_keeps_its_canvas(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1), dpi=20)
    canvas = figure.canvas
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.figure("plot", figure, 0)
    assert figure.canvas is canvas
    assert written.only_value(tmp_path).image.width == 20


def test_the_wire_form_is_the_writers(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path, wire="tensor") as writer:
        writer.figure("plot", drawn(), 0)
    assert list(written.only_value(tmp_path).tensor.string_val[:2]) == [b"100", b"50"]


def test_bad_input_raises_in_the_caller_and_harms_nothing(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.figure("good", drawn(), 0)
        with pytest.raises(TypeError, match=r"figure must be a matplotlib figure .* got 3 of type"):
            writer.figure("bad", 3, 0)
        with pytest.raises(TypeError, match=r"got 'plot.png' of type str"):
            writer.figure("bad", [drawn(), "plot.png"], 0)
        with pytest.raises(ValueError, match="got an empty list"):
            writer.figure("bad", [], 0)
        with pytest.raises(ValueError, match="the same size, got 50 x 100, 100 x 100 pixels"):
            writer.figure("bad", [drawn(), drawn(figsize=(2, 2))], 0)
    assert written.only_value(tmp_path).tag == "good"


def labelled(**options: Any) -> Any:
    figure = drawn(**options)
    figure.axes[0].set_ylabel("a long label that a small figure cuts off")
    figure.axes[0].set_xlabel("seconds")
    return figure


@pytest.mark.parametrize("facecolor", ["white", (1, 0, 0, 0.5)])
def test_a_tight_figure_holds_all_that_is_drawn(tmp_path: Path, facecolor: Any) -> None:
    import io

    from PIL import Image

    figure = labelled(facecolor=facecolor)
    file = io.BytesIO()
    figure.savefig(file, bbox_inches="tight", dpi=50)
    with Image.open(file) as image:
        expected = np.asarray(image)
    if facecolor == "white":
        expected = expected[..., :3]
    before = pixels(figure)
    with tbimage.SummaryWriter(tmp_path) as writer:
        writer.figure("tight", figure, 0, tight=True, close=False)
        np.testing.assert_array_equal(pixels(figure), before)
        writer.figure("plain", figure, 0)
    tight, plain = (decode(each.image.encoded_image_string) for each in written.values(tmp_path))
    np.testing.assert_array_equal(tight, expected)
    assert plain.shape[:2] == (50, 100)
    assert tight.shape[0] > 100
    edges = [tight[0], tight[-1], tight[:, 0], tight[:, -1]]
    assert all((edge == tight[0, 0]).all() for edge in edges)  # nothing is cut off


def test_tight_figures_of_different_sizes_are_refused(tmp_path: Path) -> None:
    with tbimage.SummaryWriter(tmp_path) as writer:
        with pytest.raises(ValueError, match="pass tight=False, or log them one by one"):
            writer.figure("plots", [drawn(), labelled()], 0, tight=True)
        with pytest.raises(TypeError, match="tight must be"):
            writer.figure("plot", drawn(), 0, tight="yes")  # type: ignore[arg-type]
        writer.figure("plots", [labelled(), labelled()], 0, tight=True)
    assert len(written.values(tmp_path)) == 2
