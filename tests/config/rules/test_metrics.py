"""Metrics that no task logs are refused from the config alone; the lists are those that are logged."""

import pytest

from lab.config.rules import contradictions
from lab.config.rules.metrics import NAMES, is_known
from lab.config.rules.tasks import ASKED, LABELLED, SERIES
from lab.models.metrics import NAMES as CLASS_SCORES
from lab.training.tasks.question_answering import METRICS


def test_the_names_are_those_that_are_logged() -> None:
    assert {*NAMES[LABELLED]} == {*NAMES[SERIES]} == {*CLASS_SCORES, "loss", "auc"}
    assert {*NAMES[ASKED]} == {*METRICS}


@pytest.mark.parametrize(
    ("metric", "kind", "remedy"),
    [
        ("val/f1_macro", "maintenance", None),
        ("val/causa/mcc", "files", None),
        ("val/auc", "ucr", None),
        ("val/em", "squad", None),
        ("val/perplexity", "maintenance", "val/f1_macro"),
        ("val/accuracy", "qa_demo", "val/f1"),
        ("val/f1", "files", "val/f1_macro"),
        ("val/causa/f1_macro", "rainfall", "val/f1_macro"),
    ],
)
def test_a_metric_that_is_not_there(metric: str, kind: str, remedy: str | None) -> None:
    found = list(contradictions({"objective": {"metric": metric, "mode": "min"}, "data": {"kind": kind}}, set()))
    told = [one.remedy for one in found if one.key == "objective.metric"]
    assert told == ([] if remedy is None else [f"objective.metric={remedy}"])
    assert is_known(metric) == any(one.key == "objective.mode" for one in found)


@pytest.mark.parametrize(
    ("metric", "labels", "wrong"),
    [("val/a/mcc", ["a", "b"], False), ("val/c/mcc", ["a", "b"], True), ("val/a/mcc", ["a"], True)],
)
def test_a_head_that_is_not_there(metric: str, labels: list[str], wrong: bool) -> None:
    stopping = {"early_stopping": {"metric": None}}
    config = {"objective": {"metric": metric}, "data": {"labels": labels}, "callbacks": stopping}
    assert bool(list(contradictions(config, set()))) == wrong
