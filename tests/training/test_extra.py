"""Callbacks, loggers and metrics of other people in a real run: what they do, and what the record says of them."""

import logging
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar

from lab.callbacks.progress import Progress
from lab.config.check import check
from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder
from lab.training.train import train

CONF = Path(__file__).resolve().parents[2] / "conf"
CALLBACKS = "lightning.pytorch.callbacks"
SMALL = [
    "model=ngram", "model.buckets=1000", "model.dimension=8", "data.num_rows=100", "data.batch_size=8", "logger=csv",
    "data.eval_batch_size=64", "trainer.max_epochs=2", "callbacks.curves.png=false", "callbacks.progress.refresh=0",
    "baselines.enabled=false",
    "trainer.threads=1", "trainer.accelerator=cpu", "trainer.log_every_n_steps=5",
]  # fmt: skip
AUROC = "+metrics.extra.auroc={_target_: torchmetrics.classification.MulticlassAUROC, average: macro}"
TOP2 = "+metrics.extra.top2={_target_: torchmetrics.Accuracy, top_k: 2, average: micro}"


def config_of(*options: str) -> Any:
    with initialize_config_dir(str(CONF)):
        return check(compose("config", [*SMALL, *options]))


def extra(*names: str, **arguments: Any) -> str:
    words = "".join(f", {name}: {value!r}" for name, value in arguments.items())
    return "callbacks.extra={" + ", ".join(f"{name}: {{_target_: {CALLBACKS}.{name}{words}}}" for name in names) + "}"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., RunFolder]:
    """run(*overrides) -> the folder of a run that has ended."""
    folders = iter(range(100))

    def do(*options: str) -> RunFolder:
        folder = RunFolder(tmp_path / str(next(folders)))
        train(config_of(*options), folder.path, "python train.py")
        return folder

    return do


def test_watching_callbacks_of_lightning_work_and_are_named(run: Any) -> None:
    folder = run(extra("LearningRateMonitor", "ModelSummary", "Timer", "DeviceStatsMonitor"))
    record = folder.read()
    assert record["status"] == "completed"
    names = [name.rpartition(".")[2] for name in record["callbacks"]]
    assert {"LearningRateMonitor", "ModelSummary", "Timer", "DeviceStatsMonitor", "BestAndLast"} <= {*names}
    columns = pd.read_csv(folder.path / "metrics.csv").columns
    assert any(name.startswith("lr-AdamW") for name in columns)
    assert any(name.startswith("DeviceStatsMonitor.") for name in columns)


def test_a_progress_bar_of_another_replaces_ours(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Trainer] = []
    monkeypatch.setattr(RichProgressBar, "on_fit_end", lambda _bar, trainer, _module: seen.append(trainer), False)
    run(extra("RichProgressBar"))
    assert isinstance(seen[0].progress_bar_callback, RichProgressBar)
    assert not any(isinstance(each, Progress) for each in seen[0].callbacks)  # type: ignore[attr-defined]


