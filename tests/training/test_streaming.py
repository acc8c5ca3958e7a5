"""A killed and resumed run on streamed rows equals the uninterrupted one."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.core.record.run_folder import RunFolder
from lab.data.text.maintenance.generator import generate


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder, reports = tmp_path_factory.mktemp("shards"), generate(600, 0)
    for shard in range(3):
        with (folder / f"{shard}.jsonl").open("w", encoding="utf-8") as file:
            for place in range(shard, 600, 3):
                labels = {head: names[reports.labels[head][place]] for head, names in reports.classes.items()}
                file.write(json.dumps({"text": reports.texts[place], **labels}) + "\n")
    return [
        "data=csv", "data.streaming=true", f"data.train={folder}", "data.text=[text]", "data.shuffle_buffer=64",
        "data.labels=[modo,causa,prioridad]", "model=ngram", "data.batch_size=8", "trainer.max_epochs=2",
        "trainer.accumulate_grad_batches=2", "logger=csv", "callbacks.checkpoint.every_n_steps=3",
        "callbacks.curves.png=false", "trainer.threads=1", "baselines.enabled=false",
    ]  # fmt: skip


@pytest.mark.slow  # three runs in processes of their own
def test_killed_and_resumed_equals_uninterrupted(
    warm: Any, equal_runs: Any, settings: list[str], tmp_path: Path
) -> None:
    whole, run = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "run")
    assert warm.run(whole.path, settings) == 0
    assert warm.run(run.path, settings, kill_at=75) == 9, "SIGKILL in the middle of the second epoch"
    assert warm.run(run.path, [*settings, f"resume={run.path}"]) == 0
    equal_runs(whole, run)
    assert whole.read()["data"]["streaming"]["shards"] == 3
