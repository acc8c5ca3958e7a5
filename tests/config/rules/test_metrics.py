"""Metrics that no task logs are refused from the config alone; the lists are those that are logged."""

from typing import Any

import pytest

from lab.config.rules import contradictions
from lab.config.rules.metrics import NAMES, is_known
from lab.config.rules.tasks import LABELLED, QUESTIONS, SERIES
from lab.models.metrics import NAMES as CLASS_SCORES
from lab.training.tasks.question_answering import METRICS


def test_the_names_are_those_that_are_logged() -> None:
    assert {*NAMES[LABELLED]} == {*NAMES[SERIES]} == {*CLASS_SCORES, "loss", "auc"}
    assert {*NAMES[QUESTIONS]} == {*METRICS}


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
    config = {"objective": {"metric": metric, "mode": "min"}, "data": {"kind": kind}, "metrics": {"extra": {}}}
    result = list(contradictions(config, set()))
    reported = [one.remedy for one in result if one.key == "objective.metric"]
    assert reported == ([] if remedy is None else [f"objective.metric={remedy}"])
    assert is_known(metric) == any(one.key == "objective.mode" for one in result)


@pytest.mark.parametrize(
    ("metric", "labels", "wrong"),
    [("val/a/mcc", ["a", "b"], False), ("val/c/mcc", ["a", "b"], True), ("val/a/mcc", ["a"], True)],
)
def test_a_head_that_is_not_there(metric: str, labels: list[str], wrong: bool) -> None:
    stopping = {"early_stopping": {"metric": None}}
    config = {"objective": {"metric": metric}, "data": {"labels": labels}, "callbacks": stopping}
    assert bool(list(contradictions(config, set()))) == wrong


AUROC = {"_target_": "torchmetrics.classification.MulticlassAUROC"}
HINGE = {"_target_": "torchmetrics.classification.MulticlassHingeLoss"}
ACCURACY = {"_target_": "torchmetrics.Accuracy"}


@pytest.mark.parametrize(
    ("node", "mode", "wanted"),
    [(AUROC, "min", "max"), (AUROC, "max", None), (HINGE, "max", "min"), (ACCURACY, "min", "max")],
)
def test_the_direction_of_an_extra_metric_is_what_its_class_says(
    node: dict[str, str], mode: str, wanted: str | None
) -> None:
    objective = {"metric": "val/mine", "mode": mode}
    config = {"objective": objective, "data": {"kind": "files"}, "metrics": {"extra": {"mine": node}}}
    assert [result.remedy for result in contradictions(config, set())] == (
        [] if wanted is None else [f"objective.mode={wanted}"]
    )


def test_an_extra_metric_has_a_name_of_its_own() -> None:
    config = {"metrics": {"extra": {"mcc": AUROC, "a/b": AUROC, "mine": AUROC}}}
    assert [result.key for result in contradictions(config, set())] == ["metrics.extra.mcc", "metrics.extra.a/b"]


@pytest.mark.parametrize("key", ["callbacks.early_stopping", "scheduler"])
@pytest.mark.parametrize(
    ("metric", "kind", "nodes"),
    [("val/acc", "custom", {}), ("val/mine", "files", {"mine": {"_target_": "torchmetrics.MeanMetric"}})],
)
def test_a_watched_metric_whose_direction_nothing_says_needs_a_mode(
    key: str, metric: str, kind: str, nodes: dict[str, Any]
) -> None:
    config: dict[str, Any] = {"data": {"kind": kind}, "metrics": {"extra": nodes}}
    for mode, keys in ((None, [f"{key}.mode"]), ("min", [])):
        watching: Any = {"metric": metric, "mode": mode}
        config |= {"scheduler": watching} if key == "scheduler" else {"callbacks": {"early_stopping": watching}}
        assert [result.key for result in contradictions(config, set())] == keys
