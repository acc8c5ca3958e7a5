"""Trained runs of every task, as the tests of predictions have them, and a function that exports."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from lab.config.check import check_export
from lab.export.folder import write_folder

from ..inference.conftest import CONF, decided, predict_with, read_csv, text_rows, trained, write_csv, write_weather

__all__ = ["decided", "predict_with", "read_csv", "text_rows", "trained", "write_csv", "write_weather"]
Export = Callable[..., list[str]]


@pytest.fixture
def exported(trained: Callable[[str], Path], tmp_path: Path) -> Export:
    """Exports a trained run to `tmp_path / "model"` and returns the lines: `exported("ngram", format="torch")`."""

    def export(name: str, **settings: Any) -> list[str]:
        defaults = yaml.safe_load((CONF / "export.yaml").read_text())
        own = {key: value for key, value in defaults.items() if key not in ("defaults", "hydra")}
        run = settings.pop("run", None) or trained(name)
        return write_folder(check_export(own | {"run": str(run), "output": str(tmp_path / "model")} | settings))

    return export


@pytest.fixture
def rows(tmp_path: Path) -> Callable[[str], Path]:
    """New rows for a trained run, as a file."""

    def new(name: str) -> Path:
        if name in ("series", "net", "lags"):
            return write_weather(tmp_path / "new.csv", hours=80)
        if name == "questions":
            context = "La bomba vibra porque el eje gira suelto. " * 9
            pairs = [("question", "context"), *((f"¿Por qué vibra {n}?", context[: 40 + 30 * n]) for n in range(8))]
            return write_csv(tmp_path / "new.csv", pairs)
        return write_csv(tmp_path / "new.csv", [("title", "text"), *(row[:2] for row in text_rows(12))])

    return new


def assert_same_predictions(first: Path, second: Path, tolerance: float) -> None:
    """Both files have the same rows, with probabilities that differ by at most the tolerance."""
    rows, others = read_csv(first), read_csv(second)
    assert rows
    for row, other in zip(rows, others, strict=True):
        assert list(row) == list(other)
        for column in row:
            if column.endswith("probability") and row[column]:
                assert float(row[column]) == pytest.approx(float(other[column]), abs=tolerance)
            else:
                assert row[column] == other[column]


def assert_same_answers(model: Any, tokenizer: Any, temperature: float, predictions: Path) -> None:
    """What transformers computes with a loaded model is what predict.py wrote for the head `cause`."""
    for row in read_csv(predictions):
        encoded = tokenizer(f"{row['title']} | {row['text']}", return_tensors="pt", truncation=True)
        with torch.inference_mode():
            probabilities = (model(**encoded).logits / temperature).softmax(-1)[0]
        assert row["cause"] == model.config.id2label[int(probabilities.argmax())]
        assert float(row["cause_probability"]) == pytest.approx(float(probabilities.max()), abs=1e-5)
