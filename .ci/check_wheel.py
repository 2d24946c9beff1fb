"""Say whether wheels hold all of tbimage/ and nothing else but their compiled encoder.

python .ci/check_wheel.py dist/tbimage-*.whl
"""

from __future__ import annotations

import re
import sys
import zipfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Files without which the package imports and then fails, each with what they are for.
NEEDED = {
    ".pyi": "types of the messages",
    ".binpb": "descriptors of the messages",
    "py.typed": "PEP 561",
    "LICENSE": "the licence",
}
#: Platforms, as wheels are tagged for them: how a library begins, its ending, and the processor
#: that its header names (a pattern of bytes).
PLATFORMS = {
    "linux_x86_64": (b"\x7fELF", ".so", rb"^.{18}\x3e\x00"),
    "linux_aarch64": (b"\x7fELF", ".so", rb"^.{18}\xb7\x00"),
    "manylinux_2_17_x86_64": (b"\x7fELF", ".so", rb"^.{18}\x3e\x00"),
    "manylinux_2_17_aarch64": (b"\x7fELF", ".so", rb"^.{18}\xb7\x00"),
    "macosx_11_0_x86_64": (b"\xcf\xfa\xed\xfe", ".dylib", rb"^.{4}\x07\x00\x00\x01"),
    "macosx_11_0_arm64": (b"\xcf\xfa\xed\xfe", ".dylib", rb"^.{4}\x0c\x00\x00\x01"),
    "win_amd64": (b"MZ", ".dll", rb"PE\x00\x00\x64\x86"),
}
LIBRARY = re.compile(r"tbimage/pixels/png/kernel-([0-9a-f]{8})(\.\w+)")
FUNCTIONS = (b"tbimage_kernel_start", b"tbimage_kernel_scratch_bytes", b"tbimage_kernel_encode")
OLDEST_GLIBC = 17  # manylinux_2_17


def problems(wheel: Path) -> list[str]:
    """Compare a wheel with the source tree.

    Args:
        wheel: The wheel's path.

    Returns:
        One line for each file that is missing or too many; empty where all is well.
    """
    archive = zipfile.ZipFile(wheel)
    packed = {name for name in archive.namelist() if not name.endswith("/")}
    libraries = {name: archive.read(name) for name in packed if LIBRARY.fullmatch(name)}
    packed -= libraries.keys()
    metadata = {name for name in packed if name.split("/")[0].endswith(".dist-info")}
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tbimage").rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and not LIBRARY.fullmatch(path.relative_to(ROOT).as_posix())
    }
    return [
        *(f"missing: {name}" for name in sorted(source - packed)),
        *(f"too many: {name}" for name in sorted(packed - metadata - source)),
        *(
            f"missing: {ending} ({purpose})"
            for ending, purpose in NEEDED.items()
            if not any(name.endswith(ending) for name in packed)
        ),
        *problems_of_libraries(wheel.stem.split("-")[2:], libraries),
    ]


def problems_of_libraries(tags: list[str], libraries: dict[str, bytes]) -> list[str]:
    """Compare a wheel's compiled encoder with its tags.

    Args:
        tags: Python, ABI and platform.
        libraries: The content of each library.

    Returns:
        One line for each thing that is wrong.
    """
    if tags == ["py3", "none", "any"]:
        return [f"too many: {name}" for name in libraries]
    if tags[:2] != ["py3", "none"] or tags[2] not in PLATFORMS:
        return [f"unknown tags: {'-'.join(tags)}"]
    if len(libraries) != 1:
        return [f"compiled encoders: {len(libraries)} instead of 1"]
    ((name, content),) = libraries.items()
    start, ending, processor = PLATFORMS[tags[2]]
    stated, its_ending = LIBRARY.sub(r"\1 \2", name).split()
    versions = map(int, re.findall(rb"GLIBC_2\.(\d+)", content))
    wrong = {
        "another CRC-32 than its name says": int(stated, 16) != zlib.crc32(content),
        f"not {ending}": its_ending != ending,
        "of another system": not content.startswith(start),
        "for another processor": not re.search(processor, content, re.DOTALL),
        "without its functions": not all(function in content for function in FUNCTIONS),
        "for a newer glibc": tags[2].startswith("many") and max(versions, default=0) > OLDEST_GLIBC,
    }
    return [f"{name} is {what}" for what, is_wrong in wrong.items() if is_wrong]


if __name__ == "__main__":
    failed = False
    for wheel in map(Path, sys.argv[1:]):
        found = problems(wheel)
        failed |= bool(found)
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB", *found, sep="\n  ")
    sys.exit(failed)
