"""A module of one's own predicts by its predict_step: its columns, in the rows' places, or a refusal in words."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch

from lab.core.errors import RequestError, RunError
from lab.inference.custom import CustomPredictor
from lab.inference.predict import Done

from .conftest import read_csv, write_csv

CPU = torch.device("cpu")
ROWS = [(0.1 * n, 0.05 * n, f"m{n}") for n in range(20)]


def test_the_columns_of_predict_step_are_the_columns_of_predictions(
    predict_with: Callable[..., Done], tmp_path: Path
) -> None:
    new = write_csv(tmp_path / "new.csv", [("velocidad", "load", "name"), *ROWS])
    with new.open("a") as file:
        file.write("only two,cells\n")
    settings = {"input": new, "columns": {"speed": "velocidad"}}
    done = predict_with("custom", **settings, batch_size=6)
    whole = read_csv(tmp_path / "out.csv")
    assert done.rows == 21
    assert list(whole[0]) == ["velocidad", "load", "name", "heat", "state"]
    assert [row["name"] for row in whole[:-1]] == [row[2] for row in ROWS]
    assert [row["heat"] for row in whole].index("") == 20
    assert {row["state"] for row in whole[:-1]} <= {"hot", "cold"}
    predict_with("custom", **settings, batch_size=1, output=tmp_path / "alone.csv")
    for row, alone in zip(whole[:-1], read_csv(tmp_path / "alone.csv")[:-1], strict=True):
        assert float(row["heat"]) == pytest.approx(float(alone["heat"]), abs=1e-5)
    with new.open() as file:
        assert len(list(csv.reader(file))) == 22


def test_a_column_that_the_module_reads_and_the_input_lacks(predict_with: Callable[..., Done], tmp_path: Path) -> None:
    new = write_csv(tmp_path / "new.csv", [("speed", "name"), (1, "a")])
    with pytest.raises(RequestError, match="has no column 'load'") as caught:
        predict_with("custom", input=new)
    assert "columns={load: speed}" in str(caught.value)
    with pytest.raises(RequestError, match="no row that can be read"):
        predict_with("custom", input=write_csv(tmp_path / "bad.csv", [("speed", "load")]))
    assert not (tmp_path / "out.csv").exists()


class Returns(pl.LightningModule):
    """predict_step gives what it was made with, or what a function makes of the batch."""

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result

    def predict_step(self, batch: Any, batch_idx: int) -> Any:
        return self.result(batch) if callable(self.result) else self.result


def predictor(result: Any, columns: dict[str, str] | None = None) -> CustomPredictor:
    return CustomPredictor(Returns(result), columns or {}, 2, CPU)


def predicted(result: Any, rows: Sequence[dict[str, Any]]) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
    made = predictor(result)
    made.learn_fields(rows[0])
    return [(field.name, field.kind) for field in made.fields], made.predict(rows).cells


def test_a_tensor_of_classes_is_one_column_and_numeric_columns_are_tensors() -> None:
    rows = [{"a": "1", "b": "x"}, {"a": 2.5, "b": None}, {"a": "3", "b": "z"}]
    fields, cells = predicted(lambda batch: batch["a"].long(), rows)
    assert (fields, cells) == ([("prediction", "whole number")], [(1,), (2,), (3,)])
    fields, cells = predicted(lambda batch: {"text": [word.upper() for word in batch["b"]]}, rows)
    assert (fields, cells) == ([("text", "text")], [("X",), ("",), ("Z",)])


@pytest.mark.parametrize("result", [None, torch.zeros(1, 3), "word", {"a": torch.zeros(4)}, [1, 2, 3]])
def test_another_result_is_refused_before_anything_is_written(result: Any) -> None:
    with pytest.raises(RequestError, match="predict_step returned"):
        predictor(result).learn_fields({"a": 1})


def test_a_result_that_changes_its_columns_ends_the_command() -> None:
    made = predictor(lambda batch: {f"c{int(batch['a'][0])}": batch["a"]})
    made.learn_fields({"a": 1})
    with pytest.raises(RunError, match="others for the first row"):
        made.predict([{"a": 2}])


def test_a_module_that_cannot_predict_is_refused() -> None:
    with pytest.raises(RequestError, match="neither predict_step nor forward"):
        CustomPredictor(pl.LightningModule(), {}, 2, CPU)
