"""Argument checks: one rule for bool, NumPy scalars, 0-d and one-element arrays."""

from __future__ import annotations

import datetime
import math
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tbimage import checks

ANY = -math.inf

INTEGERS = [3, np.int8(3), np.uint64(3), np.array(3), np.array(3, np.uint16)]
FLOATS = [3.0, np.float16(3), np.longdouble(3), np.array(3.0), Decimal(3), Fraction(3)]
REALS = [*INTEGERS, *FLOATS]
FLAGS = [True, np.True_, np.array(True)]
NEITHER = [
    "3",
    b"3",
    bytearray(b"3"),
    memoryview(b"3"),
    np.str_("3"),
    np.array("3"),
    None,
    [3],
    (3,),
    {3},
    object(),
    int,
    3j,
    np.complex64(3),
    np.datetime64(3, "ns"),
    np.timedelta64(3, "ns"),
    datetime.timedelta(3),
]
WITH_AXES = [np.array([3]), np.array([[3]]), np.array([True]), np.array([3.0]), np.array([3, 4])]


def integer(value: object) -> int:
    return checks.integer("it", value, ANY)


def number(value: object) -> float:
    return checks.number("it", value, ANY)


def positive(value: object) -> float | None:
    return checks.positive("it", value, 10)


def seconds(value: object) -> float:
    return checks.seconds("it", value)


def flag(value: object) -> bool:
    return checks.flag("it", value)


def error_of(check: Callable[[Any], Any], value: object) -> str:
    with pytest.raises(TypeError) as caught:
        check(value)
    return str(caught.value)


@pytest.mark.parametrize("value", INTEGERS, ids=repr)
def test_integers(value: object) -> None:
    checked = integer(value)
    assert (checked, type(checked)) == (3, int)


@pytest.mark.parametrize("check", [number, positive, seconds, checks.wall_time])
@pytest.mark.parametrize("value", REALS, ids=repr)
def test_real_numbers(check: Callable[[object], float], value: object) -> None:
    checked = check(value)
    assert (checked, type(checked)) == (3.0, float)


@pytest.mark.parametrize("value", FLAGS, ids=repr)
def test_flags(value: object) -> None:
    assert flag(value) is True


@pytest.mark.parametrize("value", FLOATS, ids=repr)
def test_a_real_number_is_no_integer(value: object) -> None:
    assert error_of(integer, value).startswith("it must be an integer")


@pytest.mark.parametrize("check", [integer, number, positive, seconds])
@pytest.mark.parametrize("value", FLAGS, ids=repr)
def test_a_flag_is_no_number(check: Callable[[Any], Any], value: object) -> None:
    assert f"got {value!r} of type {type(value).__name__}" in error_of(check, value)


@pytest.mark.parametrize("value", REALS, ids=repr)
def test_a_number_is_no_flag(value: object) -> None:
    assert error_of(flag, value).startswith("it must be True or False, got ")


@pytest.mark.parametrize("check", [integer, number, seconds, flag])
@pytest.mark.parametrize("value", NEITHER)
def test_values_that_are_neither_a_number_nor_a_flag(
    check: Callable[[Any], Any], value: object
) -> None:
    message = error_of(check, value)
    assert message.startswith("it must be ")
    assert f" of type {type(value).__name__}" in message


@pytest.mark.parametrize("check", [integer, number, positive, seconds, flag])
@pytest.mark.parametrize("value", WITH_AXES, ids=repr)
def test_an_array_with_axes_is_no_number(check: Callable[[Any], Any], value: Any) -> None:
    message = error_of(check, value)
    assert message.startswith("it must be ")
    assert ("; pass it.item()" in message) == (value.size == 1)


@pytest.mark.parametrize("check", [number, positive, seconds])
@pytest.mark.parametrize("value", [math.nan, np.float32("nan"), np.array(math.nan)], ids=repr)
def test_nan_is_out_of_all_bounds(check: Callable[[Any], Any], value: object) -> None:
    with pytest.raises(ValueError, match=r"it must be .*, got .*nan"):
        check(value)


def test_tensors_of_torch_follow_the_rule() -> None:
    torch = pytest.importorskip("torch")
    assert integer(torch.tensor(3)) == 3
    assert number(torch.tensor(0.5, requires_grad=True)) == 0.5
    assert flag(torch.tensor(True)) is True
    assert error_of(integer, torch.tensor([3])).endswith("pass it.item()")
    for value in (True, 1.5, 1j):
        error_of(integer, torch.tensor(value))
    for check in (integer, number, flag):
        error_of(check, torch.tensor(3, device="meta"))  # it has no value


def test_tensors_of_tensorflow_follow_the_rule() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    for make in (tensorflow.constant, tensorflow.Variable):
        assert integer(make(3)) == 3
        assert number(make(0.5)) == 0.5
        assert flag(make(True)) is True
        error_of(integer, make(True))
        assert error_of(number, make([0.5])).endswith("pass its only element")


def test_arrays_of_jax_follow_the_rule() -> None:
    jax = pytest.importorskip("jax")
    assert integer(jax.numpy.asarray(3)) == 3
    assert number(jax.numpy.asarray(0.5)) == 0.5
    assert error_of(integer, jax.numpy.asarray([3])).endswith("pass it.item()")
    error_of(integer, jax.numpy.asarray(True))
    with pytest.raises(TypeError, match="it must be an integer"):
        jax.jit(integer)(3)  # a traced array has no value


