import io
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers.logger import DummyLogger
from torch.utils.data import DataLoader, TensorDataset

from lab.callbacks.checkpoint import BestAndLast, DirectCheckpointIO
from lab.config.check import check
from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder
from lab.training.build import trainer

CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize(("newest", "epoch", "value"), [(False, 1, 0.9), (True, 2, 0.4)])
def test_the_best_epoch_is_kept_or_the_latest_where_nothing_can_choose(
    tiny: Any, fit: Callable[..., Any], tmp_path: Path, newest: bool, epoch: int, value: float
) -> None:
    kept = BestAndLast(RunFolder(tmp_path), "val/f1", "max", None, newest=newest)
    fit(tiny({"val/f1": [0.5, 0.9, 0.4]}), kept, enable_checkpointing=True)
    assert (kept.epoch, kept.value) == (epoch, pytest.approx(value))
    saved = torch.load(RunFolder(tmp_path).best, weights_only=True)
    assert saved["epoch"] == epoch


def test_lightnings_attributes_name_the_best_and_the_last(tiny: Any, fit: Callable[..., Any], tmp_path: Path) -> None:
    kept = BestAndLast(RunFolder(tmp_path), "val/f1", "max", None)
    module = tiny({"val/f1": [0.5, 0.9, 0.9]})
    trainer = fit(module, kept, enable_checkpointing=True)
    assert trainer.checkpoint_callback is kept
    assert isinstance(kept, ModelCheckpoint)
    assert Path(kept.best_model_path) == RunFolder(tmp_path).best
    assert Path(kept.last_model_path) == RunFolder(tmp_path).last
    assert float(kept.best_model_score) == pytest.approx(0.9)
    assert kept.epoch == 1, "of equal values the earlier one is kept"
    assert sorted(path.name for path in RunFolder(tmp_path).best.parent.iterdir()) == ["best.ckpt", "last.ckpt"]
    best = torch.load(kept.best_model_path, weights_only=True)["state_dict"]
    rows = DataLoader(TensorDataset(torch.randint(0, 10, (8, 5)), torch.randn(8)), batch_size=8)
    module.script = {}
    trainer.validate(module, rows, ckpt_path="best", verbose=False)
    assert all(torch.equal(value, best[name]) for name, value in module.state_dict().items())


def test_a_value_that_is_not_finite_is_never_the_best(tiny: Any, fit: Callable[..., Any], tmp_path: Path) -> None:
    kept = BestAndLast(RunFolder(tmp_path), "val/f1", "max", None)
    fit(tiny({"val/f1": [math.nan, 0.5, math.inf]}), kept, enable_checkpointing=True)
    assert (kept.epoch, kept.value) == (1, 0.5)
    never = BestAndLast(RunFolder(tmp_path / "never"), "val/f1", "max", None, newest=True)
    fit(tiny({"val/f1": [math.nan] * 3}), never, enable_checkpointing=True)
    assert (never.value, never.best_model_path) == (None, "")
    assert not RunFolder(tmp_path / "never").best.exists()


def test_the_best_of_a_moved_run_is_that_of_its_folder(tiny: Any, fit: Callable[..., Any], tmp_path: Path) -> None:
    first, moved = RunFolder(tmp_path / "first"), RunFolder(tmp_path / "moved")
    fit(tiny({"val/f1": [0.5, 0.9, 0.4]}), BestAndLast(first, "val/f1", "max", None), enable_checkpointing=True)
    first.path.rename(moved.path)
    script = {"val/f1": [0.5, 0.9, 0.4, 0.9, 0.7]}
    again = BestAndLast(moved, "val/f1", "max", every_n_steps=3)
    fit(tiny(script), again, enable_checkpointing=True, max_epochs=5, ckpt_path=moved.last)
    assert (again.value, again.epoch, again.best_model_path) == (pytest.approx(0.9), 1, str(moved.best))
    better = BestAndLast(moved, "val/f1", "max", None)
    fit(tiny(script | {"val/f1": [0, 0, 0, 0, 0, 0.95]}), better, enable_checkpointing=True, max_epochs=6,
        ckpt_path=moved.last)  # fmt: skip
    assert (better.value, better.epoch) == (pytest.approx(0.95), 5)


def test_loggers_hear_of_each_checkpoint(tiny: Any, fit: Callable[..., Any], tmp_path: Path) -> None:
    class Listens(DummyLogger):
        def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
            heard.append(Path(checkpoint_callback.last_model_path or checkpoint_callback.best_model_path).name)

    heard: list[str] = []
    kept = BestAndLast(RunFolder(tmp_path), "val/f1", "max", None)
    fit(tiny({"val/f1": [0.5]}), kept, enable_checkpointing=True, max_epochs=1, logger=Listens(), log_every_n_steps=1)
    assert heard == ["best.ckpt", "last.ckpt"]


def test_a_checkpoint_is_not_made_in_memory_first(tmp_path: Path) -> None:
    weights = {"weight": torch.arange(10_000_000, dtype=torch.float32)}
    tracemalloc.start()
    try:
        DirectCheckpointIO().save_checkpoint(weights, tmp_path / "a.ckpt")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert torch.equal(torch.load(tmp_path / "a.ckpt", weights_only=True)["weight"], weights["weight"])
    assert peak < 4_000_000, "a tenth of its bytes"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no file that is always full")
def test_a_full_disk_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError, match="No space left"):
        DirectCheckpointIO().save_checkpoint({"weight": torch.zeros(1_000_000)}, Path("/dev/full"))


def test_a_run_writes_its_checkpoints_that_way(tmp_path: Path) -> None:
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", ["model=ngram", "trainer.accelerator=cpu"]))
    run = RunFolder(tmp_path)
    built = trainer.trainer(config, trainer.hardware(config.trainer), tmp_path, trainer.callbacks(config, run), [])
    assert isinstance(built.strategy.checkpoint_io, DirectCheckpointIO)


def test_stopping_early_by_rows_that_are_trained_on_is_refused(tmp_path: Path) -> None:
    def callbacks(*overrides: str) -> trainer.Callbacks:
        with initialize_config_dir(str(CONF)):
            return trainer.callbacks(check(compose("config", ["model=ngram", *overrides])), RunFolder(tmp_path))

    assert callbacks("data.split.train_on_val=true").best.newest
    assert not callbacks().best.newest
    with pytest.raises(RequestError, match=r"callbacks\.early_stopping\.patience=null"):
        callbacks("data.split.train_on_val=true", "callbacks.early_stopping.patience=2")


def test_a_stop_in_the_middle_of_a_file_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch closes its archive on the way out and then complains of where the file ends."""

    class Stopped(io.FileIO):
        def write(self, data: Any) -> int:
            if self.tell() > 100_000:
                raise KeyboardInterrupt
            return super().write(data)

    monkeypatch.setattr(Path, "open", lambda path, mode: Stopped(str(path), "w"))
    weights = {str(place): torch.zeros(20_000) for place in range(20)}
    with pytest.raises(KeyboardInterrupt):
        DirectCheckpointIO().save_checkpoint(weights, tmp_path / "a.ckpt")
