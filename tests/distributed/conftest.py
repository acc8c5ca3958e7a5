"""Runs a case in one process and in several, and gives what each process returned."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("processes.py")
Results = dict[int, list[dict[str, Any]]]
"""Number of processes -> what each of them returned, by rank."""


@pytest.fixture
def ran(tmp_path: Path) -> Callable[..., Results]:
    """ran(case, *numbers): a case of `cases.py` with each number of processes."""

    def run(case: str, *numbers: int) -> Results:
        words = [sys.executable, str(SCRIPT), case, str(tmp_path), *map(str, numbers)]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=300, env=dict(os.environ))
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return {
            number: [json.loads((tmp_path / f"{number}-{rank}.json").read_text()) for rank in range(number)]
            for number in numbers
        }

    return run
