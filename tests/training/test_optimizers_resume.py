"""Every optimizer and every schedule trains, logs its true rate, and resumes with the weights of a straight run."""

from pathlib import Path
from typing import Any

import pytest

from lab.core.record.run_folder import RunFolder

SETTINGS = [
    "model=ngram", "model.buckets=1000", "model.dimension=8", "data.num_rows=100", "data.batch_size=8", "logger=csv",
    "data.eval_batch_size=64", "trainer.max_epochs=3", "callbacks.curves.png=false", "trainer.threads=1",
    "callbacks.checkpoint.every_n_steps=1", "trainer.log_every_n_steps=1",
]  # fmt: skip
"""Three epochs of ten steps."""
CASES = {
    "sgd, one cycle": ["optimizer=sgd", "scheduler=one_cycle"],
    "adafactor, plateau": ["optimizer=adafactor", "scheduler=plateau", "scheduler.patience=0", "scheduler.threshold=9",
                           "trainer.val_check_interval=0.5"],
    "lion, transformers": ["optimizer=lion", "scheduler=transformers", "scheduler.name=cosine_with_restarts",
                           "scheduler.arguments={num_cycles: 2}"],
    "adamw, one cycle": ["scheduler=one_cycle"],
    "torch's own": ["optimizer=custom", "optimizer._target_=torch.optim.RMSprop", "+optimizer.momentum=0.5",
                    "scheduler=custom", "scheduler._target_=torch.optim.lr_scheduler.CosineAnnealingLR"],
    "by epoch": ["scheduler=custom", "scheduler._target_=torch.optim.lr_scheduler.ExponentialLR",
                 "+scheduler.gamma=0.5", "scheduler.interval=epoch"],
    "a custom loss": ["loss=custom", "loss._target_=torch.nn.MultiMarginLoss", "+loss.margin=0.5",
                      "loss.class_weights=balanced"],
}  # fmt: skip
RATES = {
    "by epoch": lambda step, lr: lr * 0.5 ** ((step - 1) // 10),
    "torch's own": lambda step, lr: lr * 0.5 * (1 + __import__("math").cos(__import__("math").pi * (step - 1) / 30)),
}


QUICK = {"sgd, one cycle", "adafactor, plateau", "by epoch"}


@pytest.mark.parametrize(
    "case", [case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in CASES]
)
def test_killed_and_resumed_equals_straight(warm: Any, equal_runs: Any, tmp_path: Path, case: str) -> None:
    straight, run = RunFolder(tmp_path / "straight"), RunFolder(tmp_path / "run")
    assert warm.run(straight.path, SETTINGS + CASES[case]) == 0
    for kill_at in (13, 9):  # inside the second epoch, then in the first batch after its end
        again = [f"resume={run.path}"] if run.last.exists() else []
        assert warm.run(run.path, SETTINGS + CASES[case] + again, kill_at=kill_at) == 9
    assert warm.run(run.path, [*SETTINGS, *CASES[case], f"resume={run.path}"]) == 0
    equal_runs(straight, run)
