"""Convert array-like objects to NumPy arrays, and tell whether their memory needs a copy.

Rules:
- This module imports no framework. It calls the methods of the object, and looks for classes in
  ``sys.modules``. A program that has an object of a class has imported the module of the class.
- Memory that NumPy can view is not copied.
- Values are not changed. If NumPy does not have the type of the values, they are converted to a
  wider type that can represent all of them (bfloat16 becomes float32). If there is no wider type,
  an error is raised. Long double becomes float64. Values beyond the range of float64 then become
  infinite, and are reported as infinite values.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbimage.pixels.arrays import pil_images
from tbimage.pixels.arrays.copies import copy_of
from tbimage.pixels.arrays.pil_images import from_pil

Array = NDArray[Any]

_FIX = (
    "pass a NumPy array, nested lists of numbers, an object with __array__ or DLPack (torch, JAX, "
    "TensorFlow, CuPy, …), a PIL image or a matplotlib figure"
)


# Key: dtype.kind. Value: the advice in the error about data that cannot become levels.
_FIXES = {
    "c": "log its absolute values, angles, real or imaginary parts",
    "O": "convert it to one array of numbers, for instance with np.stack",
    "M": "convert it to numbers, for instance with {}.astype('int64')",
    "m": "convert it to numbers, for instance with {}.astype('int64')",
}


def check_dtype(dtype: np.dtype[Any], argument: str = "data") -> None:
    """Raise a TypeError if values of a dtype cannot become levels."""
    if dtype.kind in "biuf":
        return
    fix = _FIXES.get(dtype.kind, "convert it to an array of numbers").format(argument)
    raise TypeError(f"{argument} has dtype {dtype}; expected bool, integers or floats: {fix}")


def as_array(data: object, argument: str = "data") -> Array:
    """Return an array of the bools, integers or floats of an object, as a view if possible.

    The function accepts NumPy arrays (any strides and byte order), nested lists of numbers or of
    arrays of the same shape, and objects with ``__array__``, the buffer protocol or DLPack. It also
    accepts torch tensors (even if they require grad or are on an accelerator), CuPy arrays
    (``get()``), PIL images in any mode, and matplotlib figures.

    PIL images become arrays HW (modes 1, L, I, F, I;16) or HWC. Palettes, and colour spaces that
    PNG does not have, become RGB. Images with transparency become LA or RGBA. Figures are drawn as
    RGB, or as RGBA if a pixel is not opaque.

    Raises a TypeError for other objects, and for values that are complex numbers, Python objects
    (dtype object), strings or dates. Raises a ValueError for ragged lists and for masked elements.
    The error messages contain ``argument``.
    """
    array = _converted(data, argument)
    dtype = array.dtype
    if dtype.kind in "biuf" and dtype.char != _LONG_DOUBLE:
        return array  # the usual case
    wider = _wider_type(dtype)
    if wider is not None:
        with np.errstate(over="ignore"):
            array = array.astype(wider)
    check_dtype(array.dtype, argument)
    return array


def as_numbers(data: object, argument: str = "data") -> Array:
    """Return an array of numbers whose meaning is the same in every dtype, such as coordinates.

    The arrays in a list may have different dtypes, which :func:`as_array` does not allow.
    """
    if isinstance(data, (list, tuple)) and not isinstance(_leaf(data), _NUMBERS):
        return np.asarray([as_numbers(part, argument) for part in data])
    return as_array(data, argument)


def real_numbers(values: object, argument: str) -> NDArray[np.float64]:
    """Return a new array of real numbers, such as coordinates; errors contain ``argument``."""
    try:
        return np.array(as_numbers(values, argument), np.float64)
    except (TypeError, ValueError, Warning) as error:  # NumPy 1.23 warns about ragged lists
        raise TypeError(
            f"{argument} must be an array of real numbers, or equally long lists of them, got "
            f"{type(values).__name__} ({error})"
        ) from None


def is_immutable(data: object, array: Array) -> bool:
    """Tell whether the memory of an array never changes, so that a copy is not needed.

    ``array`` is the result of ``as_array(data)``, or of ``layouts.arrange`` for it, or a view of
    such a result. The answer is True for:
    - memory that ``as_array`` allocates (for lists, PIL images, figures, bfloat16, and arrays on an
      accelerator)
    - memory that ``arrange`` allocates (for BGRA)
    - memory of JAX and of bytes objects
    - arrays that own their memory and are read-only

    The rule for read-only arrays is a convention: a caller that sets
    ``array.flags.writeable = False`` promises that nobody writes to the memory through older views.
    """
    if type(data) is np.ndarray and data.dtype is array.dtype and array.flags.writeable:
        return False  # the usual case: 0.1 µs here, 2 µs with the code below
    if isinstance(data, (list, tuple)) or _lives_elsewhere(data):
        return True
    if any(_is_a(data, class_) for class_ in _DRAWN) or _is_a(data, _JAX_ARRAY):
        return True
    if _wider_type(getattr(data, "dtype", None)) is not None:
        return True
    owner: object = array
    while isinstance(owner, (np.ndarray, memoryview)):
        below = owner.base if isinstance(owner, np.ndarray) else owner.obj
        if below is None:
            break
        owner = below
    if isinstance(owner, np.ndarray):
        return owner.flags.owndata and not owner.flags.writeable and not array.flags.writeable
    return isinstance(owner, bytes) or _is_a(owner, _JAX_ARRAY)


def snapshot(data: object, array: Array) -> Array:
    """Return an array whose memory never changes: the array itself if it is immutable, else a copy.

    The copy has the memory order of the array, so that a transposed view is also copied fast.
    """
    return array if is_immutable(data, array) else copy_of(array)


def upright(data: object) -> tuple[object, int]:
    """Apply the EXIF orientation to a PIL image or to a list of them; count the changed images."""
    if isinstance(data, np.ndarray):
        return data, 0
    images = data if isinstance(data, (list, tuple)) else [data]
    turned = [pil_images.upright(each) if _is_a(each, _PIL_IMAGE) else each for each in images]
    count = sum(new is not old for new, old in zip(turned, images, strict=True))
    if not count:
        return data, 0
    return turned if images is data else turned[0], count


def _converted(data: object, argument: str) -> Array:
    if type(data) is np.ndarray:
        return data
    for class_, convert in _SPECIAL.items():
        if _is_a(data, class_):
            return convert(data)
    if isinstance(data, np.ndarray):
        return _without_mask(data, argument)
    if isinstance(data, (list, tuple)):
        return _from_sequence(data, argument)
    if isinstance(data, (str, bytes, os.PathLike)):
        raise TypeError(
            f"{argument} is or contains {_named(data)}, but paths and encoded pictures are no "
            "numbers: log them one by one, or open them with PIL first"
        )
    return _from_protocol(data, argument)


def _named(data: object) -> str:
    return f"a {type(data).__module__}.{type(data).__qualname__}"


# --- classes of modules that may not be loaded ----------------------------------------------------


def _is_a(data: object, class_: tuple[str, str]) -> bool:
    """Tell whether an object is of a class (module, name), without importing the module."""
    found = getattr(sys.modules.get(class_[0]), class_[1], None)
    return isinstance(found, type) and isinstance(data, found)


def _from_figure(figure: Any) -> Array:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    # FigureCanvasAgg replaces the canvas of the figure. The old canvas is restored afterwards,
    # because the caller's window may use it.
    canvas, stale = figure.canvas, figure.stale
    try:
        agg: Any = FigureCanvasAgg(figure)
        agg.draw()
        pixels: Array = np.asarray(agg.buffer_rgba())
    finally:
        figure.set_canvas(canvas)
        figure.stale = stale
    channels = 3 if (pixels[..., 3] == 255).all() else 4
    return np.array(pixels[..., :channels])


_PIL_IMAGE = ("PIL.Image", "Image")
_FIGURE = ("matplotlib.figure", "Figure")
_JAX_ARRAY = ("jax", "Array")

_SPECIAL: dict[tuple[str, str], Callable[[Any], Array]] = {
    _PIL_IMAGE: from_pil,
    _FIGURE: _from_figure,
}

# The classes of objects whose arrays are always in new memory.
_DRAWN = (_PIL_IMAGE, _FIGURE)


# --- lists ----------------------------------------------------------------------------------------


# For nested lists of numbers, ``_leaf`` returns an object of one of these types. If the innermost
# list is empty, ``_leaf`` returns this list.
_NUMBERS = (list, tuple, bool, int, float, complex, np.generic)


def _without_mask(data: Any, argument: str) -> Array:
    if _is_a(data, ("numpy.ma", "MaskedArray")):
        masked = int(np.ma.getmaskarray(data).sum())
        if masked:
            raise ValueError(
                f"{argument} is a masked array, and {masked} of its {data.size} elements are "
                f"masked; expected none: give them a value with {argument}.filled(value)"
            )
    return np.asarray(data)


def _leaf(data: Any) -> object:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _from_sequence(data: Sequence[Any], argument: str) -> Array:
    if isinstance(_leaf(data), _NUMBERS):
        return _from_numbers(data, argument)
    arrays = [as_array(part, argument) for part in data]
    shapes = dict.fromkeys(array.shape for array in arrays)
    if len(shapes) > 1:
        raise _ragged(shapes, argument)
    dtypes = dict.fromkeys(array.dtype for array in arrays)
    if len(dtypes) > 1 and any(dtype.kind != "f" for dtype in dtypes):
        raise TypeError(
            f"{argument} is a list of arrays of dtypes {', '.join(map(str, dtypes))}, in which "
            "equal values mean different levels; expected one dtype: convert the arrays to one"
        )
    return np.stack(arrays)


def _from_numbers(data: Sequence[Any], argument: str) -> Array:
    """Return nested lists of numbers as an array."""
    try:
        array = np.array(data)
    except (ValueError, Warning):  # NumPy 1.23 warns, and a filter may make it an error
        array = np.array(None)
    if array.dtype.kind == "O":
        _shape(data, argument)  # its error for ragged lists is clearer than that of NumPy
    return array


def _shape(data: object, argument: str) -> tuple[int, ...]:
    """Return the shape of nested lists; raise a ValueError if the lists are ragged."""
    if not isinstance(data, (list, tuple)):
        return np.shape(data) if isinstance(data, np.ndarray) else ()
    shapes = dict.fromkeys(_shape(part, argument) for part in data)
    if len(shapes) > 1:
        raise _ragged(shapes, argument)
    return (len(data), *next(iter(shapes), ()))


def _ragged(shapes: dict[tuple[int, ...], None], argument: str) -> ValueError:
    shown = ", ".join(map(str, list(shapes)[:5])) + (", …" if len(shapes) > 5 else "")
    return ValueError(
        f"{argument} is ragged: a list in it has elements of the shapes {shown}; expected equal "
        "shapes: log arrays of unequal size one by one"
    )


# --- protocols ------------------------------------------------------------------------------------

_LONG_DOUBLE = "g"  # dtype.char

# Wider types for the types that NumPy lacks. Key: the start of the name of the missing type. Value:
# a NumPy type that can represent all values of the missing type.
_WIDER_TYPES: dict[str, np.dtype[Any]] = {
    "bfloat16": np.dtype(np.float32),
    "float8_": np.dtype(np.float32),
    "float6_": np.dtype(np.float32),
    "float4_": np.dtype(np.float32),
    "int4": np.dtype(np.int8),
    "int2": np.dtype(np.int8),
    "uint4": np.dtype(np.uint8),
    "uint2": np.dtype(np.uint8),
}


def _wider_type(dtype: Any) -> np.dtype[Any] | None:
    """Return the wider type for a dtype of any framework, or None if the dtype is kept."""
    if dtype is None:
        return None
    if isinstance(dtype, np.dtype) and dtype.kind != "V":
        return np.dtype(np.float64) if dtype.char == _LONG_DOUBLE else None
    name = str(getattr(dtype, "name", dtype)).removeprefix("torch.")
    for start, wider in _WIDER_TYPES.items():
        if name.startswith(start):
            return wider
    return None


def _lives_elsewhere(data: object) -> bool:
    """Tell whether a tensor is on an accelerator, so that its array is a copy."""
    return getattr(getattr(data, "device", None), "type", "cpu") != "cpu"


# The exceptions that a conversion raises if an object cannot become an array.
_FAILURES = (AttributeError, BufferError, RuntimeError, TypeError, ValueError)


def _from_protocol(data: object, argument: str) -> Array:
    reasons = []
    try:
        host = _on_the_host(data)
    except _FAILURES as error:
        host = None
        reasons.append(str(error))
    for attribute, convert in _PROTOCOLS:
        try:
            array = convert(host) if hasattr(host, attribute) else None
        except _FAILURES as error:
            reasons.append(f"{attribute}: {error}")
        else:
            if isinstance(array, np.ndarray):
                return np.asarray(array)
    because = f" ({'; '.join(reasons)})" if reasons else ""
    raise TypeError(f"{argument} is {_named(data)}, which cannot become an array{because}: {_FIX}")


def _on_the_host(data: Any) -> Any:
    """Detach a torch tensor, and move it to the CPU. Return other objects unchanged."""
    if not callable(getattr(data, "detach", None)):
        return data
    data = data.detach()
    # In torch, a flag can mark a view as conjugated or negated. NumPy does not know these flags.
    for method in ("cpu", "resolve_conj", "resolve_neg"):
        if callable(getattr(data, method, None)):
            data = getattr(data, method)()
    if _wider_type(getattr(data, "dtype", None)) and callable(getattr(data, "float", None)):
        data = data.float()
    return data


def _from_dlpack(data: Any) -> Array:
    try:
        return np.from_dlpack(data)
    except _FAILURES:
        # With ``device``, the object may return a copy. This argument is new in NumPy 2.1.
        return np.from_dlpack(data, device="cpu")


def _from_buffer(data: Any) -> Array | None:
    try:
        return np.asarray(memoryview(data))
    except TypeError:
        return None


# The ways to convert an object, in the order in which they are tried. CuPy raises errors for
# __array__ and for DLPack to the CPU. Only its get() returns a copy on the CPU.
_PROTOCOLS: tuple[tuple[str, Callable[[Any], object]], ...] = (
    ("__array__", np.asarray),
    ("__array_interface__", np.asarray),
    ("__dlpack__", _from_dlpack),
    ("numpy", lambda data: data.numpy()),
    ("get", lambda data: data.get()),
    ("__float__", np.asarray),
    ("__class__", _from_buffer),  # before Python 3.12, buffers have no special attribute
)
