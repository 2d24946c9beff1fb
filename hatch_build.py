"""Compile the PNG encoder, kernel.c, into the wheel.

Where there is a C compiler, the wheel holds the library and is tagged for this platform and all
Pythons. Without one, or with TBIMAGE_PURE=1, the wheel is pure. An editable install has the library
in the source tree, where git ignores it.

Environment variables:

- TBIMAGE_PURE: 1 for a pure wheel.
- TBIMAGE_TARGET: one of ``TARGETS``, to compile for another platform with the package ziglang.
- CC: the C compiler, with options if need be.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import (  # type: ignore[import-not-found, unused-ignore]
    BuildHookInterface,
)

HERE = Path("tbimage/pixels/png")


class Target(NamedTuple):
    """A platform: how Zig and how wheels call it, and how its libraries end."""

    zig: str
    wheel: str
    ending: str


#: The platforms that wheels are made for.
TARGETS = {
    "linux-x86_64": Target("x86_64-linux-gnu.2.17", "manylinux_2_17_x86_64", ".so"),
    "linux-aarch64": Target("aarch64-linux-gnu.2.17", "manylinux_2_17_aarch64", ".so"),
    "macos-x86_64": Target("x86_64-macos.11.0", "macosx_11_0_x86_64", ".dylib"),
    "macos-arm64": Target("aarch64-macos.11.0", "macosx_11_0_arm64", ".dylib"),
    "windows-amd64": Target("x86_64-windows-gnu", "win_amd64", ".dll"),
}
_OPTIONS = ["-std=c11", "-O3", "-shared", "-fPIC", "-fvisibility=hidden"]
_ENDINGS = {"darwin": ".dylib", "win32": ".dll"}


class KernelHook(BuildHookInterface):  # type: ignore[misc, type-arg, unused-ignore]
    """Puts the library into wheels."""

    _made: Path | None = None

    def dependencies(self) -> list[str]:
        """Name what building needs besides hatchling: Zig, for another platform."""
        return ["ziglang==0.15.*"] if os.environ.get("TBIMAGE_TARGET") else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and tell hatchling what came of it.

        Args:
            version: "standard" or "editable".
            build_data: Hatchling's, which is added to.
        """
        source = Path(self.root, HERE)
        library: Path | None = None
        try:
            library, tag = compiled(source / "kernel.c")
        except (OSError, subprocess.CalledProcessError) as error:
            self.app.display_warning(f"tbimage is built without its compiled PNG encoder: {error}")
        if version == "editable":
            _put(library, source)
        elif library is not None:
            self._made = library.parent
            build_data["force_include"][str(library)] = str(HERE / library.name)
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{tag}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what ``initialize`` made, once it is packed."""
        if self._made is not None:
            shutil.rmtree(self._made)


def _put(library: Path | None, directory: Path) -> None:
    """Make the library the only one there. The same one stays, as programs may be using it."""
    for old in directory.glob("kernel-*"):
        if library is None or old.name != library.name:
            old.unlink()
    if library is not None:
        if not (directory / library.name).exists():
            shutil.move(library, directory)
        shutil.rmtree(library.parent)


def compiled(source: Path) -> tuple[Path, str]:
    """Compile the encoder.

    Args:
        source: kernel.c.

    Returns:
        The library, named ``kernel-`` and the CRC-32 of its bytes, which
        tbimage/pixels/png/libraries.py compares; and
        the platform's tag for a wheel.

    Raises:
        OSError: There is no compiler, or it is not wanted.
        subprocess.CalledProcessError: It failed.
    """
    if os.environ.get("TBIMAGE_PURE", "0") not in ("", "0"):
        raise OSError("TBIMAGE_PURE is set")
    name = os.environ.get("TBIMAGE_TARGET")
    if name:
        target = TARGETS[name]
        compiler = [sys.executable, "-m", "ziglang", "cc", "-target", target.zig, "-s"]
        tag, ending, options = target.wheel, target.ending, [*_OPTIONS, "-O2"]
    else:
        compiler = _compiler()
        tag = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        ending, options = _ENDINGS.get(sys.platform, ".so"), _OPTIONS
    directory = Path(tempfile.mkdtemp(prefix="tbimage-"))
    library = directory / f"kernel{ending}"
    command = [*compiler, *options, str(source), "-o", str(library)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-300:]
        raise OSError(f"{shlex.join(command)} failed: {said or done.returncode}")
    named = directory / f"kernel-{zlib.crc32(library.read_bytes()):08x}{ending}"
    return library.rename(named), tag


def _compiler() -> list[str]:
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return [path]
    raise OSError("there is no C compiler")
