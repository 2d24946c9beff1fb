"""The service of the example with a contestant's log: what uvicorn is told to serve.

Which contestant it is, and where it logs, is in environment variables, as uvicorn's worker
processes inherit nothing else.
"""

from __future__ import annotations

import os

from inference_service.service import create_app

from benchmarks.load.logs import open_log

__all__ = ["CONTESTANT", "DIRECTORY", "app"]

CONTESTANT = "TBIMAGE_LOAD_CONTESTANT"
DIRECTORY = "TBIMAGE_LOAD_DIRECTORY"

app = create_app(lambda: open_log(os.environ[CONTESTANT], os.environ[DIRECTORY]))
