"""Metrics of the best validation by split; the columns of predictions that loggers can show."""

from dataclasses import dataclass

import numpy as np

from lab.core.record.run_folder import RunFolder
from lab.core.terminal.tables import Table
from lab.training.evaluation.base import LOGGED_ROWS, EvaluationResult, split_metrics


@dataclass(frozen=True)
class Plain(EvaluationResult):
    def write(self, folder: RunFolder) -> None:
        raise AssertionError("nothing is written here")

    def table(self) -> Table:
        return Table()


def test_the_metrics_of_the_best_validation_without_prefix_and_rates() -> None:
    history = [
        {"epoch": 0, "step": 10, "train/loss": 1.0, "val/loss": 2.0},
        {"epoch": 1, "step": 20, "train/loss": 0.5, "train/samples_per_s": 90.0, "val/loss": 1.5, "lr": 0.1},
        {"epoch": 2, "step": 30, "train/loss": 0.25, "val/loss": 1.75},
    ]
    assert split_metrics(history, 20) == {"train": {"loss": 0.5}, "val": {"loss": 1.5}}
    assert split_metrics(history, None) == {"train": {}, "val": {}}


def test_columns_with_a_list_a_row_are_left_to_the_file() -> None:
    result = Plain({}, None, {"row": np.arange(LOGGED_ROWS + 1), "shares": np.zeros((3, 2)), "label": ["a", None]})
    assert set(result.columns) == {"row", "label"}
    assert len(result.columns["row"]) == LOGGED_ROWS
    assert result.columns["label"] == ["a", None]
    assert result.confusions == {}
