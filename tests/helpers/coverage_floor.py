"""Fails if a file is covered too little: the total that coverage can check itself would hide it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

FLOOR_percent = 90
"""Of lines and branches together, in every file."""


def too_low(report: Path) -> dict[str, float]:
    """Coverage in percent of each file below the floor; `report` is what `coverage json` writes."""
    files = json.loads(report.read_bytes())["files"]
    percent = {name: file["summary"]["percent_covered"] for name, file in files.items()}
    return {name: covered for name, covered in percent.items() if covered < FLOOR_percent}


if __name__ == "__main__":
    low = too_low(Path(sys.argv[1]))
    lines = [f"{name}: {covered:.1f} % is below {FLOOR_percent} %" for name, covered in low.items()]
    sys.exit("\n".join(lines) or 0)  # an empty string would be a failure
