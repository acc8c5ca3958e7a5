"""Which baselines a run is shown beside: decided on validation, with names in both languages."""

import math
from typing import Any

from lab.report.analysis.baselines import baseline_name, baselines, best_baseline, shown_baselines
from lab.report.text.translate import Translator

SCORES: dict[str, Any] = {
    "test/f1_macro": [0.5, 0.6],
    "majority/f1_macro": [0.1, 0.1], "majority_val/f1_macro": [0.2, 0.2],
    "linear/f1_macro": [0.4, math.nan], "linear_val/f1_macro": [0.5, math.nan],
    "persistence/f1_macro": [0.9, 0.9], "persistence_val/f1_macro": [0.3, 0.3],
    "bayes/f1_macro": [0.95, 0.95],
}  # fmt: skip


def test_the_best_is_chosen_on_validation_row_by_row(tabled) -> None:
    runs = tabled(objective=[0.5, 0.6], **SCORES).runs
    assert baselines(runs) == ["majority", "linear", "persistence", "bayes"]
    assert [best_baseline(runs, row) for row in (0, 1)] == ["linear", "persistence"]
    assert shown_baselines(runs, 0) == ["linear", "majority", "bayes"]


def test_a_record_without_validation_scores_shows_the_majority(tabled) -> None:
    columns = {"majority/f1_macro": [0.1], "persistence/f1_macro": [0.9]}
    assert shown_baselines(tabled(objective=[0.5], **columns).runs, 0) == ["majority"]
    assert best_baseline(tabled(objective=[0.5]).runs, 0) is None


def test_names_are_words_of_both_languages() -> None:
    for name in ("linear", "logistic_lags", "ridge", "persistence", "seasonal_persistence", "best_sentence"):
        assert baseline_name(name, Translator("en")) != baseline_name(name, Translator("es"))
    assert baseline_name("mine", Translator("en")) == "baseline mine"
