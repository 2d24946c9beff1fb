"""Numbers, choices, flags and colours: one rule for all functions of tbimage.visual."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

from tbimage import visual

GRAY = np.linspace(0, 1, 12 * 14).reshape(12, 14)
BOX = [[2.0, 2.0, 9.0, 9.0]]
POINTS = [[[2.0, 3.0], [9.0, 4.0], [5.0, 5.0]]]

CALLS: dict[str, Callable[..., Any]] = {
    "animation": partial(visual.animation, np.stack([GRAY, GRAY[::-1]])),
    "boxes": partial(visual.boxes, GRAY, BOX, ["cat"], [0.5]),
    "caption": partial(visual.caption, GRAY, "text"),
    "class_color": visual.class_color,
    "colorbar": partial(visual.colorbar, GRAY, [0, 1]),
    "colorize": partial(visual.colorize, GRAY.astype(np.uint8)),
    "colormap_table": visual.colormap_table,
    "compare": partial(visual.compare, [GRAY, GRAY / 2]),
    "enlarge": partial(visual.enlarge, GRAY[..., np.newaxis]),
    "feature_maps": partial(visual.feature_maps, np.stack([GRAY] * 5, axis=-1)),
    "grid": partial(visual.grid, [GRAY] * 3, titles=["a", "b", "c"]),
    "image": partial(visual.image, GRAY),
    "keypoints": partial(visual.keypoints, GRAY, POINTS),
    "legend": partial(visual.legend, GRAY, [("sky", (0, 0, 255))]),
    "legend_entries": partial(visual.legend_entries, (GRAY * 4).astype(int)),
    "polylines": partial(visual.polylines, GRAY, POINTS),
    "segmentation": partial(visual.segmentation, (GRAY * 4).astype(int), GRAY),
}


class Argument(NamedTuple):
    function: str
    name: str
    kind: str  # "integer", "number", "flag", "color" or "choice"
    good: Any
    outside: tuple[Any, ...] = ()  # of the right type
    optional: bool = False

    def __call__(self, value: Any) -> Any:
        return CALLS[self.function](**{self.name: value})


LOOKS = ["animation", "compare", "image"]
ARGUMENTS = [
    Argument("animation", "fps", "number", 2.0, (0, -1, 60.5, math.nan, math.inf)),
    Argument("animation", "format", "choice", "gif", ("GIF", "mp4", "")),
    Argument("boxes", "format", "choice", "xywh", ("XYXY", "yxyx")),
    Argument("boxes", "normalized", "flag", True),
    Argument("boxes", "size", "integer", 13, (0, -1), optional=True),
    Argument("boxes", "width", "integer", 3, (0, -1), optional=True),
    Argument("caption", "margin", "integer", 3, (-1,), optional=True),
    Argument("caption", "size", "integer", 13, (0, -1), optional=True),
    Argument("class_color", "index", "integer", 3),
    Argument("colorbar", "colormap", "choice", "magma", ("virids", ""), optional=True),
    Argument("colorbar", "size", "integer", 13, (0,), optional=True),
    Argument("colorize", "colormap", "choice", "magma", ("virids",)),
    Argument("colormap_table", "colormap", "choice", "magma", ("virids",)),
    Argument("compare", "diff", "choice", "signed", ("squared",), optional=True),
    Argument("enlarge", "factor", "integer", 3, (0, -1)),
    Argument("feature_maps", "colormap", "choice", "magma", ("virids",), optional=True),
    Argument("feature_maps", "columns", "integer", 2, (0, -1), optional=True),
    Argument("feature_maps", "max_maps", "integer", 2, (0, -1), optional=True),
    Argument("feature_maps", "nan_color", "color", (9, 8, 7), ((0, 0, 256), (-1, 0, 0))),
    Argument("feature_maps", "normalize", "choice", "image", ("maps", "minmax", (3, 2))),
    Argument("grid", "background", "color", (9, 8, 7), ((0, 0, 256), (-1, 0, 0))),
    Argument("grid", "columns", "integer", 2, (0, -1), optional=True),
    Argument("grid", "padding", "integer", 3, (-1,)),
    Argument("grid", "size", "integer", 13, (0,), optional=True),
    Argument("keypoints", "normalized", "flag", True),
    Argument("keypoints", "radius", "number", 2.0, (0, -1, math.nan, math.inf), optional=True),
    Argument("legend", "size", "integer", 13, (0,), optional=True),
    Argument("legend_entries", "ignore_index", "integer", 2, (), optional=True),
    Argument("polylines", "closed", "flag", True),
    Argument("polylines", "normalized", "flag", True),
    Argument("polylines", "width", "number", 2.0, (0, -1, math.nan, math.inf), optional=True),
    Argument("segmentation", "alpha", "number", 0.25, (-0.5, 1.5, math.nan)),
    Argument("segmentation", "ignore_index", "integer", 2, (), optional=True),
    Argument("segmentation", "nan_color", "color", (9, 8, 7), ((0, 0, 256), (-1, 0, 0))),
    Argument("segmentation", "outlines", "flag", True),
    *(
        Argument(function, *rest)
        for function in LOOKS
        for rest in (
            ("colorbar", "flag", True),
            ("colormap", "choice", "magma", ("virids", ""), True),
            ("gamma", "number", 2.0, (0, -1, 1e7, math.nan, math.inf), True),
            ("log", "number", 8.0, (0, -1, 1e13, math.nan, math.inf), True),
            ("max_side", "integer", 7, (0, -1), True),
            ("nan_color", "color", (9, 8, 7), ((0, 0, 256), (-1, 0, 0))),
            ("scale", "number", 2.0, (0, -1, 1e10, math.nan, math.inf), True),
            ("value_range", "choice", "byte", ("mimmax", (3, 2), (0, math.nan)), True),
        )
    ),
]

#: Arguments that are data, text or colours of data, which have their own tests.
OTHERS = {
    "animation": {"layout", "look"},
    "boxes": {"colors", "classes"},
    "compare": {"titles", "look"},
    "grid": {"titles"},
    "image": {"layout", "look"},
    "keypoints": {"skeleton", "colors"},
    "label_color": {"label"},
    "legend_entries": {"names"},
    "polylines": {"colors"},
}

WRONG: dict[str, list[Any]] = {
    "integer": [True, np.True_, "3", b"3", 1.5, 3.0, np.float32(3), 1j, object(), None],
    "number": [True, np.True_, "0.5", b"1", 1j, object(), None],
    "flag": [1, 0, "yes", 1.0, None, np.int64(1)],
    "color": [7, "red", (1, 2), (1, 2, 3, 4), (1.0, 2, 3), (True, 2, 3), None],
    "choice": [1, b"x", ["a"], np.array(["a", "b"]), None],
}
EQUAL: dict[str, list[Callable[[Any], Any]]] = {
    "integer": [np.int8, np.uint64, np.array],
    "number": [np.float32, np.float64, np.array, Decimal],
    "flag": [np.bool_, np.array],
    "color": [list, np.array, partial(np.array, dtype=np.uint8)],
    "choice": [np.str_],
}


def name(each: Any) -> str:
    if isinstance(each, Argument):
        return f"{each.function}.{each.name}"
    return re.sub(" at 0x[0-9a-f]+", "", repr(each))  # the same in each process


def cases(table: dict[str, list[Any]]) -> list[Any]:
    return [(each, case) for each in ARGUMENTS for case in table[each.kind]]


def pixels_of(result: Any) -> Any:
    """The comparable parts of a result."""
    picture = getattr(result, "picture", result)
    pixels = getattr(picture, "pixels", picture)
    return pixels.tolist() if isinstance(pixels, np.ndarray) else pixels


def test_every_argument_is_in_the_table() -> None:
    known = {(each.function, each.name) for each in ARGUMENTS}
    for function in visual.__all__:
        value = getattr(visual, function)
        if not inspect.isfunction(inspect.unwrap(value)):
            continue
        names = inspect.signature(value).parameters
        given = getattr(CALLS.get(function), "args", ())
        checked = list(names)[len(given) :]
        missing = {each for each in checked if (function, each) not in known}
        assert missing == OTHERS.get(function, set()), function


@pytest.mark.parametrize("argument", ARGUMENTS, ids=name)
def test_a_good_value_is_taken(argument: Argument) -> None:
    argument(argument.good)
    if argument.optional:
        argument(None)


@pytest.mark.parametrize(("argument", "convert"), cases(EQUAL), ids=name)
def test_numpy_scalars_and_arrays_of_rank_0_are_numbers(
    argument: Argument, convert: Callable[[Any], Any]
) -> None:
    assert pixels_of(argument(convert(argument.good))) == pixels_of(argument(argument.good))


@pytest.mark.parametrize(("argument", "wrong"), cases(WRONG), ids=name)
def test_errors_of_type_name_the_argument_and_the_value(argument: Argument, wrong: Any) -> None:
    if argument.name == "log" and isinstance(wrong, (bool, np.bool_)):
        return  # three decades
    if argument.optional and wrong is None:
        return
    expected = (TypeError, ValueError) if argument.kind == "choice" else TypeError
    with pytest.raises(expected) as caught:
        argument(wrong)
    message = str(caught.value)
    assert message.startswith(f"{argument.name} must be "), message
    assert ", got " in message


@pytest.mark.parametrize("argument", ARGUMENTS, ids=name)
def test_an_array_with_one_element_is_no_number(argument: Argument) -> None:
    if argument.kind not in ("integer", "number", "flag"):
        return
    with pytest.raises(TypeError, match=rf"^{argument.name} must be .*pass {argument.name}\.item"):
        argument(np.array([argument.good]))


@pytest.mark.parametrize(
    ("argument", "outside"),
    [(each, outside) for each in ARGUMENTS for outside in each.outside],
    ids=name,
)
def test_errors_of_range_name_the_argument_and_the_value(argument: Argument, outside: Any) -> None:
    with pytest.raises(ValueError, match=f"^{argument.name} must be .*, got ") as caught:
        argument(outside)
    assert re.search(re.escape(str(outside)), str(caught.value))


def test_titles_and_entries_are_strings() -> None:
    for call in (visual.grid, visual.compare):
        with pytest.raises(TypeError, match=r"^titles must be a list of strings.*, got 'ab'"):
            call([GRAY, GRAY], titles="ab")
        with pytest.raises(TypeError, match=r"^titles must be a string, got 1 of type int"):
            call([GRAY, GRAY], titles=["a", 1])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"^entries must be a string, got 1 of type int"):
        visual.legend(GRAY, [(1, (0, 0, 0))])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"^entries must be .*0\.\.255"):
        visual.legend(GRAY, [("sky", (0, 0, 256))])
    with pytest.raises(TypeError, match=r"^text must be a string, got b'x' of type bytes"):
        visual.caption(GRAY, b"x")  # type: ignore[arg-type]


#: Arguments with several items, and items that they cannot have.
SEVERAL: list[tuple[str, Callable[[Any], Any], list[Any]]] = [
    ("classes", lambda value: visual.boxes(GRAY, BOX, [0], classes=value), [{"x": "a"}]),
    ("colors", lambda value: visual.boxes(GRAY, BOX, colors=value), [["red"], [(1, 2, 3), (4,)]]),
    ("entries", lambda value: visual.legend(GRAY, value), [[("sky",)], [3]]),
    ("images", visual.compare, []),
    ("images", visual.grid, []),
    ("labels", lambda value: visual.boxes(GRAY, BOX, value), [[0.5], [None]]),
    ("names", lambda value: visual.legend_entries(np.eye(3, dtype=int), value), [{None: "a"}]),
    ("skeleton", lambda value: visual.keypoints(GRAY, POINTS, skeleton=value), [[1], [(0, 0.5)]]),
    ("titles", lambda value: visual.grid([GRAY], titles=value), [[1]]),
    ("values", lambda value: visual.colorbar(GRAY, value), [["0", "1"]]),
]


@pytest.mark.parametrize(
    ("argument", "call", "wrong"),
    [(name, call, wrong) for name, call, items in SEVERAL for wrong in (5, "text", *items)],
    ids=name,
)
def test_arguments_with_several_items(
    argument: str, call: Callable[[Any], Any], wrong: Any
) -> None:
    with pytest.raises(TypeError, match=rf"^{argument} must be .*, got "):
        call(wrong)


@pytest.mark.parametrize("values", [[], [1]])
def test_a_bar_has_two_values(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"^values must be two numbers or more, got"):
        visual.colorbar(GRAY, values)
    with pytest.raises(TypeError, match=r"^values must be a number"):
        visual.colorbar(GRAY, ["0", "1"])  # type: ignore[list-item]
