"""Whole runs from a command line: two processes give the record of one, for tasks that tests/training/ranks leaves
out."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from lab.data.text.maintenance.generator import generate

SCRIPT = Path(__file__).resolve().parents[2] / "train.py"
PLAIN = [
    "baselines.enabled=false", "callbacks.curves.png=false", "logger=csv", "seed=1",
    "trainer.max_epochs=2", "trainer.threads=1", "model.dropout=0",
]  # fmt: skip
ENCODER = [
    "model=tiny", "model.architecture.hidden_size=32", "model.architecture.intermediate_size=64",
    "+model.architecture.hidden_dropout_prob=0", "model.vocabulary_size=500",
]  # fmt: skip
RUNS = {
    "questions": ["data=qa_demo", "data.num_contexts=31", "objective.metric=val/f1", *ENCODER],
    "series": [
        "data=rainfall", "model=inception_time", "model.depth=3", "model.filters=4", "trainer.sync_batchnorm=true",
        "trainer.precision=64",
        "trainer.limit_train_batches=20", "trainer.limit_val_batches=5", "trainer.limit_test_batches=5",
    ],
    "unfreezing": [
        "data=maintenance", "data.num_rows=151", "callbacks.freeze.schedule={0:1,1:0}",
        "trainer.accumulate_grad_batches=2", *ENCODER,
    ],
}  # fmt: skip
"""Settings by task. In fp32 torch's own batch norm, in one process, rounds otherwise: 5e-4 after 40 steps."""


def record(folder: Path, *words: str) -> Any:
    command = [sys.executable, str(SCRIPT), *words, f"hydra.run.dir={folder}"]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=500, env=dict(os.environ), cwd=folder.parent
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))["metrics"]


@pytest.mark.slow  # two runs each
@pytest.mark.parametrize("name", list(RUNS))
def test_two_devices_have_the_scores_of_one(name: str, tmp_path: Path) -> None:
    words = [*PLAIN, *RUNS[name]]
    one = record(tmp_path / "one", *words, "data.batch_size=16", "data.eval_batch_size=32")
    together = ["trainer.devices=2", "trainer.strategy=ddp", "data.batch_size=8", "data.eval_batch_size=16"]
    two = record(tmp_path / "two", *words, *together)
    tested = one.pop("test"), two.pop("test")
    for split, scores in one.items():
        assert two[split] == pytest.approx(scores, abs=1e-4, nan_ok=True), split
    if name != "series":  # its limited test has half as many rows in a process with half the batch
        assert tested[1] == pytest.approx(tested[0], abs=1e-4, nan_ok=True)


@pytest.mark.slow  # a run of two processes
def test_streamed_shards_train_in_two_processes(tmp_path: Path) -> None:
    reports = generate(2001, seed=3)
    modes = [reports.classes["modo"][code] for code in reports.labels["modo"]]
    (tmp_path / "shards").mkdir()
    for number in range(3):
        part = slice(667 * number, 667 * (number + 1))
        table = pa.table({"text": reports.texts[part], "modo": modes[part]})
        pyarrow.parquet.write_table(table, tmp_path / "shards" / f"{number}.parquet", row_group_size=100)
    words = [
        *PLAIN, "data=csv", "data.streaming=true", f"data.train={tmp_path / 'shards'}", "data.text=[text]",
        "data.labels=[modo]", "data.shuffle_buffer=256", "data.batch_size=16", "data.leaks.action=warn", "model=ngram",
        "trainer.devices=2", "trainer.strategy=ddp",
    ]  # fmt: skip
    record(tmp_path / "run", *words)
    run = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert run["status"] == "completed"
    assert run["objective"]["step"] % -(-run["data"]["rows"]["train"] // 32) == 0, "equally many steps in both"
    assert run["data"]["streaming"]["shards"] == 3
    assert run["metrics"]["train"]["f1_macro"] > 0.3
