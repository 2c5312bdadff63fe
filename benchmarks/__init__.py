"""What is how much faster than what: `python -m benchmarks`."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # for its synthetic records
