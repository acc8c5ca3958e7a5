"""A killed and resumed run equals the uninterrupted one: weights, optimizer, metrics, history, training metrics."""

import json
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.core.record.run_folder import RunFolder

SETTINGS = [
    "data.num_rows=400", "data.batch_size=8", "trainer.max_epochs=4", "loss.class_weights=balanced", "logger=csv",
    "loss.head_weighting=uncertainty", "callbacks.freeze.layers=2", "callbacks.freeze.schedule={0:2,1:1,3:0}",
    "callbacks.accumulate.schedule={0:4,2:3}", "callbacks.checkpoint.every_n_steps=3",
    "callbacks.early_stopping.patience=3", "scheduler=cosine", "callbacks.curves.png=false", "trainer.threads=1",
    "model.architecture.hidden_size=32", "model.architecture.intermediate_size=64", "model.vocabulary_size=500",
]  # fmt: skip
BATCHES = 4 * 40


@pytest.fixture(scope="module")
def uninterrupted(warm: Any, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert warm.run(folder, SETTINGS) == 0
    return RunFolder(folder)


def test_the_same_command_twice_gives_identical_metrics(
    warm: Any, equal_runs: Any, uninterrupted: RunFolder, tmp_path: Path
) -> None:
    assert warm.run(tmp_path / "again", SETTINGS) == 0
    equal_runs(uninterrupted, RunFolder(tmp_path / "again"))


def killed_and_resumed(warm: Any, folder: Path, kill_at: list[int]) -> RunFolder:
    run = RunFolder(folder)
    for number, at in enumerate(kill_at):
        again = [f"resume={folder}"] if number and run.last.exists() else []
        assert warm.run(folder, SETTINGS + again, kill_at=at) == 9, "SIGKILL"
        assert json.loads((folder / "run.json").read_text())["status"] == "running", "the record while it ran"
        assert run.read()["status"] == "interrupted"
    again = [f"resume={folder}"] if run.last.exists() else []
    assert warm.run(folder, SETTINGS + again) == 0
    return run


# killed in the first epoch, inside an accumulation window, at the first batch of an epoch, in the last short window
@pytest.mark.parametrize("kill_at", [[80, 17], *(pytest.param([at], marks=pytest.mark.slow) for at in (5, 81, 119))])
def test_killed_and_resumed_equals_uninterrupted(
    warm: Any, equal_runs: Any, uninterrupted: RunFolder, tmp_path: Path, kill_at: list[int]
) -> None:
    equal_runs(uninterrupted, killed_and_resumed(warm, tmp_path / "run", kill_at))


# in the middle of a window, in an epoch's last window; the other two pairs of signal and place are slow
@pytest.mark.parametrize(
    ("number", "at", "step"),
    [
        (signal.SIGTERM, 5, 2),
        (signal.SIGINT, 78, 20),
        pytest.param(signal.SIGTERM, 78, 20, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 5, 2, marks=pytest.mark.slow),
    ],
)
def test_a_stop_loses_no_step_and_the_resumed_run_equals_the_straight_one(
    warm: Any, equal_runs: Any, uninterrupted: RunFolder, tmp_path: Path, at: int, step: int, number: signal.Signals
) -> None:
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, SETTINGS, kill_at=at, number=number) != 0
    assert run.read()["status"] == "interrupted"
    assert torch.load(run.last, weights_only=True)["global_step"] == step
    assert warm.run(run.path, [*SETTINGS, f"resume={run.path}"]) == 0
    equal_runs(uninterrupted, run)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_killed_at_random_batches(
    warm: Any, equal_runs: Any, uninterrupted: RunFolder, tmp_path: Path, seed: int
) -> None:
    at = random.Random(seed).randrange(1, BATCHES + 1)
    equal_runs(uninterrupted, killed_and_resumed(warm, tmp_path / "run", [at]))


def test_results_of_finders_are_kept_after_a_resume(warm: Any, tmp_path: Path) -> None:
    finders = ["callbacks.batch_finder.enabled=true", "callbacks.batch_finder.max_batch_size=16", "logger=csv"]
    finders += ["callbacks.lr_finder.enabled=true", "callbacks.lr_finder.num_steps=30", "optimizer.head_lr=0.001"]
    settings = [*SETTINGS, *finders]
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, settings, kill_at=75) == 9
    requested = run.read()["requested"]
    assert requested["data.batch_size"]["requested"] == 8
    assert requested["optimizer.lr"]["used"] != requested["optimizer.lr"]["requested"]
    ratio = requested["optimizer.lr"]["used"] / requested["optimizer.lr"]["requested"]
    assert requested["optimizer.head_lr"] == {"requested": 1e-3, "used": pytest.approx(1e-3 * ratio)}
    assert (run.figures / "lr_finder.png").exists()
    assert warm.run(run.path, [*settings, f"resume={run.path}"]) == 0
    record = run.read()
    assert record["requested"] == requested
    assert record["status"] == "completed"
    assert len(record["resumed"]) == 1
    groups = torch.load(run.last, weights_only=True)["optimizer_states"][0]["param_groups"]
    used = sorted(requested[key]["used"] for key in ("optimizer.lr", "optimizer.head_lr"))
    assert sorted({group["initial_lr"] for group in groups}) == pytest.approx(used)


def test_a_refused_resume_leaves_the_folder_as_it_was(warm: Any, tmp_path: Path) -> None:
    rows = [f"{'vibra el eje' if n % 2 else 'gotea el sello'} {n}\t{'AB'[n % 2]}" for n in range(200)]
    file = tmp_path / "avisos.tsv"
    file.write_text("texto\tmodo\n" + "\n".join(rows) + "\n")
    settings = ["data=csv", f"data.path={file}", "data.text=[texto]", "data.labels=[modo]", "model=ngram", "logger=csv",
                "trainer.max_epochs=2", "trainer.threads=1"]  # fmt: skip
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, settings) == 0
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    again = [*settings, f"resume={run.path}", "trainer.max_epochs=4"]
    file.write_text("texto\tmodo\n" + "\n".join(rows[::-1]) + "\nuna fila nueva\tA\n")
    assert warm.run(run.path, again) != 0, "the data have changed"
    file.unlink()
    assert warm.run(run.path, again) != 0, "the data are missing"
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before
    file.write_text("texto\tmodo\n" + "\n".join(rows) + "\n")
    assert warm.run(run.path, again) == 0
    assert [row["epoch"] for row in run.history()] == [0, 1, 2, 3]
    assert run.read()["command"] == json.loads(before[run.path / "run.json"])["command"]


@pytest.mark.parametrize("name", ["checkpoints/last.ckpt", "history.jsonl"])
def test_a_damaged_file_is_named_and_nothing_is_written(
    warm: Any, uninterrupted: RunFolder, tmp_path: Path, name: str
) -> None:
    folder = shutil.copytree(uninterrupted.path, tmp_path / "run")
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2] if name.endswith("ckpt") else b"garbage\n" + whole)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert warm.run(folder, [*SETTINGS, f"resume={folder}", "trainer.max_epochs=6"]) != 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
