"""The record of baselines: written per split with notes, read back, and read from records of older versions."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lab.core.batches import MISSING
from lab.core.record.baselines import baseline_notes, baseline_scores
from lab.core.record.fields import faults
from lab.training.baselines.base import Baseline, best_first, from_record, notes, recorded

LINEAR = Baseline("linear", {"val": {"f1_macro": 0.5}, "test": {"f1_macro": 0.25}}, note="fitted on 10 of 20 rows")
GAP = Baseline("logistic_lags", note="train has one class only")


def test_what_is_recorded_is_read_back() -> None:
    record = {"schema_version": 1, "status": "completed", "baselines": recorded([LINEAR, GAP])}
    assert list(faults(record)) == []
    assert baseline_scores(record) == {"linear": {"f1_macro": 0.25}}
    assert baseline_scores(record, "val") == {"linear": {"f1_macro": 0.5}}
    by_split = {"linear": {split: baseline_scores(record, split)["linear"] for split in ("val", "test")}}
    assert from_record(by_split, baseline_notes(record)) == (LINEAR, GAP)


def test_probabilities_have_their_calibration_in_the_record() -> None:
    """Of four rows with a label three are right, each with probability 3/4."""
    logits = np.log(np.tile([0.75, 0.25], (5, 1))).astype(np.float32)
    labels = {"a": np.array([0, 0, 0, 1, MISSING]), "b": np.full(5, MISSING)}
    known = replace(LINEAR, logits={"test": {"a": logits, "b": logits}}, truth={"test": labels})
    record: dict[str, Any] = {"schema_version": 1, "status": "completed", "baselines": recorded([known])}
    assert list(faults(record)) == []
    (found,) = record["baselines"]["linear"]["calibration"]["test"].items()
    assert found == ("a", {"rows": 4, "ece": pytest.approx(0, abs=1e-6), "brier": pytest.approx(0.375)})
    assert baseline_scores(record) == {"linear": {"f1_macro": 0.25}}
    damaged = record | {"baselines": {"linear": {"test": {}, "calibration": {"test": {"a": {"ece": "low"}}}}}}
    assert list(faults(damaged)) == ["baselines.linear.calibration.test.a.ece is not a finite number"]


def test_older_records_have_test_scores() -> None:
    record = {"schema_version": 1, "status": "completed", "baselines": {"majority": {"f1_macro": 0.5, "mcc": None}}}
    assert list(faults(record)) == []
    assert baseline_scores(record) == {"majority": {"f1_macro": 0.5, "mcc": None}}
    assert baseline_scores(record, "val") == baseline_notes(record) == {}
    (known,) = from_record({"majority": {"test": baseline_scores(record)["majority"]}}, {})
    assert np.isnan(known.scores["test"]["mcc"])


def test_a_damaged_record_is_named() -> None:
    record = {"schema_version": 1, "status": "completed", "baselines": {"linear": {"test": {"f1_macro": "high"}}}}
    assert list(faults(record)) == ["baselines.linear.test.f1_macro is not a finite number"]
    record["baselines"] = {"linear": {"note": 3}, "majority": {"f1_macro": "low"}}
    assert list(faults(record)) == [
        "baselines.linear.note is not text",
        "baselines.majority.f1_macro is not a finite number",
    ]


def test_tables_have_the_best_on_validation_first_and_the_majority_last() -> None:
    def scored(name: str, val: float | None, test: float) -> Baseline:
        return Baseline(name, {"test": {"f1_macro": test}} | ({} if val is None else {"val": {"f1_macro": val}}))

    found = [scored("majority", 0.9, 0.1), scored("ridge", None, 0.9), scored("persistence", 0.3, 0.8),
             scored("linear", 0.5, 0.2), GAP, scored("logistic_lags", np.nan, 0.3)]  # fmt: skip
    assert [each.name for each in best_first(found)] == ["linear", "persistence", "ridge", "logistic_lags", "majority"]
    assert notes([LINEAR, GAP]) == ["linear: fitted on 10 of 20 rows", "logistic lags: train has one class only"]
