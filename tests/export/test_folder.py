"""Exports end to end: predictions equal those of the run, nothing is half-written, refusals come before work."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.core.errors import RequestError
from lab.export import torch_format
from lab.inference.predict import Done

from .conftest import Export, assert_same_predictions, decided, read_csv

PredictWith = Callable[..., Done]


@pytest.mark.parametrize("name", ["ngram", "linear", "encoder", "lora", "questions", "series", "lags"])
def test_an_export_predicts_what_its_run_predicts(
    exported: Export,
    predict_with: PredictWith,
    rows: Callable[[str], Path],
    trained: Callable[[str], Path],
    tmp_path: Path,
    name: str,
) -> None:
    new = rows(name)
    predict_with(name, input=new)
    exported(name)
    assert not list((tmp_path / "model").rglob("*.ckpt"))
    away = tmp_path / "elsewhere"
    shutil.move(tmp_path / "model", away)
    predict_with(name, run=away, input=new, output=tmp_path / "again.csv")
    assert_same_predictions(tmp_path / "out.csv", tmp_path / "again.csv", 1e-5)


def test_a_decision_rule_goes_with_the_export(
    exported: Export,
    predict_with: PredictWith,
    rows: Callable[[str], Path],
    trained: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    run = decided(Path(shutil.copytree(trained("linear"), tmp_path / "copy")), "cause", [0.0, 99.0])
    exported("linear", run=run)
    predict_with("linear", run=tmp_path / "model", input=rows("linear"))
    assert {row["cause"] for row in read_csv(tmp_path / "out.csv")} == {"wear"}
    assert (
        "share of the training rows)^tau, with tau by head: cause 1." in (tmp_path / "model" / "README.md").read_text()
    )


def test_an_export_has_the_records_without_the_machine(exported: Export, tmp_path: Path) -> None:
    exported("ngram")
    folder = tmp_path / "model"
    record = json.loads((folder / "run.json").read_text())
    assert "process" not in record
    assert record["metrics"]["test"]
    assert json.loads((folder / "calibration.json").read_text())["temperatures"]
    assert (folder / "reference.json").exists()
    assert json.loads((folder / "export.json").read_text()) == {"format": "torch", "checkpoint": "best"}


def test_an_export_of_an_export_keeps_its_checkpoint(exported: Export, tmp_path: Path) -> None:
    exported("ngram", checkpoint="last")
    exported("ngram", run=tmp_path / "model", output=str(tmp_path / "second"))
    assert json.loads((tmp_path / "second" / "export.json").read_text())["checkpoint"] == "last"


def test_an_existing_output_is_refused_and_kept(exported: Export, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(RequestError, match="exists already"):
        exported("ngram")
    assert list((tmp_path / "model").iterdir()) == []


def test_an_output_below_a_file_is_refused(exported: Export, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match="is no folder"):
        exported("ngram", output=str(tmp_path / "file" / "model"))


def test_what_stops_leaves_nothing(exported: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(torch_format, "save_file", stopped)
    with pytest.raises(KeyboardInterrupt):
        exported("ngram")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [("model.safetensors", b"\x80\x04.", "does not contain the weights"), ("export.json", b"{}", "cannot be read"),
     ("model.safetensors", None, "does not contain the weights")],
)  # fmt: skip
def test_a_damaged_export_is_refused(
    exported: Export, predict_with: PredictWith, rows: Callable[[str], Path], tmp_path: Path, file: str,
    content: bytes | None, problem: str,
) -> None:  # fmt: skip
    exported("ngram")
    (tmp_path / "model" / file).unlink()
    if content is not None:
        (tmp_path / "model" / file).write_bytes(content)
    with pytest.raises(RequestError, match=problem):
        predict_with("ngram", run=tmp_path / "model", input=rows("ngram"))


def test_links_in_a_run_do_not_lead_out_of_it(exported: Export, trained: Callable[[str], Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained("ngram"), run)
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    (run / "tokenizer" / "notes.txt").symlink_to(secret)
    exported("ngram", run=run)
    texts = [file.read_bytes() for file in (tmp_path / "model").rglob("*") if file.is_file()]
    assert not any(b"a secret" in text for text in texts)


def test_an_export_has_one_checkpoint(
    exported: Export, predict_with: PredictWith, rows: Callable[[str], Path], tmp_path: Path
) -> None:
    exported("ngram")
    with pytest.raises(RequestError, match="one checkpoint only"):
        predict_with("ngram", run=tmp_path / "model", input=rows("ngram"), checkpoint="last")