def test_an_object_with_a_shape_may_be_an_integer() -> None:
    class Count:
        shape = "round"

        def __index__(self) -> int:
            return 3

    assert error_of(integer, Count()).startswith("it must be an integer")
    Count.shape = property(lambda self: NotImplemented)  # type: ignore[assignment]
    assert "it must be" in error_of(integer, Count())


def test_bounds_belong_to_the_range_and_the_message() -> None:
    assert [checks.integer("n", each, 1, 3) for each in (1, 3)] == [1, 3]
    assert [checks.number("n", each, 0, 1) for each in (0, 0.5, 1)] == [0, 0.5, 1]
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: checks.integer("n", 0, 1, 3), "n must be an integer from 1 to 3, got 0"),
        (lambda: checks.integer("n", 4, 1, 3), "n must be an integer from 1 to 3, got 4"),
        (lambda: checks.integer("n", 0, 1), "n must be an integer of at least 1, got 0"),
        (lambda: checks.number("n", 1.5, 0, 1), "n must be a number from 0 to 1, got 1.5"),
        (lambda: checks.number("n", -1, 0), "n must be a number of at least 0, got -1"),
        (
            lambda: checks.integer("n", 0, 1, optional=True),
            "n must be an integer of at least 1, or None, got 0",
        ),
        (
            lambda: checks.positive("n", 0, 1e9, "0.5 is a half"),
            "n must be a number more than 0 and at most 1e+09, or None, got 0; 0.5 is a half",
        ),
        (lambda: checks.seconds("n", -1), "n must be seconds, 0 or more, got -1"),
        (
            lambda: checks.seconds("n", math.inf, optional=True),
            "n must be seconds, 0 or more, or None, got inf; pass None to wait without a limit",
        ),
    ]
    for check, message in cases:
        with pytest.raises(ValueError, match="n must be") as caught:
            check()
        assert str(caught.value) == message


def test_none_is_taken_where_it_is_optional() -> None:
    assert checks.integer("n", None, 1, optional=True) is None
    assert checks.number("n", None, 1, optional=True) is None
    assert checks.positive("n", None, 1) is None
    assert checks.seconds("n", None, optional=True) is None
    assert checks.description(None) is None


def test_integers_of_any_size() -> None:
    assert checks.integer("n", 10**5000, 1) == 10**5000
    for check in (positive, seconds, checks.wall_time):
        for value in (10**5000, -(10**5000)):
            with pytest.raises(ValueError, match="got a number too long to print"):
                check(value)


def test_choices() -> None:
    assert checks.choice("it", "jpeg", ("png", "jpeg")) == "jpeg"
    assert type(checks.choice("it", np.str_("png"), ("png", "jpeg"))) is str
    assert checks.choice("it", None, ("abs", None)) is None
    with pytest.raises(ValueError, match="it must be 'png' or 'jpeg', got 'jpg'; did you mean 'jp"):
        checks.choice("it", "jpg", ("png", "jpeg"))
    for value in (None, 3, True, b"png", ["png"], np.array(["png", "jpeg"]), ""):
        with pytest.raises(ValueError, match="it must be 'png' or 'jpeg', got "):
            checks.choice("it", value, ("png", "jpeg"))


@pytest.mark.parametrize(
    "value", [(1, 2, 3), [1, 2, 3], np.array([1, 2, 3], np.uint8), iter((1, np.int64(2), 3))]
)
def test_colors(value: object) -> None:
    checked = checks.color("it", value)
    assert checked == (1, 2, 3)
    assert {type(part) for part in checked} == {int}


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ((1, 2, 256), ValueError),
        ((-1, 2, 3), ValueError),
        ((1, 2), TypeError),
        ((1, 2, 3, 4), TypeError),
        ((1, 2, 3.0), TypeError),
        ((1, 2, True), TypeError),
        (np.zeros((3, 1), int), TypeError),
        ("red", TypeError),
        (5, TypeError),
        (None, TypeError),
    ],
)
def test_values_that_are_no_color(value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"it must be \(red, green, blue\), integers in 0\.\.255, got "):
        checks.color("it", value)


def test_texts() -> None:
    assert checks.text("it", "ä") == "ä"
    assert checks.name("train/loss") == "train/loss"
    assert checks.description("*mean*") == "*mean*"
    for check in (checks.name, checks.description):
        with pytest.raises(ValueError, match=r"must be valid Unicode, .* at index 1; pass "):
            check("a\ud800")
        for value in (3, b"a", np.array("a"), np.array(["a", "b"])):
            with pytest.raises(TypeError, match="must be a string"):
                check(value)
    with pytest.raises(ValueError, match="name must not be empty"):
        checks.name("")
    with pytest.raises(TypeError, match="of type bytes; decode it"):
        checks.text("it", b"a")


def test_times() -> None:
    assert 0 <= checks.wall_time(None) - datetime.datetime.now().timestamp() + 60 < 120
    with pytest.raises(TypeError, match="for a datetime, pass its timestamp"):
        checks.wall_time(datetime.datetime.now())
    for value in (math.nan, math.inf, np.float32("-inf")):
        with pytest.raises(ValueError, match=r"wall_time must be finite, got .*; pass None"):
            checks.wall_time(value)


def test_a_long_value_does_not_hide_the_message() -> None:
    for value in (
        "a" * 10**6,
        list(range(10**6)),
        np.zeros((999, 999)),
        {n: n for n in range(999)},
    ):
        message = error_of(integer, value)
        assert len(message) < 300
        assert "\n" not in message


def test_numpy_is_not_imported() -> None:
    code = (
        "import sys; from tbimage import checks; checks.integer('n', 3, 1); checks.flag('f', True);"
        "checks.wall_time(1.5); checks.name('a'); assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
