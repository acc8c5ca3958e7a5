"""The benchmarks are programs beside one another, not a package: their folder is put where imports look."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
