"""CRC32C from the package ``crc32c``, without importing the whole package.

``import crc32c`` also imports the package's command line and reads the package's metadata. This
takes 40 of the 200 ms that a program needs for its first image. Importing only the extension module
takes 1 ms.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from typing import Protocol

from tbimage.buffers import Piece


class _Crc32c(Protocol):
    def __call__(self, data: Piece, start: int = ..., /) -> int: ...


def _find() -> _Crc32c:
    if "crc32c" not in sys.modules:
        try:
            return _of_extension()
        except (AttributeError, ImportError):
            pass  # another release may lack ``_crc32c``, or the package may be in a zip file
    from crc32c import crc32c

    return crc32c


def _of_extension() -> _Crc32c:
    package = PathFinder.find_spec("crc32c")
    directories = package and package.submodule_search_locations
    spec = directories and PathFinder.find_spec("crc32c._crc32c", directories)
    if not spec or spec.loader is None:
        raise ImportError("the package crc32c has no module _crc32c")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    function: _Crc32c = module.crc32c
    return function


#: Computes the CRC32C of bytes; ``start`` is the CRC32C of the bytes before them.
crc32c: _Crc32c = _find()
