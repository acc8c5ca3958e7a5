"""A stop in a fit: at the next place where a checkpoint is exact, within its patience, at once when requested twice."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback

from lab.callbacks.checkpoint import BestAndLast
from lab.callbacks.loop.interruption import Interruption
from lab.core.record.run_folder import RunFolder

ACCUMULATED = {"accumulate_grad_batches": 2, "enable_checkpointing": True}


class Signals(Callback):
    """Sends `signals` to this process at a hook's n-th call."""

    def __init__(self, hook: str, nth: int, *signals: signal.Signals) -> None:
        self.calls, self.hook, self.nth, self.signals = 0, hook, nth, signals
        setattr(self, hook, self._called)

    def _called(self, *_: Any, **__: Any) -> None:
        self.calls += 1
        if self.calls == self.nth:
            for number in self.signals:
                os.kill(os.getpid(), number)
                time.sleep(0.01)


@pytest.fixture
def stopped(tiny: Any, fit: Callable[..., Any], tmp_path: Path) -> Callable[..., tuple[RunFolder, list[int]]]:
    """stopped(signals, patience_s=5) -> the run, and how many batches began. Raises where the fit was not stopped."""

    def run(signals: Callback, patience_s: float = 5.0) -> tuple[RunFolder, list[int]]:
        began: list[int] = []

        class Counts(Callback):
            def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
                began.append(trainer.current_epoch * 10 + batch_idx)

        folder = RunFolder(tmp_path)
        stop = Interruption(patience_s)
        last = BestAndLast(folder, "val/loss", "min", None, interruption=stop)
        before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        with pytest.raises(SystemExit):
            fit(tiny(), stop, Counts(), signals, last, max_epochs=2, **ACCUMULATED)
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        return folder, began

    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("hook", ["on_train_batch_start", "on_after_backward", "on_before_optimizer_step"])
def test_it_stops_behind_the_checkpoint_of_the_windows_end(stopped: Any, hook: str, number: signal.Signals) -> None:
    run, began = stopped(Signals(hook, 1, number))
    assert began == [0, 1], "the window of two is whole"
    assert torch.load(run.last, weights_only=True)["global_step"] == 1


def test_in_the_last_window_it_stops_behind_the_epoch_with_its_validation(stopped: Any) -> None:
    run, began = stopped(Signals("on_train_batch_start", 3, signal.SIGTERM))
    assert began == [0, 1, 2, 3]
    saved = torch.load(run.last, weights_only=True)
    assert saved["global_step"] == 2
    assert run.best.exists(), "the epoch's validation is not lost"


def test_in_a_validation_it_stops_behind_the_epoch(stopped: Any) -> None:
    run, began = stopped(Signals("on_validation_batch_start", 2, signal.SIGINT))
    assert began == [0, 1, 2, 3]
    assert torch.load(run.last, weights_only=True)["global_step"] == 2


def test_at_the_very_end_a_stop_is_not_forgotten(stopped: Any) -> None:
    _, began = stopped(Signals("on_train_epoch_end", 2, signal.SIGTERM))
    assert began == [0, 1, 2, 3, 10, 11, 12, 13]


def test_ctrl_c_twice_stops_at_once(stopped: Any) -> None:
    run, began = stopped(Signals("on_train_batch_start", 1, signal.SIGINT, signal.SIGINT))
    assert len(began) <= 1
    assert not run.last.exists()


def test_a_second_sigterm_disturbs_nothing(stopped: Any) -> None:
    run, _ = stopped(Signals("on_train_batch_start", 1, signal.SIGTERM, signal.SIGTERM))
    assert run.last.exists()


def test_without_a_safe_place_it_stops_when_its_patience_ends(stopped: Any) -> None:
    class Hangs(Signals):
        def _called(self, *_: Any, **__: Any) -> None:
            super()._called()
            if self.calls == self.nth:
                time.sleep(60)

    run, began = stopped(Hangs("on_train_batch_start", 1, signal.SIGTERM), patience_s=0.2)
    assert len(began) <= 1
    assert not run.last.exists()


def test_a_checkpoint_that_takes_longer_than_the_patience_is_whole(
    stopped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = BestAndLast._save_checkpoint

    def slow(self: BestAndLast, trainer: Any, filepath: str) -> None:
        time.sleep(0.4)
        whole(self, trainer, filepath)

    monkeypatch.setattr(BestAndLast, "_save_checkpoint", slow)
    run, _ = stopped(Signals("on_train_batch_start", 1, signal.SIGTERM), patience_s=0.2)
    assert torch.load(run.last, weights_only=True)["global_step"] == 1


@pytest.mark.parametrize(("minutes", "steps"), [(None, [2, 4]), (10.0, [2, 4]), (4.0, [1, 2, 3, 4])])
def test_a_checkpoint_by_time(
    tiny: Any, fit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float | None, steps: list[int]
) -> None:
    """A step takes four minutes here; an epoch has two, and ends with a checkpoint."""
    now, saved = [0.0], list[int]()
    monkeypatch.setattr("lab.callbacks.checkpoint.time.monotonic", lambda: now[0])

    class Clock(Callback):
        def on_before_optimizer_step(self, *_: Any) -> None:
            now[0] += 240.0

    class Noted(BestAndLast):
        def _save_checkpoint(self, trainer: Any, filepath: str) -> None:
            if filepath == self.last_model_path:
                saved.append(trainer.global_step)

    kept = Noted(RunFolder(tmp_path), "val/loss", "min", None, every_minutes=minutes)
    fit(tiny(), Clock(), kept, max_epochs=2, **ACCUMULATED)
    assert saved == steps
