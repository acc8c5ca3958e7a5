"""A baseline that cannot be fitted is a named gap; a large training split is sampled, the same for every run."""

import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lab.config.schema import BaselinesConfig, Cache
from lab.core.locks import holder
from lab.training.baselines.base import Baseline
from lab.training.baselines.fitted import NotFitted, SimpleModel, drawn, fitted_baseline, key_of
from lab.training.baselines.stored import PART, Outputs, Patience

ROWS = {"val": np.arange(3), "test": np.arange(4)}


def cache(folder: Path) -> Cache:
    return Cache(dir=str(folder), max_gib=1, hidden_states=False, dtype="auto")


def model(compute: Callable[[], Outputs], **settings: object) -> SimpleModel:
    return SimpleModel("linear", settings, compute, lambda outputs: Baseline("linear", note=outputs.note))


def test_what_the_data_lack_is_the_note(tmp_path: Path) -> None:
    def compute() -> Outputs:
        raise NotFitted("train has one class only")

    assert fitted_baseline(model(compute), "data", ROWS, cache(tmp_path)).note == "train has one class only"
    assert not [path for path in (tmp_path / PART).iterdir() if path.is_dir()], "no entry is left half made"


@pytest.mark.parametrize("error", [ValueError("empty vocabulary\nmore"), MemoryError(), FloatingPointError("overflow")])
def test_any_failure_is_a_gap_with_its_reason(tmp_path: Path, error: Exception) -> None:
    def compute() -> Outputs:
        raise error

    note = fitted_baseline(model(compute), "data", ROWS, cache(tmp_path)).note
    assert note is not None
    assert note.startswith(f"could not be fitted: {type(error).__name__}")
    assert "more" not in note


OTHER_RUN = """
import json, sys, time
from pathlib import Path
from lab.training.baselines.stored import Outputs, obtain

def slow():
    print("fitting", flush=True)
    time.sleep(600)
    return Outputs({})

obtain(Path(sys.argv[1]), json.loads(sys.argv[2]), slow)
"""


@pytest.fixture
def other_run(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The process of another run, which fits the model of this file and does not end."""
    key = key_of(model(lambda: Outputs({})), "data", ROWS)
    command = [sys.executable, "-c", OTHER_RUN, str(tmp_path), json.dumps(key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "fitting\n"
        yield process
        process.kill()


def test_another_run_that_is_not_ready_is_waited_for_within_a_limit(
    tmp_path: Path, other_run: subprocess.Popen[str], caplog: pytest.LogCaptureFixture
) -> None:
    """All baselines together: a second one is not waited for. It does not matter whether the process works or was
    stopped."""
    other_run.send_signal(signal.SIGSTOP)
    patience, calls = Patience(1.2), list[int]()

    def compute() -> Outputs:
        calls.append(1)
        return Outputs({})

    with caplog.at_level(logging.INFO):
        first = fitted_baseline(model(compute), "data", ROWS, cache(tmp_path), patience=patience)
    assert first == Baseline(
        "linear", note="not fitted: another run was still fitting it after 1.2 s (baselines.max_wait_s)"
    )
    who = f"process {other_run.pid}"
    assert f"{who} fits this simple model for another run: waiting for it for at most 1 s" in caplog.text
    assert f"{who} still fits the baseline linear for another run: it is left out" in caplog.text
    assert (calls, patience.left_s) == ([], 0.0)
    start = time.monotonic()
    assert fitted_baseline(model(compute), "data", ROWS, cache(tmp_path), patience=patience).note == first.note
    assert time.monotonic() - start < 1.0, "nothing is left to wait"
    assert fitted_baseline(model(compute), "other", ROWS, cache(tmp_path), patience=patience).note is None
    assert calls == [1], "what no other run fits is fitted"


def test_another_run_that_ends_in_time_is_no_gap(tmp_path: Path, other_run: subprocess.Popen[str]) -> None:
    """It ends without an entry here, so this run makes it."""
    other_run.kill()
    found = fitted_baseline(model(lambda: Outputs({})), "data", ROWS, cache(tmp_path), patience=Patience(60.0))
    assert found.note is None
    lock = next((tmp_path / PART).glob(".*.lock"))
    assert holder(lock) == "another process", "the lock is free and no longer signed"


def test_other_rows_data_and_settings_are_other_entries(tmp_path: Path) -> None:
    calls: list[int] = []

    def compute() -> Outputs:
        calls.append(1)
        return Outputs({})

    for data, rows, settings in (
        ("data", ROWS, {}), ("data", ROWS, {}), ("other", ROWS, {}), ("data", ROWS | {"val": np.arange(1, 4)}, {}),
        ("data", ROWS, {"max_rows": 5}),
    ):  # fmt: skip
        fitted_baseline(model(compute, **settings), data, rows, cache(tmp_path))
    assert len(calls) == 4


def test_at_most_max_rows_are_drawn() -> None:
    config = BaselinesConfig(max_rows=10)
    places, note = drawn(10, config)
    assert (places.tolist(), note) == (list(range(10)), None)
    places, note = drawn(1000, config)
    assert len(set(places.tolist())) == 10
    assert places.tolist() == sorted(places.tolist()) == drawn(1000, config)[0].tolist()
    assert note == "fitted on 10 of 1,000 training rows"
