"""Choosing the library that deflates, as if isal were installed or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest

from tbimage.pixels.png.deflate import Method, igzip

LIBRARIES = ["igzip", "zlib"]

#: Those that need isal.
METHODS_OF_IGZIP = (Method.IGZIP, Method.IGZIP_NEAR)


@contextmanager
def library(name: str) -> Iterator[None]:
    """Deflate by ``"igzip"``, which must be there, or by ``"zlib"``, the import of isal failing."""
    if name == "igzip":
        pytest.importorskip("isal")
        yield
        return
    try:
        with mock.patch.dict(sys.modules, {"isal": None}):
            igzip.cache_clear()
            yield
    finally:
        igzip.cache_clear()
