"""What the figures depend on: processor, memory, and the versions of everything that took part.

Nothing here says which machine it was.
"""

from __future__ import annotations

import io
import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.contestants import CONTESTANTS, OWN
from benchmarks.process import usable_cpus

__all__ = ["facts", "load_average", "versions"]

_DEPENDENCIES = ("numpy", "protobuf", "crc32c", "pillow", "isal")
_ENCODERS = ("opencv-python-headless", "opencv-python", "imagecodecs", "fpng", "scikit-image")


def facts() -> str:
    """Processor, memory, system and Python, in one line."""
    processor = _line("/proc/cpuinfo", r"model name\s*: (.+)") or platform.machine()
    memory = _line("/proc/meminfo", r"MemTotal:\s*(\d+) kB")
    parts = [f"{processor}, {usable_cpus()} processors"]
    if memory is not None:
        parts.append(f"{int(memory) / (1 << 20):.0f} GiB of memory")
    parts.append(f"{platform.system()}, {' '.join(platform.libc_ver())}".rstrip(", "))
    parts.append(f"{platform.python_implementation()} {platform.python_version()}")
    return "; ".join(parts)


def versions(contestants: Sequence[str]) -> str:
    """The versions of tbimage, its dependencies, and the peers that took part."""
    peers = [CONTESTANTS[name].distribution for name in contestants if name not in OWN]
    found = []
    for name in dict.fromkeys(("tbimage", *_DEPENDENCIES, *peers, *_ENCODERS)):
        number = _version(name)
        if number is not None:
            found.append(f"{name} {number}")
    return ", ".join(found)


def zlib() -> str:
    """Return the version and the library of Pillow's zlib, whose encoder is the reference."""
    from PIL import Image, features

    Image.new("L", (1, 1)).save(io.BytesIO(), "PNG")
    number = features.version("zlib") or "unknown"
    if "zlib_ng" in features.features and features.check("zlib_ng"):
        number += f" by zlib-ng {features.version('zlib_ng')}"
    mapped = _line("/proc/self/maps", r"/([^/\n]*libz[^/\n]*\.so[^/\n]*)$")
    return f"Pillow names its zlib {number}; its process maps {mapped or 'no libz'}"


def load_average() -> str:
    """Return the load average of the last minute."""
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"


def _version(distribution: str) -> str | None:
    if distribution == "tbimage":
        import tbimage

        return tbimage.__version__
    for name in (distribution, f"{distribution}-cpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            pass
    return None


def _line(path: str, pattern: str) -> str | None:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError:
        return None
    match = re.search(pattern, text, re.MULTILINE)
    return match[1] if match else None
