"""Fixtures of Hydra's own test suites, and `toy`: real commands of studies whose trials do not train (toy_train.py)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
from hydra.extra.pytest_plugin import hydra_restore_singletons, hydra_sweep_runner

from benchmarks.harness.postgres_server import PostgresServer, postgres_server, programs
from benchmarks.harness.proxy_server import proxy_of
from lab.sweep.storage.optuna_storage import open_storage

__all__ = ["hydra_restore_singletons", "hydra_sweep_runner", "postgres", "proxy", "toy"]

HERE = Path(__file__).parent
TRAIN = HERE.parents[1] / "train.py"
SWEEP = """# @package _global_
defaults: [{override /hydra/sweeper: lab}]
sweep:
  sampling_algorithm: {type: random, seed: 1}
  search_space:
    optimizer.lr: {type: uniform, min_value: 1e-4, max_value: 1e-3}
    loss.label_smoothing: {type: choice, values: [0.0, 0.1]}
  limits: {max_total_trials: 5, max_concurrent_trials: 1}
"""


class Toy:
    """The study `toy` below the working directory: five trials of four epochs, one at a time."""

    folder = Path("multirun/toy")

    def __init__(self) -> None:
        self.write(SWEEP)

    def write(self, sweep: str) -> None:
        path = Path("conf/sweep/toy.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sweep)

    def begin(
        self, *overrides: str, inside: Sequence[str] = (), choice: str = "toy", **toy: Any
    ) -> subprocess.Popen[str]:
        """Start the command. inside: a command that runs another; choice: of a sweep; toy: see toy_train.py."""
        command = [
            *inside,
            sys.executable,
            str(HERE / "toy_train.py"),
            str(TRAIN),
            "--config-dir",
            "conf",
            "-m",
            f"sweep={choice}",
        ]
        preloads = any(override.startswith("hydra.launcher.preload=") for override in overrides)
        light = [] if preloads else ["hydra.launcher.preload=[lab.training.train, lab.training.evaluate]"]
        environment = {**os.environ, "LAB_TOY": json.dumps(toy), "COLUMNS": "200"}
        return subprocess.Popen(
            [*command, *light, "trainer.max_epochs=4", "logger=csv", *overrides],
            env=environment,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *overrides: str, **toy: Any) -> tuple[int, str]:
        """Return the exit code and the output."""
        process = self.begin(*overrides, **toy)
        out, _ = process.communicate(timeout=100)
        return process.returncode, out

    def trials(self, folder: Path = folder) -> list[optuna.trial.FrozenTrial]:
        return optuna.load_study(study_name="toy", storage=open_storage(None, folder / "journal.log")).get_trials()

    def record(self, number: int) -> dict[str, Any]:
        return json.loads((self.folder / str(number) / "run.json").read_text())  # type: ignore[no-any-return]

    def summary(self) -> dict[str, Any]:
        return json.loads((self.folder / "summary.json").read_text())  # type: ignore[no-any-return]

    def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(2000):
            if condition():
                return
            time.sleep(0.02)
        raise AssertionError("it did not come to pass within 40 s")


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[PostgresServer]:
    pytest.importorskip("psycopg")
    if programs() is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres(_postgres_server: PostgresServer) -> PostgresServer:
    """A running server with an empty database."""
    _postgres_server.empty()
    return _postgres_server


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[str]:
    """The address of a gRPC proxy before an empty database."""
    with proxy_of(postgres) as address:
        yield address


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    monkeypatch.chdir(tmp_path)
    return Toy()
