"""The record of baselines: written per split with notes, read back, and read from records of older versions."""

import numpy as np

from lab.core.record.baselines import baseline_notes, baseline_scores
from lab.core.record.fields import faults
from lab.training.baselines.base import Baseline, from_record, recorded, scores_of

LINEAR = Baseline("linear", {"val": {"f1_macro": 0.5}, "test": {"f1_macro": 0.25}}, note="fitted on 10 of 20 rows")
GAP = Baseline("logistic_lags", note="train has one class only")


def test_what_is_recorded_is_read_back() -> None:
    record = {"schema_version": 1, "status": "completed", "baselines": recorded([LINEAR, GAP])}
    assert list(faults(record)) == []
    assert baseline_scores(record) == {"linear": {"f1_macro": 0.25}}
    assert baseline_scores(record, "val") == {"linear": {"f1_macro": 0.5}}
    by_split = {"linear": {split: baseline_scores(record, split)["linear"] for split in ("val", "test")}}
    assert from_record(by_split, baseline_notes(record)) == (LINEAR, GAP)
    assert scores_of([LINEAR, GAP], "test") == {"linear": {"f1_macro": 0.25}}


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
