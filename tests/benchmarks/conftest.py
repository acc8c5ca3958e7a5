"""Benchmarks are run as modules from the root of the repository, which is put where imports look."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
