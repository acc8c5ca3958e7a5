"""A module and a data module that know nothing of `lab` have its run folder, exact resume, sweeps and report."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.core.record.run_folder import RunFolder

MODULE = "tests.training.tasks.template_module"
BATCHES = 10
"""Of an epoch: 320 rows."""
PARTS = [
    f"plugins=[{MODULE}]", "model=custom", f"model._target_={MODULE}.DigitsModule", "model.epochs=3",
    f"+model.net={{_target_: {MODULE}.DenseNet, lin1_size: 16}}",
    "+model.optimizer={_target_: torch.optim.Adam, _partial_: true, lr: 0.003}",
    "+model.scheduler={_target_: torch.optim.lr_scheduler.ReduceLROnPlateau, _partial_: true, patience: 0}",
    "data=custom", f"data._target_={MODULE}.DigitsDataModule", "data.metric=val/acc", "objective.mode=max",
    "logger=csv", "callbacks.curves.png=false", "trainer.threads=1",
]  # fmt: skip


def rows(run: RunFolder) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if not key.endswith(("_s", "_gib"))} for row in run.history()]


def weights(path: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return loaded


@pytest.fixture(scope="module")
def straight(warm: Any, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = RunFolder(tmp_path_factory.mktemp("custom") / "straight")
    assert warm.run(run.path, PARTS) == 0
    return run


def test_the_record_has_what_the_module_logged(straight: RunFolder) -> None:
    record = straight.read()
    assert record["status"] == "completed"
    assert set(record["metrics"]["test"]) == {"acc", "loss"}
    assert record["objective"]["value"] == max(row["val/acc"] for row in straight.history())
    assert [plugin["name"] for plugin in record["plugins"]] == [MODULE]
    assert record["data"]["name"] == "custom"
    assert record["parameters"]["total"] == sum(value.numel() for name, value in weights(straight.best).items()
                                                if name.startswith("net.") and value.is_floating_point()
                                                and "running" not in name)  # fmt: skip


def test_training_means_belong_to_their_own_epoch(straight: RunFolder) -> None:
    history = straight.history()
    assert [(row["epoch"], row["step"]) for row in history] == [(0, 10), (1, 20), (2, 30)]
    assert [row["train/loss"] for row in history] == sorted((row["train/loss"] for row in history), reverse=True)
    assert all({"train/acc", "val/acc", "val/acc_best", "val/loss"} <= set(row) for row in history)


@pytest.mark.parametrize("kill_at", [[BATCHES + 1], [4, 9]], ids=["at an epoch's end", "twice inside an epoch"])
def test_killed_and_resumed_equals_straight(
    warm: Any, straight: RunFolder, tmp_path: Path, kill_at: Sequence[int]
) -> None:
    run, settings = RunFolder(tmp_path / "run"), [*PARTS, "callbacks.checkpoint.every_n_steps=1"]
    for number in kill_at:
        again = [f"resume={run.path}"] if run.last.exists() else []
        assert warm.run(run.path, settings + again, kill_at=number) == 9
    assert warm.run(run.path, [*settings, f"resume={run.path}"]) == 0
    # a mean over the rest of an epoch would not be the epoch's
    cut = set() if kill_at[0] > BATCHES else {0, 1}
    assert rows(run) == [
        {name: value for name, value in row.items() if row["epoch"] not in cut or not name.startswith("train/")}
        for row in rows(straight)
    ]
    for path, other in ((run.best, straight.best), (run.last, straight.last)):
        assert all(torch.equal(weights(path)[name], value) for name, value in weights(other).items())


def test_checkpoints_hold_plain_hyperparameters_only(straight: RunFolder) -> None:
    for path in (straight.best, straight.last):
        assert torch.load(path, weights_only=True)["hyper_parameters"] == {"compile": False}


def test_a_changed_plugin_is_refused_on_resume(warm: Any, straight: RunFolder, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, [*PARTS, "callbacks.checkpoint.every_n_steps=1"], kill_at=3) == 9
    record = json.loads((run.path / "run.json").read_text())
    record["plugins"][0]["sha256"] = "0" * 64
    (run.path / "run.json").write_text(json.dumps(record))
    before = run.last.read_bytes()
    assert warm.run(run.path, [*PARTS, f"resume={run.path}"]) != 0
    assert run.last.read_bytes() == before


def test_limits_of_batches_act_on_other_loaders(warm: Any, tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, [*PARTS, "trainer.limit_train_batches=4", "trainer.max_epochs=2"]) == 0
    assert [row["step"] for row in run.history()] == [4, 8]


def test_a_sweep_terminates_trials_and_the_report_shows_them(forked: Any, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("template_module.py"), tmp_path)
    parts = [part.replace(MODULE, "template_module") for part in PARTS if not part.startswith("+model.scheduler")]
    search = [
        "sweep=lr", "sweep.study=s", "sweep.sampling_algorithm=grid", "sweep.search_space=null",
        "sweep.limits.max_concurrent_trials=1", "model.optimizer.lr=0.01,0.000001",
        "sweep.early_termination={type: bandit, slack_factor: 0.01}",
    ]  # fmt: skip
    done = forked("train.py", "-m", *parts, *search, folder=tmp_path)
    assert done.code == 0, done.said
    study = tmp_path / "multirun" / "s"
    states = [json.loads((study / str(number) / "run.json").read_text())["status"] for number in range(2)]
    assert {*states} == {"completed", "terminated"}
    done = forked("report.py", f"runs={study}", "output=report", folder=tmp_path)
    assert done.code == 0, done.said
    assert "val/acc" in done.said
    assert (tmp_path / "report" / "index.html").exists()
