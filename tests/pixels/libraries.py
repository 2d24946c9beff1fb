"""Choose the encoder, as if the compiled encoder and isal were installed or not."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest

from tbimage.pixels.png import libraries
from tbimage.pixels.png.deflate import Method

LIBRARIES = ["kernel", "igzip", "zlib"]
#: Those that leave the choice of filter and method to Python.
SLOWER_LIBRARIES = ["igzip", "zlib"]

#: Those that need isal.
METHODS_OF_IGZIP = (Method.IGZIP, Method.IGZIP_NEAR)


@contextmanager
def library(name: str) -> Iterator[None]:
    """Encode by ``"kernel"`` or ``"igzip"``, which must be there, or by ``"zlib"`` alone."""
    if name == "kernel":
        if libraries.kernel() is None:
            pytest.skip("there is no compiled encoder")
        yield
        return
    if name == "igzip":
        pytest.importorskip("isal")
    hidden = {"isal": None} if name == "zlib" else {}
    try:
        with (
            mock.patch.dict(os.environ, {"TBIMAGE_PURE": "1"}),
            mock.patch.dict(sys.modules, hidden),
        ):
            libraries.forget()
            yield
    finally:
        libraries.forget()
