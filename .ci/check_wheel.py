"""Say whether a wheel holds all of tbimage/ and nothing else.

python .ci/check_wheel.py dist/tbimage-*.whl
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Files without which the package imports and then fails, each with what they are for.
NEEDED = {
    ".pyi": "types of the messages",
    ".binpb": "descriptors of the messages",
    "py.typed": "PEP 561",
    "LICENSE": "the licence",
}


def problems(wheel: Path) -> list[str]:
    """Compare a wheel with the source tree.

    Args:
        wheel: The wheel's path.

    Returns:
        One line for each file that is missing or too many; empty where all is well.
    """
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    metadata = {name for name in packed if name.split("/")[0].endswith(".dist-info")}
    source = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tbimage").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return [
        *(f"missing: {name}" for name in sorted(source - packed)),
        *(f"too many: {name}" for name in sorted(packed - metadata - source)),
        *(
            f"missing: {ending} ({purpose})"
            for ending, purpose in NEEDED.items()
            if not any(name.endswith(ending) for name in packed)
        ),
    ]


if __name__ == "__main__":
    wheel = Path(sys.argv[1])
    found = problems(wheel)
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB", *found, sep="\n  ")
    sys.exit(bool(found))
