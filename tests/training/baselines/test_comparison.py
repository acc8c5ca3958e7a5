"""A run against its best baseline: which baseline, which metric, which verdict."""

import json
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lab.config.schema import BaselinesConfig
from lab.core.batches import MISSING
from lab.core.record.baseline_comparison import sentences
from lab.models.calibration import AnswerRows, ClassRows
from lab.training.baselines.base import Baseline
from lab.training.baselines.comparison import baseline_comparison

NUM = 300
RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.integers(0, 2, NUM)
SETTINGS = {"confidence": 0.95, "resamples": 400, "margin": 0.0}


def right_in(share: float) -> np.ndarray[Any, Any]:
    """Classes that are right in the first so many rows of the data."""
    return np.where(np.arange(NUM) < share * NUM, TRUTH, 1 - TRUTH)


def baseline(name: str, share: float, val: float | None = None, heads: tuple[str, ...] = ("y",)) -> Baseline:
    score = {f"{head}/f1_macro": share for head in heads} | {"f1_macro": share}
    by_split = {"test": score} | ({} if val is None else {"val": dict.fromkeys(score, val)})
    return Baseline(name, by_split, {"test": {head: right_in(share) for head in heads}})


def compare(
    share: float,
    *baselines: Baseline,
    kind: str = "ngram",
    metric: str = "val/f1_macro",
    heads: tuple[str, ...] = ("y",),
    truth: Mapping[str, Any] | None = None,
    offsets: Any = None,
    **settings: Any,
) -> dict[str, Any] | None:
    config: Any = SimpleNamespace(
        model=SimpleNamespace(kind=kind),
        objective=SimpleNamespace(metric=metric),
        baselines=BaselinesConfig(**(SETTINGS | settings)),
    )
    logits = np.eye(2)[right_in(share)]
    rows = {head: ClassRows(logits, (truth or {}).get(head, TRUTH), offsets) for head in heads}
    result: Any = SimpleNamespace(scored_rows=rows, predictions={})
    return baseline_comparison(config, result, baselines)


@pytest.mark.parametrize(("own", "verdict"), [(0.9, "above"), (0.504, "no_better"), (0.5, "no_better"), (0.2, "below")])
def test_the_verdict_follows_the_interval(own: float, verdict: str) -> None:
    compared = compare(own, baseline("linear", 0.5, 0.5))
    assert compared is not None
    part = compared["overall"]
    low, high = part["interval"]
    assert part["verdict"] == verdict
    assert {"above": low > 0, "no_better": low <= 0 <= high, "below": high < 0}[verdict]
    assert part["difference"] == pytest.approx(part["own"] - part["other"])
    assert compared["heads"] == {"y": part}
    json.dumps(compared, allow_nan=False)


def test_the_compared_classes_are_the_chosen_ones() -> None:
    always_the_second = compare(0.9, baseline("linear", 0.5, 0.5), offsets=np.array([0.0, 9.0]))
    assert always_the_second is not None
    share = float(TRUTH.mean())
    assert always_the_second["overall"]["own"] == pytest.approx(share / (1 + share))


def test_the_baseline_is_chosen_on_validation_though_another_is_better_on_test() -> None:
    compared = compare(0.6, baseline("linear", 0.5, 0.7), baseline("persistence", 0.9, 0.6), baseline("other", 0.99))
    assert compared is not None
    assert (compared["overall"]["baseline"], compared["overall"]["chosen_on"]) == ("linear", "val")


def test_without_validation_scores_it_is_chosen_on_test() -> None:
    compared = compare(0.6, baseline("linear", 0.5), baseline("persistence", 0.9))
    assert compared is not None
    assert (compared["overall"]["baseline"], compared["overall"]["chosen_on"]) == ("persistence", "test")
    assert compared["overall"]["verdict"] == "below"


def test_the_majority_alone_is_no_choice_where_a_learned_baseline_has_no_validation_rows() -> None:
    """As in a run that validates by leave-one-out: MiniRocket was said to be above the majority, ridge was better."""
    compared = compare(0.8, baseline("ridge", 0.9), baseline("majority", 0.4, 0.4))
    assert compared is not None
    assert (compared["overall"]["baseline"], compared["overall"]["chosen_on"]) == ("ridge", "test")
    assert compared["overall"]["verdict"] == "below"
    alone = compare(0.8, baseline("majority", 0.4, 0.4), Baseline("ridge", note="one class"))
    assert alone is not None
    assert (alone["overall"]["baseline"], alone["overall"]["chosen_on"]) == ("majority", "val")


