"""The faces are compared with their peers; where none is installed there is nothing to compare."""

from __future__ import annotations

import os
from importlib.util import find_spec

collect_ignore_glob = (
    ["*"]
    if os.environ.get("TBIMAGE_REQUIRE_PEERS") != "1" and find_spec("tensorboard") is None
    else []
)
