"""Folders as the Trainer of transformers 5 leaves them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.config.schema.report import ReportRequest
from lab.core.errors import RequestError
from lab.report.analysis.run_table import build_run_table
from lab.report.build import build
from lab.report.findings import Runs
from lab.report.sources import huggingface
from lab.report.sources.huggingface import checkpoints, read

Ask = Callable[..., ReportRequest]


def log(step: int, per_epoch: int, **values: float) -> dict[str, Any]:
    return {"epoch": step / per_epoch, "step": step, **values}


def write_trainer(folder: Path, f1: list[float], per_epoch: int = 5485, **state: Any) -> None:
    """One checkpoint an epoch, each with the state so far."""
    history: list[dict[str, Any]] = []
    for epoch, value in enumerate(f1, 1):
        step = epoch * per_epoch
        history += [log(step, per_epoch, loss=1 / epoch, learning_rate=3e-5 / epoch, grad_norm=1.0)]
        history += [log(step, per_epoch, eval_f1=value, eval_loss=1 - value, eval_runtime=2.0)]
        place = folder / f"checkpoint-{step}"
        place.mkdir(parents=True)
        trainer_state = {
            "global_step": step,
            "epoch": float(epoch),
            "num_train_epochs": len(f1),
            "max_steps": len(f1) * per_epoch,
        }
        trainer_state |= {"best_metric": max(f1[:epoch]), "log_history": history} | state
        (place / "trainer_state.json").write_text(json.dumps(trainer_state))


def table(folder: Path, request: ReportRequest) -> Runs:
    return build_run_table(read(request), request.objective, request.allow_mixed, request.statistics.repeats)


def test_checkpoints_by_step_number_and_best_by_metric(tmp_path: Path, ask: Ask) -> None:
    """As text, checkpoint-5485 sorts after checkpoint-10970: an early epoch would pass for the last."""
    write_trainer(tmp_path / "lora", [0.50, 0.80, 0.70])
    assert list(checkpoints(tmp_path / "lora")) == [5485, 10970, 16455]
    (row,) = table(tmp_path, ask(runs=str(tmp_path), source="hf")).frame.to_dict("records")
    assert (row["metric"], row["mode"], row["objective"]) == ("val/f1", "max", 0.8)
    assert (row["objective_step"], row["objective_epoch"], row["epochs"]) == (10970, 1, 3)
    assert row["status"] == "completed"
    assert row["reason"].endswith("best checkpoint checkpoint-10970")
    assert row["train/loss"] == 0.5


def test_names_that_hold_each_other_are_two_runs(tmp_path: Path, ask: Ask) -> None:
    write_trainer(tmp_path / "lora", [0.55])
    write_trainer(tmp_path / "qlora", [0.6])
    assert table(tmp_path, ask(runs=str(tmp_path), source="hf")).frame["run"].tolist() == ["lora", "qlora"]


def test_an_objective_that_is_asked_for_counts(tmp_path: Path, ask: Ask) -> None:
    write_trainer(tmp_path / "a", [0.5, 0.8])
    request = ask(runs=str(tmp_path), source="hf", objective__metric="val/loss")
    (row,) = table(tmp_path, request).frame.to_dict("records")
    assert row["objective"] == pytest.approx(0.2)


def test_an_unfinished_run_is_shown_as_such_and_a_damaged_one_named(tmp_path: Path, ask: Ask) -> None:
    write_trainer(tmp_path / "cut", [0.55, 0.6], num_train_epochs=5)
    write_trainer(tmp_path / "bad", [0.55])
    (tmp_path / "bad" / "checkpoint-5485" / "trainer_state.json").write_text("{")
    write_trainer(tmp_path / "unknown", [0.55], best_metric=None)
    result = read(ask(runs=str(tmp_path), source="hf"))
    assert [run.values["status"] for run in result.runs] == ["interrupted"]
    assert sorted(Path(one.path).name for one in result.exclusions) == ["bad", "unknown"]


def test_test_scores_are_read_and_validation_is_no_test(tmp_path: Path, ask: Ask) -> None:
    write_trainer(tmp_path / "a", [0.55])
    (tmp_path / "a" / "all_results.json").write_text(json.dumps({"eval_f1": 0.9, "test_f1": 0.4}))
    (row,) = table(tmp_path, ask(runs=str(tmp_path), source="hf")).frame.to_dict("records")
    assert (row["test/f1"], row["val/f1"]) == (0.4, 0.55)


def test_event_files_give_arguments_and_curves(tmp_path: Path, ask: Ask) -> None:
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    write_trainer(tmp_path / "a", [0.5, 0.6], per_epoch=10)
    writer = tensorboard.SummaryWriter(str(tmp_path / "a" / "runs" / "now"))
    arguments = {"learning_rate": 3e-5, "per_device_train_batch_size": 16, "metric_for_best_model": "loss", "seed": 7}
    writer.add_text("args", json.dumps(arguments))
    writer.add_text("model_config", json.dumps({"_name_or_path": "bert-base-uncased"}))
    for step in (10, 20):
        writer.add_scalar("eval/accuracy", step / 100, step)
    writer.close()
    result = read(ask(runs=str(tmp_path), source="hf"))
    (run,) = result.runs
    assert run.config["optimizer.lr"] == 3e-5
    assert run.config["model.name"] == "bert-base-uncased"
    assert run.values["seed"] == 7
    assert (run.values["metric"], run.values["mode"]) == ("val/loss", "min")
    assert run.values["val/accuracy"] == pytest.approx(0.2)
    assert run.history["val/accuracy"].tolist() == pytest.approx([0.1, 0.2])


def test_event_files_without_tensorboard_are_refused(tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    write_trainer(tmp_path / "a", [0.55])
    (tmp_path / "a" / "events.out.tfevents.1").write_bytes(b"")
    monkeypatch.setattr(huggingface, "is_installed", lambda _: False)
    with pytest.raises(RequestError, match=r"pip install 'tensorboard>=2\.20'"):
        read(ask(runs=str(tmp_path), source="hf"))


def test_a_whole_report_of_trainer_folders(tmp_path: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.report.build.page.write", lambda report, lang: None)
    write_trainer(tmp_path / "old" / "a", [0.5, 0.6])
    write_trainer(tmp_path / "old" / "b", [0.7, 0.6])
    shutil.copytree(tmp_path / "old" / "b", tmp_path / "old" / "c" / "nested")
    report = build(ask(runs=str(tmp_path / "old"), source="hf", output=str(tmp_path / "report")), "")
    assert report.winner is not None
    assert report.runs.frame["run"].iloc[report.winner.row] == "b"
    assert report.winner.retrain is None
    assert not (tmp_path / "report" / "experiment").exists()
