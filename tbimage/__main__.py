"""``python -m tbimage`` runs the command ``tbimage``."""

from __future__ import annotations

import sys

from tbimage.cli import main

if __name__ == "__main__":
    sys.exit(main())