def test_there_is_no_verdict_on_a_few_test_rows(caplog: pytest.LogCaptureFixture) -> None:
    truth = np.where(np.arange(NUM) < 9, TRUTH, MISSING)
    with caplog.at_level("INFO"):
        assert compare(0.9, baseline("linear", 0.5, 0.5), truth={"y": truth}) is None
    assert "y: 9 test rows with a label, too few to compare with a baseline (baselines.min_rows=10)" in caplog.text
    few = compare(0.9, baseline("linear", 0.5, 0.5), truth={"y": truth}, min_rows=9)
    assert few is not None
    assert few["overall"]["rows"] == 9


def test_windows_of_a_series_are_drawn_in_blocks_of_time() -> None:
    config: Any = SimpleNamespace(
        model=SimpleNamespace(kind="inception_time"), objective=SimpleNamespace(metric="val/mcc"),
        baselines=BaselinesConfig(**SETTINGS),
    )  # fmt: skip
    result: Any = SimpleNamespace(scored_rows={"y": ClassRows(np.eye(2)[right_in(0.6)], TRUTH)}, predictions={})
    known = Baseline("ridge", {"val": {"mcc": 0.2}}, {"test": {"y": right_in(0.5)}})
    alone, blocks = (baseline_comparison(config, result, [known], each) for each in (None, np.arange(NUM) // 30))
    assert alone is not None
    assert blocks is not None
    assert (alone["overall"]["blocks"], blocks["overall"]["blocks"]) == (None, 10)
    (low, high), (least, most) = (each["overall"]["interval"] for each in (alone, blocks))
    assert most - least > high - low  # what differs lies in one of ten blocks
    (line,) = sentences(blocks)
    assert line.endswith("(95 % interval, 300 test rows in 10 blocks of time).")


def test_a_baseline_of_fewer_training_rows_is_named_as_such() -> None:
    sampled = replace(baseline("linear", 0.5, 0.5), note="fitted on 10 of 20 training rows; another note")
    compared = compare(0.9, sampled)
    assert compared is not None
    assert compared["overall"]["sample"] == "fitted on 10 of 20 training rows"
    (line,) = sentences(compared)
    assert line.endswith("(95 % interval, 300 test rows; linear was fitted on 10 of 20 training rows).")
    whole = compare(0.9, baseline("linear", 0.5, 0.5))
    assert whole is not None
    assert whole["overall"]["sample"] is None


def test_a_model_is_not_compared_with_the_baseline_of_its_kind() -> None:
    compared = compare(0.9, baseline("linear", 0.9, 0.9), baseline("majority", 0.3, 0.3), kind="linear")
    assert compared is not None
    assert compared["overall"]["baseline"] == "majority"
    assert compare(0.9, baseline("linear", 0.9, 0.9), kind="linear") is None


def test_each_head_has_its_own_baseline_and_the_mean_another() -> None:
    one = Baseline("one", {"val": {"f1_macro": 0.4, "a/f1_macro": 0.8, "b/f1_macro": 0.1}},
                   {"test": {"a": right_in(0.8), "b": right_in(0.1)}})  # fmt: skip
    two = Baseline("two", {"val": {"f1_macro": 0.5, "a/f1_macro": 0.5, "b/f1_macro": 0.5}},
                   {"test": {"a": right_in(0.5), "b": right_in(0.5)}})  # fmt: skip
    compared = compare(0.7, one, two, heads=("a", "b"))
    assert compared is not None
    assert compared["overall"]["baseline"] == "two"
    assert {name: (each["baseline"], each["verdict"]) for name, each in compared["heads"].items()} == {
        "a": ("one", "below"),
        "b": ("two", "above"),
    }


def test_a_head_without_labels_on_test_is_left_out() -> None:
    known = baseline("linear", 0.5, 0.5, heads=("a", "b"))
    compared = compare(0.9, known, heads=("a", "b"), truth={"b": np.full(NUM, MISSING)})
    assert compared is not None
    assert list(compared["heads"]) == ["a"]
    assert compared["overall"]["rows"] == NUM


def test_a_baseline_that_lacks_the_rows_is_left_out() -> None:
    short = Baseline("short", {"val": {"f1_macro": 0.9}}, {"test": {"y": TRUTH[:10]}})
    compared = compare(0.9, short, baseline("majority", 0.5, 0.5))
    assert compared is not None
    assert compared["overall"]["baseline"] == "majority"
    assert compare(0.9, short) is None


def test_the_settings_act() -> None:
    known = baseline("linear", 0.5, 0.5)
    first = compare(0.6, known)
    wide, few = compare(0.6, known, confidence=0.999), compare(0.6, known, resamples=100)
    margin = compare(0.6, known, margin=0.3)
    assert first is not None
    assert wide is not None
    assert few is not None
    assert margin is not None
    assert wide["overall"]["interval"][0] < first["overall"]["interval"][0]
    assert few["overall"]["resamples"] == 100
    assert (first["overall"]["verdict"], margin["overall"]["verdict"]) == ("above", "no_better")


def test_the_metric_is_the_objective_or_macro_f1() -> None:
    accuracy = Baseline("linear", {"val": {"accuracy": 0.5}}, {"test": {"y": right_in(0.5)}})
    compared = compare(0.9, accuracy, metric="val/accuracy")
    assert compared is not None
    assert compared["overall"]["metric"] == "accuracy"
    assert compared["overall"]["own"] == pytest.approx(0.9)
    assert compared["overall"]["accuracy"] is None
    other = compare(0.9, baseline("linear", 0.5, 0.5), metric="val/loss")
    assert other is not None
    assert other["overall"]["metric"] == "f1_macro"


def test_accuracy_is_compared_as_well_with_the_same_baseline() -> None:
    """The truth is the first class in 9 of 10 rows: always to say so is right more often, with a worse macro-F1."""
    truth = (np.arange(NUM) % 10 == 0).astype(np.int64)
    own, always = np.where(np.arange(NUM) % 4 == 1, 1, truth), np.zeros(NUM, np.int64)
    config: Any = SimpleNamespace(
        model=SimpleNamespace(kind="ngram"), objective=SimpleNamespace(metric="val/f1_macro"),
        baselines=BaselinesConfig(**SETTINGS),
    )  # fmt: skip
    result: Any = SimpleNamespace(scored_rows={"y": ClassRows(np.eye(2)[own], truth)}, predictions={})
    known = Baseline("linear", {"val": {"f1_macro": 0.5}}, {"test": {"y": always}})
    compared = baseline_comparison(config, result, [known])
    assert compared is not None
    part = compared["overall"]
    assert (part["metric"], part["verdict"]) == ("f1_macro", "above")
    assert part["accuracy"]["own"] == pytest.approx((own == truth).mean())
    assert part["accuracy"]["other"] == pytest.approx(0.9)
    assert part["accuracy"]["interval"][1] < 0
    assert part["accuracy"]["verdict"] == "below"
    assert sentences(compared)[-1].startswith("Below its baseline in accuracy, though not in macro-F1: .750 against")


def test_areas_use_probabilities_where_a_baseline_has_them() -> None:
    logits = np.stack([np.zeros(NUM), TRUTH + RANDOM.random(NUM)], 1).astype(np.float32)  # ranks perfectly
    known = Baseline("linear", {"val": {"auc": 0.9}}, {"test": {"y": right_in(0.5)}}, logits={"test": {"y": logits}})
    compared = compare(0.9, known, metric="val/auc")
    assert compared is not None
    assert (compared["overall"]["metric"], compared["overall"]["other"]) == ("auc", 1.0)


def test_questions_are_compared_by_the_grades_of_each_question() -> None:
    config: Any = SimpleNamespace(model=SimpleNamespace(kind="encoder"), baselines=BaselinesConfig(**SETTINGS))
    grades = {"em": np.zeros(50), "f1": np.full(50, 0.2)}
    best = Baseline("best_sentence", {"val": {"f1": 0.2, "em": 0.0}}, grades={"test": grades})
    own = {"em": np.zeros(50), "f1": np.full(50, 0.6)}
    result: Any = SimpleNamespace(
        scored_rows={"answer": AnswerRows(np.zeros((50, 1)), np.zeros(50, bool))}, predictions=own
    )
    compared = baseline_comparison(config, result, [best])
    assert compared is not None
    assert {name: each["verdict"] for name, each in compared["heads"].items()} == {"f1": "above", "em": "no_better"}
    assert compared["overall"]["difference"] == pytest.approx(0.4)
