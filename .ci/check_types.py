"""Say whether enough of the package's public types are complete.

pyright --verifytypes tbimage --ignoreexternal --outputjson >types.json
python .ci/check_types.py types.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

LEAST = 0.95  # of the symbols of all modules

if __name__ == "__main__":
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["typeCompleteness"]
    score = report["completenessScore"]
    print(f"{score:.1%} of {sum(report['exportedSymbolCounts'].values())} symbols have known types")
    if score < LEAST:
        for symbol in report["symbols"]:
            if symbol["isExported"] and not symbol["isTypeKnown"]:
                print(symbol["name"])
        sys.exit(f"less than {LEAST:.0%}")
