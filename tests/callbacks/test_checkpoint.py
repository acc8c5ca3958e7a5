import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir

from lab.callbacks.checkpoint import BestAndLast, IntoTheFile
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


def test_a_checkpoint_is_not_made_in_memory_first(tmp_path: Path) -> None:
    weights = {"weight": torch.arange(10_000_000, dtype=torch.float32)}
    tracemalloc.start()
    try:
        IntoTheFile().save_checkpoint(weights, tmp_path / "a.ckpt")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert torch.equal(torch.load(tmp_path / "a.ckpt", weights_only=True)["weight"], weights["weight"])
    assert peak < 4_000_000, "a tenth of its bytes"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no file that is always full")
def test_a_full_disk_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError, match="No space left"):
        IntoTheFile().save_checkpoint({"weight": torch.zeros(1_000_000)}, Path("/dev/full"))


def test_a_run_writes_its_checkpoints_that_way(tmp_path: Path) -> None:
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", ["model=ngram", "trainer.accelerator=cpu"]))
    run = RunFolder(tmp_path)
    built = trainer.trainer(config, trainer.hardware(config.trainer), tmp_path, trainer.callbacks(config, run), [])
    assert isinstance(built.strategy.checkpoint_io, IntoTheFile)


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
        IntoTheFile().save_checkpoint(weights, tmp_path / "a.ckpt")
