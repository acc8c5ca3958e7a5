"""Contradictions between keys of series and their nets."""

import pytest

from lab.config.rules.series import _columns

from .conftest import keys_of_mistakes

DATES = ("data.split.val_from", "data.split.test_from")
PRETRAIN = ("model.pretrain", "objective.metric", "model.causal", "model.ensemble")
RIDGE = ("model.kind", "model.head", "trainer.max_epochs", "trainer.precision", "callbacks.lr_finder.enabled")
TABLE = ("data.time", "data.group", "data.features", "data.label")


@pytest.mark.parametrize(
    ("keys", "values", "blamed"),
    [
        (("data.past_labels", "data.label"), (True, "wet"), ["data.past_labels"]),
        (("data.past_labels", "data.label"), ("auto", "wet"), []),
        (("data.past_labels", "data.label"), (True, {"feature": "rain"}), []),
        (("data.past_labels", "model.pretrain"), (True, True), ["data.past_labels"]),
        (("data.past_labels", "model.pretrain"), ("auto", True), []),
        (DATES, (None, None), []),
        (DATES, ("2015-01-01", "2019-01-01"), []),
        (DATES, ("2015-01-01", None), ["data.split.val_from"]),
        (DATES, (None, "2015-01-01"), ["data.split.test_from"]),
        (DATES, ("2019-01-01", "2015-01-01"), ["data.split.val_from"]),
        (("data.label", "data.kind"), ("wet", "series_table"), []),
        (("data.label", "data.kind"), ("wet", "rainfall"), ["data.label"]),
        (TABLE, ("date", "station", ["rain"], {"feature": "rain"}), []),
        (TABLE, ("date", None, None, "wet"), []),
        (TABLE, ("date", None, ["rain", "wet"], "wet"), ["data.features"]),
        (TABLE, ("date", "station", ["date", "station", "rain", "rain"], "wet"), ["data.features"] * 3),
        (RIDGE, ("minirocket", "ridge", 1, 32, False), []),
        (RIDGE, ("minirocket", "logistic", 30, 16, True), []),
        (
            RIDGE,
            ("minirocket", "ridge", 2, 16, True),
            ["trainer.max_epochs", "trainer.precision", "callbacks.lr_finder.enabled"],
        ),
        (("data.split.val", "model.kind"), ("leave_one_out", "inception_time"), ["data.split.val"]),
        (("data.split.val", "model.kind"), ("auto", "inception_time"), []),
        (("data.split.val", "model.head"), ("leave_one_out", "logistic"), ["data.split.val"]),
        (("data.split.val", "model.head"), ("leave_one_out", "ridge"), []),
        (("data.split.val", "data.split.train_on_val"), ("leave_one_out", True), ["data.split.train_on_val"]),
        (("data.split.val", "data.split.train_on_val"), ("auto", True), []),
        (PRETRAIN, (False, "val/f1_macro", False, 3), []),
        (PRETRAIN, (True, "val/loss", True, 1), []),
        (PRETRAIN, (True, "val/f1_macro", False, 2), ["objective.metric", "model.causal", "model.ensemble"]),
        (("data.kind", "loss.head_weighting"), ("maintenance", "uncertainty"), []),
        (("data.kind", "loss.head_weighting"), ("ucr", "uncertainty"), ["loss.head_weighting"]),
    ],
)
def test_rule(keys: tuple[str, ...], values: tuple[object, ...], blamed: list[str]) -> None:
    assert keys_of_mistakes(dict(zip(keys, values, strict=True))) == blamed


def test_a_column_with_two_roles_has_a_remedy_to_type() -> None:
    (group,) = _columns("date", "date", None, {"feature": "rain"})
    (label,) = _columns("date", None, None, "date")
    (time,) = _columns(["year", "day", "year"], None, None, "wet")
    remedies = [found.remedy for found in (group, label, time)]
    assert remedies == ["data.group=null", "data.label=OTHER_COLUMN", "'data.time=[year,day]'"]
