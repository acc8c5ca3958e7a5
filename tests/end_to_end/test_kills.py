"""A run killed in any phase ends like the uninterrupted one by what a person types: `resume=RUN`, or the line again.

Real processes and SIGKILL. `make check-faults` runs all points and prints the table. `tests/training/test_resume.py`
kills forked runs at batches in every `make check`.
"""

import csv
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.core.record.run_folder import RunFolder

TRAIN = Path(__file__).parents[2] / "train.py"
RUNNER = Path(__file__).with_name("killed_at.py")
COSTS = ("_per_s", "_gib")
WORDS = (
    "data=csv", "data.path=notices.csv", "data.text=[text]", "data.labels=[cause,priority]", "data.leaks.action=warn",
    "cache.dir=cache", "model=tiny", "trainer.max_epochs=3", "trainer.threads=1",
    "callbacks.checkpoint.every_n_steps=3", "callbacks.freeze.layers=1",
    "callbacks.freeze.schedule={0: 1, 1: 0}", "baselines.enabled=false", "hydra.run.dir=run",
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """A moment to kill at. phase: its name in the table; event: as `killed_at.py` reads it."""

    phase: str
    name: str
    event: dict[str, Any] = field(hash=False)


def _point(phase: str, name: str, event: str, path: str, **more: Any) -> Point:
    return Point(phase, name, {"event": event, "path": path, **more})


POINTS = (
    _point("imports", "torch", "import", "torch"),
    _point("imports", "lightning", "import", "lightning"),
    _point("imports", "the run's folder is made", "os.mkdir", "/run"),
    _point("imports", "first run.json", "os.rename", "/run.json"),
    _point("data", "the file is opened", "open", "notices.csv"),
    _point("data", "its Arrow copy is renamed", "os.rename", "cache/files"),
    _point("tokens", "the vocabulary is renamed", "os.rename", "tokens/vocabulary"),
    _point("tokens", "values are written", "open", "values.bin"),
    _point("tokens", "an entry is renamed", "os.rename", "/tokens/", nth=4),
    _point("tokens", "the run's tokenizer is renamed", "os.rename", "/tokenizer/tokenizer.json"),
    _point("tokens", "the architecture is renamed", "os.rename", "/architecture.json"),
    _point("loggers", "the loggers' ids are written", "os.rename", "/loggers.json"),
    _point("epoch", "history is begun", "os.rename", "/history.jsonl"),
    _point("epoch", "the first batches", "os.rename", "/history.jsonl", delay_ms=40),
    _point("epoch", "batches of epoch 2", "open", "/history.jsonl", nth=4, delay_ms=150),
    _point("epoch", "after a validation", "open", "/history.jsonl", nth=3),
    _point("epoch", "SIGTERM before its first step", "os.rename", "/history.jsonl", signal="SIGTERM"),
    _point("epoch", "SIGTERM within a step", "open", "/history.jsonl", nth=3, delay_ms=60, signal="SIGTERM"),
    _point("epoch", "Ctrl-C within a step", "open", "/history.jsonl", nth=3, delay_ms=90, signal="SIGINT"),
    _point("checkpoint", "SIGTERM while one is written", "open", "/.last.ckpt", nth=2, delay_ms=1, signal="SIGTERM"),
    _point("checkpoint", "the first one is opened", "open", "/.last.ckpt"),
    _point("checkpoint", "the first one is half written", "open", "/.last.ckpt", delay_ms=2),
    _point("checkpoint", "best.ckpt is opened", "open", "/.best.ckpt"),
    _point("checkpoint", "best.ckpt is renamed", "os.rename", "/best.ckpt"),
    _point("checkpoint", "a later one is half written", "open", "/.last.ckpt", nth=5, delay_ms=2),
    _point("checkpoint", "the last one is renamed", "os.rename", "/last.ckpt", nth=6),
    _point("loggers", "metrics.csv is written", "open", "/metrics.csv", nth=2),
    _point("test", "best.ckpt is read", "open", "/best.ckpt", after="/figures/.curves.png"),
    _point("test", "predictions are renamed", "os.rename", "/test_predictions.parquet"),
    _point("test", "the report is renamed", "os.rename", "/classification_report.txt"),
    _point("test", "the end is recorded", "os.rename", "/run.json", after="/.classification_report.txt"),
    _point("figures", "the first picture is opened", "open", "/.confusion_cause.png"),
    _point("figures", "the second picture is renamed", "os.rename", "/confusion_priority.png"),
    _point("loggers", "pictures are sent", "open", "/confusion_cause.png", after="/.confusion_priority.png"),
    _point("loggers", "the outcome is sent", "os.rename", "predictions_summary"),
)


def _write_rows(path: Path) -> None:
    draw = random.Random(5)
    faults = ("fuga de aceite", "ruido en motor", "bomba sin presion", "valvula trabada", "sensor sin lectura")
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["text", "cause", "priority"])
        for number in range(160):
            text = f"{draw.choice(faults)} en equipo {draw.randrange(40)} turno {draw.choice('ABC')} nota {number}"
            table.writerow([text, draw.choice("abc"), draw.choice(["alta", "baja"])])


