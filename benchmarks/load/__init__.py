"""A service under load: what do its requests feel of the logging?

``python -m benchmarks.load`` starts the service of ``examples/inference_service`` once for each
contestant, asks all of them for the same, and writes a report. What is measured, and in which
order, is in runner.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Where the service is: uvicorn's --app-dir.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "examples"))
