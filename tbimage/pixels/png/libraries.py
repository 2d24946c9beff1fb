"""Find the library that encodes PNG files: the compiled encoder, else igzip, else zlib.

A platform wheel has the compiled encoder (kernel.c) in the directory of this file. A clone of the
repository also has it after ``pip install -e .`` on a machine with a C compiler. The encoder is
loaded when the first picture is encoded. The name of the library file contains the CRC-32 of its
bytes. So a truncated or changed file is detected before the system loads it, which could crash the
process. This module does not import NumPy.
"""

from __future__ import annotations

import functools
import os
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

#: The version of ``Job`` and of the exported functions. It must equal ABI in kernel.c.
ABI = 2
#: The prefix of the library's file name (``kernel-1a2b3c4d.so``), which hatch_build.py makes.
PREFIX = "kernel-"


class Kernel(NamedTuple):
    """The functions of the compiled encoder."""

    # Encodes the rows of each Job (kernel.py). The arguments are an array of Job and its length.
    # The result is 0 for success. The calling thread releases the GIL during the call.
    encode: Callable[[Any, int], int]
    encode_with_gil: Callable[[Any, int], int]  # the same, but the calling thread keeps the GIL
    scratch_bytes: int  # the size of the scratch memory that ``encode`` needs


def load(directory: str | None = None) -> Kernel:
    """Load the library from a directory; the default is the directory of this file.

    Raises FileNotFoundError if there is no library. Raises OSError if there are several libraries,
    or if the library is damaged, has another version, or cannot be loaded.
    """
    import ctypes

    directory = os.path.dirname(__file__) if directory is None else directory
    in_it = os.listdir(directory) if os.path.isdir(directory) else []
    names = sorted(name for name in in_it if name.startswith(PREFIX))
    if not names:
        raise FileNotFoundError(f"there is no compiled encoder in {directory}")
    if len(names) > 1:
        raise OSError(f"there are several compiled encoders in {directory}: {', '.join(names)}")
    file = os.path.join(directory, names[0])
    with open(file, "rb") as stream:
        crc = zlib.crc32(stream.read())
    if not names[0].startswith(f"{PREFIX}{crc:08x}."):
        raise OSError(f"{file} is damaged: the CRC-32 of its bytes is not the one in its name")
    try:
        library = ctypes.CDLL(file)
        start, encode = library.tbimage_kernel_start, library.tbimage_kernel_encode
        scratch_bytes = library.tbimage_kernel_scratch_bytes
        encode_with_gil = ctypes.PyDLL(file).tbimage_kernel_encode
    except AttributeError as error:  # a function is missing
        raise OSError(f"{file} is no compiled encoder: {error}") from None
    for function in (start, encode, encode_with_gil, scratch_bytes):
        function.restype = ctypes.c_int64
    encode.argtypes = encode_with_gil.argtypes = [ctypes.c_void_p, ctypes.c_int64]
    if (abi := start()) != ABI:
        raise OSError(f"{file} is of version {abi}, and {ABI} is needed: install tbimage again")
    return Kernel(encode, encode_with_gil, scratch_bytes())


@functools.cache
def _load_once() -> Kernel | OSError | None:
    if os.environ.get("TBIMAGE_PURE", "0") not in ("", "0"):
        return None
    try:
        return load()
    except FileNotFoundError:  # a pure wheel
        return None
    except OSError as error:
        return error


def kernel() -> Kernel | None:
    """Return the compiled encoder, or None if it cannot be used; the first call loads it."""
    loaded = _load_once()
    return loaded if isinstance(loaded, Kernel) else None


def refusal() -> str | None:
    """Return the reason why a compiled encoder is installed but cannot be used, or None."""
    loaded = _load_once()
    return str(loaded) if isinstance(loaded, OSError) else None


@functools.cache
def igzip() -> Any | None:
    """Return the module ``isal.isal_zlib`` if it is installed (extra ``fast``), else None."""
    try:
        from isal import isal_zlib
    except ImportError:
        return None
    return isal_zlib


def forget() -> None:
    """Clear the caches, so that the next call loads the libraries again; only tests need this."""
    igzip.cache_clear()
    _load_once.cache_clear()


def encoder_name() -> str:
    """Return the name of the library that encodes PNG files with ``compression="fast"``.

    Returns:
        "kernel" if the compiled encoder can be used; else "igzip" if the package isal is installed
        (extra ``fast``); else "zlib". The environment variable ``TBIMAGE_PURE=1`` disables the
        compiled encoder.

    Example:
        >>> encoder_name() in ("kernel", "igzip", "zlib")
        True
    """
    if kernel() is not None:
        return "kernel"
    return "zlib" if igzip() is None else "igzip"
