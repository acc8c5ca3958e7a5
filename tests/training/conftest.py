"""Fixtures: training runs in processes that are forked from one process with all imports done."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.core.record.run_folder import RunFolder

COSTS = ("_per_s", "_gib")
"""Suffixes of metrics that may differ between equal runs: speed and memory."""


class Warm:
    """A process with all imports done, which forks one child per job."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("warm.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(
        self,
        folder: Path,
        overrides: list[str],
        kill_at: int | None = None,
        limit: int | None = None,
        number: int = signal.SIGKILL,
        dies_in: str | None = None,
    ) -> int:
        """Return the wait status of a run into `folder`.

        kill_at: the micro-batch in which the run sends itself signal `number`; limit: maximum bytes of a file; dies_in:
        a function that the run kills itself in.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        folder.mkdir(exist_ok=True)
        job = {
            "overrides": overrides,
            "folder": str(folder),
            "kill_at": kill_at,
            "limit": limit,
            "number": int(number),
            "dies_in": dies_in,
        }
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return int(json.loads(self.process.stdout.readline())["status"])


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    server = Warm()
    yield server
    server.process.communicate(timeout=120)


def without_costs(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.endswith(COSTS)}


def assert_equal_runs(run: RunFolder, other: RunFolder) -> None:
    assert [without_costs(row) for row in run.history()] == [without_costs(row) for row in other.history()]
    first, second = run.read(), other.read()
    for field in ("status", "reason", "objective", "metrics", "baselines", "parameters", "data"):
        if field == "metrics":
            first[field]["train"], second[field]["train"] = (
                without_costs(record[field]["train"]) for record in (first, second)
            )
        assert first[field] == second[field], field
    for path, twin in ((run.best, other.best), (run.last, other.last)):
        a, b = (torch.load(file, weights_only=True) for file in (path, twin))
        assert a["state_dict"].keys() == b["state_dict"].keys()
        assert all(torch.equal(a["state_dict"][name], b["state_dict"][name]) for name in a["state_dict"]), path.name
    states = [torch.load(each.last, weights_only=True)["optimizer_states"][0]["state"] for each in (run, other)]
    assert states[0].keys() == states[1].keys()
    for key, values in states[0].items():
        assert all(torch.equal(torch.as_tensor(v), torch.as_tensor(states[1][key][n])) for n, v in values.items())


@pytest.fixture(scope="session")
def equal_runs() -> Callable[[RunFolder, RunFolder], None]:
    """Asserts that two runs are equal except for speed and memory."""
    return assert_equal_runs
