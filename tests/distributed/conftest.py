"""Runs cases in one process and in several, and gives what each process returned."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("processes.py")
Results = dict[int, list[dict[str, Any]]]
"""Number of processes -> what each of them returned, by rank."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Results]]:
    """ran(cases, *numbers): each case of `cases.py` with each number of processes."""

    def run(cases: Sequence[str], *numbers: int) -> dict[str, Results]:
        folder = tmp_path_factory.mktemp("cases")
        words = [sys.executable, str(SCRIPT), str(folder), ",".join(cases), *map(str, numbers)]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=600, env=dict(os.environ))
        assert ended.returncode == 0, ended.stdout + ended.stderr

        def of(case: str, number: int) -> list[dict[str, Any]]:
            return [json.loads((folder / f"{case}-{number}-{rank}.json").read_text()) for rank in range(number)]

        return {case: {number: of(case, number) for number in numbers} for case in cases}

    return run
