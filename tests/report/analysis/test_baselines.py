"""Which baselines a run is shown beside: decided on validation, with names in both languages."""

import math
from typing import Any

from lab.report.analysis.baselines import baseline_name, baselines, best_baseline, shown_baselines, standing_sentences
from lab.report.text.translate import Translator, translate

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


def test_beside_a_run_without_held_out_rows_the_best_learned_baseline_on_test_is_shown(tabled) -> None:
    columns = {
        "majority/f1_macro": [0.1], "majority_val/f1_macro": [0.2], "ridge/f1_macro": [0.7], "linear/f1_macro": [0.6]
    }  # fmt: skip
    assert best_baseline(tabled(objective=[0.5], **columns).runs, 0) == "ridge"


def test_names_are_words_of_both_languages() -> None:
    for name in ("linear", "logistic_lags", "ridge", "persistence", "seasonal_persistence", "best_sentence"):
        assert baseline_name(name, Translator("en")) != baseline_name(name, Translator("es"))
    assert baseline_name("mine", Translator("en")) == "baseline mine"


def columns(*verdicts: str | None) -> dict[str, Any]:
    """The recorded comparison of each run with its best baseline."""
    known = {"own": 0.6, "other": 0.7, "difference": -0.1, "low": -0.2, "high": 0.01}
    numbers = {name: [math.nan if verdict is None else value for verdict in verdicts] for name, value in known.items()}
    texts = {name: [None if verdict is None else value for verdict in verdicts]
             for name, value in {"baseline": "linear", "metric": "f1_macro"}.items()}  # fmt: skip
    return {f"against/{name}": each for name, each in {**numbers, **texts, "verdict": list(verdicts)}.items()}


def test_the_first_screen_says_how_the_winner_stands_and_how_many_runs_are_behind(tabled) -> None:
    runs = tabled(objective=[0.5, 0.6, 0.4], **columns("no_better", "above", None)).runs
    assert "against" not in baselines(runs)
    first, counts = standing_sentences(runs, 0, {})
    assert translate(first, "en") == (
        "The winner is no better than its best baseline, linear: f1_macro 0.600 against 0.700 on test, difference "
        "-0.100 [-0.200, +0.010]."
    )
    assert counts.values == {"num": 1, "total": 2}
    assert [each.key for each in standing_sentences(runs, 1, {})] == ["standing_above", "standing_counts"]
    assert [each.key for each in standing_sentences(runs, 2, {})] == ["standing_counts"]


def test_persistence_above_is_named_first_and_heads_that_are_behind_after(tabled) -> None:
    part = {"baseline": "linear", "metric": "f1_macro", "own": 0.1, "other": 0.2, "difference": -0.1}
    heads = {"a": part | {"verdict": "below", "interval": [-0.2, -0.05]}, "b": part | {"verdict": "above"}}
    runs = tabled(objective=[0.5], **{"test/f1_macro": [0.5], "persistence/f1_macro": [0.9]}, **columns("above")).runs
    found = standing_sentences(runs, 0, {"baseline_comparison": {"heads": heads}})
    assert [each.key for each in found] == ["persistence_above", "standing_above", "head_below"]
    accuracy = part | {"verdict": "below", "interval": [-0.2, -0.05]}
    both = {name: each | {"accuracy": accuracy} for name, each in heads.items()}
    compared = {"overall": both["b"], "heads": both}
    keys = [each.key for each in standing_sentences(runs, 0, {"baseline_comparison": compared})]
    assert keys == ["persistence_above", "standing_above", "accuracy_below", "head_below", "head_accuracy_below"]
    found += standing_sentences(runs, 0, {"baseline_comparison": compared})
    assert all(translate(each, lang) for each in found for lang in ("en", "es"))
    assert translate(found[0], "en") == "persistence alone is better: f1_macro 0.900 on test against 0.500."