@pytest.mark.parametrize("average", [extra("EMAWeightAveraging", decay=0.9), extra("WeightAveraging")])
def test_best_has_the_averaged_weights_that_were_validated(
    run: Any, average: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    validated: list[dict[str, torch.Tensor]] = []

    def keep(_self: Callback, trainer: Trainer, module: LightningModule) -> None:
        if trainer.state.fn == "fit":
            validated.append({name: value.clone() for name, value in module.state_dict().items()})

    monkeypatch.setattr("lab.callbacks.history.History.on_validation_start", keep, raising=False)
    monkeypatch.setattr("lab.callbacks.history.History.on_validation_batch_end",
                        lambda self, trainer, module, *_: keep(self, trainer, module), raising=False)  # fmt: skip
    folder = run(average, "trainer.max_epochs=1")
    best = torch.load(folder.best, weights_only=True)["state_dict"]
    start, inside = validated[0], validated[1]
    assert all(torch.equal(best[name], inside[name]) for name in best)
    assert any(not torch.equal(best[name], start[name]) for name in best), "the trained weights are others"


def test_an_average_resumes_exactly(warm: Any, equal_runs: Any, tmp_path: Path) -> None:
    options = [*SMALL, extra("EMAWeightAveraging", decay=0.9), "callbacks.checkpoint.every_n_steps=1"]
    straight, cut = RunFolder(tmp_path / "straight"), RunFolder(tmp_path / "cut")
    assert warm.run(straight.path, options) == 0
    assert warm.run(cut.path, options, kill_at=14) == 9
    assert warm.run(cut.path, [*options, f"resume={cut.path}"]) == 0
    equal_runs(straight, cut)
    states = [torch.load(each.last, weights_only=True)["current_model_state"] for each in (straight, cut)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize(
    ("option", "key", "remedy"),
    [
        (extra("StochasticWeightAveraging", swa_lrs=0.1), "callbacks.extra.StochasticWeightAveraging._target_", "EMA"),
        (extra("Timer", duration="00:01:00:00"), "callbacks.extra.Timer.duration", "trainer.max_time=00:01:00:00"),
    ],
)
def test_what_breaks_resume_or_best_is_refused(option: str, key: str, remedy: str) -> None:
    with pytest.raises(RequestError) as caught:
        config_of(option)
    (mistake,) = caught.value.mistakes
    assert mistake.key == key
    assert remedy in mistake.remedy


class Stranger(Callback):
    """What an installed package may add to every Trainer."""


def add_stranger() -> list[Callback]:
    return [Stranger()]


def test_a_callback_of_lightnings_entry_point_is_named(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("stranger", f"{__name__}:add_stranger", "lightning.pytorch.callbacks_factory")
    monkeypatch.setattr(EntryPoint, "load", lambda _self: add_stranger)
    monkeypatch.setattr("lightning.fabric.utilities.registry.entry_points", lambda **_: (point,), raising=True)
    assert f"{__name__}.Stranger" in run("trainer.max_epochs=1").read()["callbacks"]


def test_another_logger_gets_config_metrics_and_outcome(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "lab.loggers.failsafe"):
        folder = run("+logger.extra.mine={_target_: lightning.pytorch.loggers.CSVLogger}")
    (file,) = folder.path.glob("lightning_logs/version_*/metrics.csv")
    rows = pd.read_csv(file)
    assert rows["val/f1_macro"].dropna().size == 2
    assert rows["train/loss_step"].dropna().size >= 2
    assert rows["test/f1_macro"].dropna().tolist() == pytest.approx([folder.read()["metrics"]["test"]["f1_macro"]])
    assert "optimizer.lr" in file.with_name("hparams.yaml").read_text()
    assert caplog.records == []


def test_extra_metrics_are_logged_recorded_and_may_be_the_objective(run: Any) -> None:
    folder = run(AUROC, TOP2, "objective.metric=val/causa/auroc", "logger=csv")
    record = folder.read()
    for split in ("train", "val", "test"):
        assert {"auroc", "top2", "causa/auroc", "causa/top2"} <= {*record["metrics"][split]}
    assert record["objective"]["value"] == max(row["val/causa/auroc"] for row in folder.history())


def test_extra_metrics_are_those_of_the_whole_split_also_after_a_kill(
    warm: Any, equal_runs: Any, tmp_path: Path
) -> None:
    options = [*SMALL, AUROC, TOP2, "callbacks.checkpoint.every_n_steps=1"]
    straight, cut = RunFolder(tmp_path / "straight"), RunFolder(tmp_path / "cut")
    assert warm.run(straight.path, options) == 0
    assert warm.run(cut.path, options, kill_at=14) == 9
    assert warm.run(cut.path, [*options, f"resume={cut.path}"]) == 0
    equal_runs(straight, cut)
