"""Print a command of README.md, so that .ci/run runs what the page says.

python .ci/readme_command.py demo      # the fenced block that follows the line <!-- ci: demo -->
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
_BLOCK = re.compile(r"^<!-- ci: (\w+) -->\n+```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands(readme: str) -> dict[str, str]:
    """Find the marked commands.

    Args:
        readme: The text of README.md.

    Returns:
        The name of each marker, and the lines of the fenced block after it.

    Raises:
        ValueError: Two commands have the same name.
    """
    found = _BLOCK.findall(readme)
    if len({name for name, _ in found}) != len(found):
        raise ValueError(f"README.md marks a command twice: {[name for name, _ in found]}")
    return dict(found)


if __name__ == "__main__":
    try:
        sys.stdout.write(commands(README.read_text(encoding="utf-8"))[sys.argv[1]])
    except KeyError as error:
        sys.exit(f"README.md has no command marked <!-- ci: {error.args[0]} -->")
