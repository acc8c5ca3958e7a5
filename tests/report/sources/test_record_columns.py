"""A record and a history as columns: missing numbers left out, numbers beyond 1e30 as NaN."""

import math

import numpy as np

from lab.report.sources.record_columns import comparable_number, history_columns, num_epochs, record_values

RECORD = {
    "objective": {"metric": "val/f1_macro", "value": 0.5, "epoch": None},
    "status": "completed",
    "metrics": {"test": {"f1_macro": 0.25, "loss": 1e40}},
    "baselines": {"majority": {"f1_macro": 0.125}},
    "timing_s": {"total": 3.0, "cpu": 5.0},
    "data": {"name": "notices", "leaks": {"val": {"same_share": 0.1}, "test": {"same_share": 0.2}}},
}


def test_a_record_is_flattened() -> None:
    values = record_values(RECORD)
    assert (values["objective"], values["mode"], values["data"]) == (0.5, "max", "notices")
    assert "objective_epoch" not in values
    assert (values["test/f1_macro"], values["majority/f1_macro"]) == (0.25, 0.125)
    assert math.isnan(values["test/loss"])
    assert values["data/leak_share"] == 0.2, "the largest of all splits"


def test_baselines_have_a_column_per_split() -> None:
    scores = {"val": {"f1_macro": 0.5, "cause/f1_macro": 0.75}, "test": {"f1_macro": 0.25}, "note": "on a sample"}
    values = record_values(RECORD | {"baselines": {"linear": scores, "logistic": {"note": "one class"}}})
    named = {name: value for name, value in values.items() if name.startswith(("linear", "logistic"))}
    assert named == {"linear/f1_macro": 0.25, "linear_val/f1_macro": 0.5, "linear_val/cause/f1_macro": 0.75}


def test_the_cpu_time_of_a_resumed_run_is_unknown() -> None:
    assert record_values(RECORD)["core_s"] == 5.0
    assert "core_s" not in record_values(RECORD | {"resumed": [{"at": "now"}]})


def test_a_history_keeps_metrics_of_all_heads_together_and_the_objective() -> None:
    rows = [
        {"epoch": 0, "val/f1_macro": 0.5, "val/cause/f1_macro": 0.25, "val/mode/f1_macro": 0.75},
        {"epoch": 1, "val/f1_macro": None, "val/cause/f1_macro": 0.5, "val/mode/f1_macro": 1.0},
    ]
    columns = history_columns(rows, "val/cause/f1_macro")
    assert set(columns) == {"epoch", "val/f1_macro", "val/cause/f1_macro"}
    assert np.isnan(columns["val/f1_macro"]).tolist() == [False, True]


def test_numbers_that_no_figure_can_show_are_nan() -> None:
    assert comparable_number(-1e30) == -1e30
    assert math.isnan(comparable_number(1.1e30))


def test_the_validation_before_training_is_no_epoch() -> None:
    rows = [{"epoch": -1, "step": 0, "val/f1": 0.5}, {"epoch": 0, "step": 3, "val/f1": 0.4}]
    assert num_epochs(history_columns(rows, "val/f1")) == 1
    assert num_epochs({}) == 0