def _typed(folder: Path, *words: str, killed_at: Point | None = None) -> tuple[int, str]:
    """Exit code of a command typed in `folder`, and what it printed."""
    runner = [] if killed_at is None else [str(RUNNER), json.dumps(killed_at.event)]
    line = [sys.executable, *runner, str(TRAIN), *words]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    _write_rows(folder / "notices.csv")
    code, out = _typed(folder, *WORDS)
    assert code == 0, out
    return RunFolder(folder / "run")


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[list[tuple[str, str, str]]]:
    """Rows of the table that is printed at the end: phase, point, what was typed."""
    rows: list[tuple[str, str, str]] = []
    yield rows
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{'phase':<12}{'killed when':<36}recovered by")
        for phase, name, how in sorted(rows):
            print(f"{phase:<12}{name:<36}{how}")
        print(f"{len(rows)} kills, nothing lost")


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_a_killed_run_ends_like_the_uninterrupted_one(
    point: Point, whole: RunFolder, table: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    _write_rows(tmp_path / "notices.csv")
    code, out = _typed(tmp_path, *WORDS, killed_at=point)
    assert code == (130 if "signal" in point.event else -9), f"the point was never reached:\n{out}"
    run = RunFolder(tmp_path / "run")
    if run.last.exists():
        how = "resume=RUN"
        code, out = _typed(tmp_path, "resume=run")
    else:
        how = "the same line, another folder"
        run = RunFolder(tmp_path / "again")
        code, out = _typed(tmp_path, *WORDS[:-1], "hydra.run.dir=again")
    assert code == 0, out
    assert "Traceback" not in out
    assert_equal(run, whole)
    table.append((point.phase, point.name, how))


def assert_equal(run: RunFolder, whole: RunFolder) -> None:
    """All that a run leaves is equal but what it cost."""
    assert [_without_costs(row) for row in run.history()] == [_without_costs(row) for row in whole.history()]
    one, other = run.read(), whole.read()
    for key in ("status", "reason", "failure", "objective", "baselines", "parameters", "seed", "warnings"):
        assert one[key] == other[key], key
    assert one["data"]["fingerprint"] == other["data"]["fingerprint"]
    for split, scores in other["metrics"].items():
        assert _without_costs(one["metrics"][split]) == _without_costs(scores), split
    for path in (run.best, run.last):
        weights = torch.load(path, weights_only=True)["state_dict"]
        expected = torch.load(whole.path / path.relative_to(run.path), weights_only=True)["state_dict"]
        assert weights.keys() == expected.keys()
        assert all(torch.equal(weights[name], expected[name]) for name in weights), path.name
    assert run.predictions.read_bytes() == whole.predictions.read_bytes()
    assert _files(run) >= _files(whole)
    assert not [path for path in run.path.rglob("*.part") if "wandb" not in path.parts]
    assert _epochs(run) == _epochs(whole)


def _without_costs(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.endswith(COSTS)}


def _files(run: RunFolder) -> set[str]:
    """What a run leaves beside W&B's folder and Hydra's."""
    files = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    return {name for name in files if not name.startswith(("wandb/", ".hydra/"))}


def _epochs(run: RunFolder) -> list[tuple[str, str]]:
    """Step and objective of the validations in metrics.csv."""
    with (run.path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return [(row["step"], row["val/f1_macro"]) for row in csv.DictReader(file) if row["val/f1_macro"]]
