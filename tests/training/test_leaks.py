"""300 epochs in one process: memory and file descriptors stay flat."""

import subprocess
import sys
from pathlib import Path

import pytest

from ..growth import Sampler, growth

TRAIN = Path(__file__).parents[2] / "train.py"
EPOCHS = 300
MOST_KIB = 20.0
"""Growth per epoch that the history, the log and the times of epochs explain; 300 epochs are 6 MB of it."""


@pytest.mark.slow
def test_300_epochs_leave_memory_and_descriptors_flat(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = [f"hydra.run.dir={run}", f"cache.dir={tmp_path / 'cache'}", "model=ngram", "model.buckets=500",
             "data.num_rows=120", f"trainer.max_epochs={EPOCHS}", "logger=csv", "baselines.enabled=false",
             "callbacks.curves.png=false", "trainer.threads=1", "trainer.precision=32"]  # fmt: skip
    history = run / "history.jsonl"
    process = subprocess.Popen([sys.executable, str(TRAIN), *words], stdout=subprocess.DEVNULL)
    sampler = Sampler(process.pid, lambda: history.read_text().count("\n") if history.exists() else 0)
    sampler.start()
    assert process.wait() == 0
    grown = growth(sampler.samples, EPOCHS)
    assert grown.fds == 0, grown
    assert grown.rss_kib < MOST_KIB, grown
