"""Each argument of the Trainer changes the outcome of a small run, or reaches the object of Lightning it is for."""

import csv
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.core.record.run_folder import RunFolder
from lab.data.datamodule import DataModule
from lab.models.classifier import Classifier
from lab.training.build import trainer as parts
from lab.training.train import train

CONF = Path(__file__).resolve().parents[2] / "conf"
SMALL = [
    "model=ngram", "model.buckets=1000", "model.dimension=8", "data.num_rows=100", "data.batch_size=8", "logger=csv",
    "data.eval_batch_size=4", "trainer.max_epochs=1", "callbacks.curves.png=false", "callbacks.progress.refresh=0",
    "baselines.enabled=false",
    "trainer.threads=1", "trainer.accelerator=cpu",
]  # fmt: skip
BATCHES = 10
"""Of an epoch."""

Run = Callable[..., RunFolder]


def config_of(*options: str) -> Any:
    with initialize_config_dir(str(CONF)):
        return check(compose("config", [*SMALL, *options]))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """run(*overrides) -> the folder of a run that has ended."""
    folders = iter(range(100))

    def do(*options: str) -> RunFolder:
        folder = RunFolder(tmp_path / str(next(folders)))
        train(config_of(*options), folder.path, "python train.py")
        return folder

    threads = torch.get_num_threads()
    yield do
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = False
    torch.set_float32_matmul_precision("highest")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What torch is set to in the steps of a run, and which steps there were."""
    states: dict[str, list[Any]] = {"train": [], "val": [], "sanity": [], "test": [], "loaders": []}

    def spied(name: str, state: Callable[[], Any]) -> None:
        whole = getattr(Classifier, f"{name}_step")

        def step(self: Classifier, batch: Any, batch_idx: int) -> Any:
            split = (
                "sanity" if self.trainer.sanity_checking else {"training": "train", "validation": "val"}.get(name, name)
            )
            states[split].append(state())
            return whole(self, batch, batch_idx)

        monkeypatch.setattr(Classifier, f"{name}_step", step)

    def flags() -> dict[str, Any]:
        return {
            "detect_anomaly": torch.is_anomaly_enabled(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "warn": torch.is_deterministic_algorithms_warn_only_enabled(),
            "matmul_precision": torch.get_float32_matmul_precision(),
            "benchmark": torch.backends.cudnn.benchmark,
        }

    spied("training", flags)
    spied("validation", lambda: None)
    spied("test", torch.is_inference_mode_enabled)
    loader = DataModule.train_dataloader

    def counted(self: DataModule[Any]) -> Any:
        states["loaders"].append(self.trainer.current_epoch if self.trainer is not None else None)
        return loader(self)

    monkeypatch.setattr(DataModule, "train_dataloader", counted)
    return states


def test_defaults(run: Run, seen: dict[str, list[Any]]) -> None:
    folder = run()
    assert {name: len(steps) for name, steps in seen.items()} == {
        "train": BATCHES, "val": 3, "sanity": 0, "test": 3, "loaders": 1}  # fmt: skip
    assert seen["train"][0] == {
        "detect_anomaly": False, "deterministic": False, "warn": False, "matmul_precision": "highest",
        "benchmark": False}  # fmt: skip
    assert seen["test"] == [True] * 3
    assert folder.read()["reason"] == "all 1 epochs done"
    assert not (folder.path / "profiler").exists()


@pytest.mark.parametrize(
    ("option", "flag"),
    [
        ("trainer.detect_anomaly=true", {"detect_anomaly": True}),
        ("trainer.deterministic=true", {"deterministic": True}),
        ("trainer.deterministic=warn", {"deterministic": True, "warn": True}),
        ("trainer.matmul_precision=medium", {"matmul_precision": "medium"}),
        ("trainer.benchmark=true", {"benchmark": True}),
    ],
)
def test_settings_of_torch(run: Run, seen: dict[str, list[Any]], option: str, flag: dict[str, Any]) -> None:
    run(option, "trainer.limit_train_batches=1")
    assert seen["train"][0] | flag == seen["train"][0]


def test_limits_of_batches(run: Run, seen: dict[str, list[Any]]) -> None:
    options = ("trainer.limit_train_batches=0.3", "trainer.limit_val_batches=2", "trainer.limit_test_batches=1")
    folder = run(*options)
    assert [len(seen[split]) for split in ("train", "val", "test")] == [3, 2, 1]
    rows = pq.read_table(folder.predictions)
    assert rows.num_rows == 4
    whole = pq.read_table(run().predictions)
    texts = dict(zip(whole["row"].to_pylist(), whole["text"].to_pylist(), strict=True))
    assert rows["text"].to_pylist() == [texts[row] for row in rows["row"].to_pylist()]


def test_fast_dev_run_has_a_note_and_no_score(run: Run, seen: dict[str, list[Any]]) -> None:
    folder = run("trainer.fast_dev_run=2", "trainer.max_epochs=5", "trainer.num_sanity_val_steps=1")
    assert [len(seen[split]) for split in ("train", "val", "test", "sanity")] == [2, 2, 2, 0]
    record = folder.read()
    assert record["status"] == "completed"
    assert "fast_dev_run: 2 batches" in record["reason"]
    assert record["warnings"] == [record["reason"]]
    assert (record["objective"]["value"], record["metrics"]) == (None, {})
    assert not any((folder.path / name).exists() for name in ("checkpoints", "metrics.csv", "test_predictions.parquet"))


def test_sanity_steps_come_before_training_and_do_not_count(run: Run, seen: dict[str, list[Any]]) -> None:
    folder = run("trainer.num_sanity_val_steps=2")
    assert (len(seen["sanity"]), len(seen["val"])) == (2, 3)
    assert len(folder.history()) == 1
    run("trainer.num_sanity_val_steps=-1")
    assert len(seen["sanity"]) == 2 + 3


def test_loaders_are_made_anew(run: Run, seen: dict[str, list[Any]]) -> None:
    run("trainer.max_epochs=4", "trainer.reload_dataloaders_every_n_epochs=2", "trainer.limit_train_batches=1")
    assert seen["loaders"] == [0, 2]


def test_inference_mode(run: Run, seen: dict[str, list[Any]]) -> None:
    run("trainer.inference_mode=false", "trainer.limit_train_batches=1")
    assert seen["test"] == [False] * 3


def test_clipping_by_value_is_another_training(run: Run) -> None:
    options = ("trainer.gradient_clip_val=0.001", "trainer.limit_train_batches=3", "trainer.precision=32")
    losses = [
        run(*options, f"trainer.gradient_clip_algorithm={name}").history()[0]["train/loss"]
        for name in ("norm", "value")
    ]
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    "name", ["simple", *(pytest.param(name, marks=pytest.mark.slow) for name in ("advanced", "pytorch"))]
)
def test_a_profiler_writes_into_the_run_folder(run: Run, name: str) -> None:
    folder = run(f"trainer.profiler={name}", "trainer.limit_train_batches=2")
    written = (folder.path / "profiler" / f"fit-{name}.txt").read_text()
    assert {"simple": "run_training_batch", "advanced": "cumtime", "pytorch": "aten::"}[name] in written


@pytest.mark.parametrize(("name", "kind"), [("64", torch.float64), ("bf16-true", torch.bfloat16)])
def test_precision_of_the_weights(run: Run, name: str, kind: torch.dtype) -> None:
    folder = run(f"trainer.precision={name}")
    weights = torch.load(folder.best, weights_only=True)["state_dict"]
    assert {weight.dtype for weight in weights.values() if weight.is_floating_point()} == {kind}
    assert folder.read()["metrics"]["test"]["loss"] > 0


def test_fp16_weights_run_as_bf16_on_a_cpu_and_the_record_says_so(run: Run) -> None:
    folder = run("trainer.precision=16-true", "optimizer.eps=1e-4", "trainer.limit_train_batches=1")
    assert folder.read()["requested"]["trainer.precision"] == {"requested": "16-true", "used": "bf16-true"}


def test_the_loss_of_a_step_goes_to_the_loggers_and_the_history_stays_as_it_is(run: Run) -> None:
    options = ("trainer.accumulate_grad_batches=2", "trainer.log_every_n_steps=2", "trainer.max_epochs=2")
    folder = run(*options)
    with (folder.path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {int(row["step"]): bool(row["train/loss_step"]) for row in rows} == {
        2: True, 4: True, 5: False, 6: True, 8: True, 10: True}  # fmt: skip
    assert [int(row["step"]) for row in rows if row["val/loss"]] == [5, 10]
    assert [row["step"] for row in rows if not row["lr"]] == [rows[-1]["step"]], "the scores of the test have none"
    assert rows[-1]["test/loss"]
    assert [row["step"] for row in folder.history()] == [5, 10]
    assert not any("train/loss_step" in row for row in folder.history())
    off = run(*options, "trainer.log_every_n_steps=0")
    assert "train/loss_step" not in (off.path / "metrics.csv").read_text()


def test_summary_and_progress_lines(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("lightning.pytorch").propagate = True
    run("trainer.enable_model_summary=true", "callbacks.progress.interval_s=1e-9", "trainer.limit_train_batches=2")
    assert "Trainable params" in caplog.text
    assert "batch 1/2" in caplog.text
    caplog.clear()
    run("trainer.enable_progress_bar=false", "callbacks.progress.interval_s=1e-9", "trainer.limit_train_batches=2")
    assert "Trainable params" not in caplog.text
    assert "batch 1/2" not in caplog.text
    assert "epoch 1/1" in caplog.text


def test_the_end_by_steps_is_named(run: Run) -> None:
    record = run("trainer.max_steps=3").read()
    assert record["reason"] == "all 3 optimizer steps done"
    assert record["objective"]["step"] == 3


def test_sync_batchnorm_and_min_steps_reach_lightning(tmp_path: Path) -> None:
    config = config_of("trainer.sync_batchnorm=true", "trainer.min_steps=7")
    where = parts.hardware(config.trainer)
    trainer = parts.trainer(config, where, tmp_path, parts.callbacks(config, RunFolder(tmp_path)), [])
    assert trainer._accelerator_connector._layer_sync is not None
    assert trainer.min_steps == 7
    assert trainer.num_devices == 1
