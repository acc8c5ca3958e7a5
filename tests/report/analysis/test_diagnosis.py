"""Each rule has a run that fires it and a near miss that does not."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.config.schema.report import RankingObjective, ReportRequest
from lab.report.analysis.diagnosis import RULES, RunView, diagnose
from lab.report.analysis.groups import configurations
from lab.report.analysis.run_table import build_run_table
from lab.report.sources.run_folders import read
from lab.report.text.translate import translate

from ..conftest import MakeRun

METRIC = "val/f1_macro"


def patient(
    values: dict[str, Any] | None = None,
    curve: Sequence[float] = (),
    linear: float = math.nan,
    goal: str = "maximize",
    config: dict[str, Any] | None = None,
    **curves: Sequence[float],
) -> RunView:
    names = {"lr": "lr", "loss": "train/loss"}
    history = {names[name]: np.array(numbers, float) for name, numbers in curves.items()}
    if len(curve):
        history[METRIC] = np.array(curve, float)
    settings: dict[str, Any] = {"optimizer.lr": 0.01, "optimizer.weight_decay": 0.01, "trainer.max_epochs": 10}
    settings |= {"data.leaks.action": "refuse"} | (config or {})
    return RunView({"status": "completed"} | (values or {}), settings, history, METRIC, goal, linear)


def scores(**splits: float) -> dict[str, Any]:
    return {f"{split}/f1_macro": value for split, value in splits.items()}


def against(verdict: str, baseline: str = "linear") -> dict[str, Any]:
    """The recorded comparison with a baseline, as columns of the table."""
    values = {"own": 0.6, "other": 0.7, "difference": -0.1, "low": -0.2, "high": -0.01}
    return {f"against/{name}": value for name, value in values.items()} | {
        "against/verdict": verdict, "against/baseline": baseline, "against/metric": "f1_macro",
    }  # fmt: skip


BAYES = {"bayes/accuracy": 0.9}
CASES = [
    ("at_chance", patient(scores(majority_val=0.2, majority=0.9), [0.1, 0.25, 0.2, 0.22, 0.24]), "optimizer.lr=0.1"),
    ("overfitting", patient(scores(train=0.95, test=0.75)), "optimizer.weight_decay=0.1"),
    ("overfitting", patient(scores(train=0.99, val=0.6)), "optimizer.weight_decay=0.1"),
    ("rate_too_high", patient(loss=[1.0, 1.1, 1.3]), "optimizer.lr=0.001"),
    ("rate_too_high", patient(loss=[1.0, math.nan]), "optimizer.lr=0.001"),
    ("rate_too_high", patient({"failure": "nan"}), "optimizer.lr=0.001"),
    ("rate_decayed", patient(curve=[0.5, 0.6, 0.6, 0.6], lr=[1e-3, 1e-4, 1e-6, 1e-7]), "scheduler=constant"),
    ("best_is_last", patient(curve=[0.5, 0.6, 0.602]), "trainer.max_epochs=6"),
    ("below_baseline", patient(scores(test=0.19, majority=0.2)), "optimizer.lr=0.1"),
    ("below_baseline", patient(scores(test=0.7, majority=0.2), linear=0.75), "model=ngram"),
    ("below_baseline", patient(scores(test=0.7, linear=0.75)), "model=ngram"),
    ("below_baseline", patient(scores(test=0.19, majority=0.2), loss=[1.0, 3.0]), "optimizer.lr=0.001"),
    ("at_ceiling", patient({"test/accuracy": 0.89} | BAYES), ""),
    ("truncated", patient({"data/truncated_share": 0.06}, config={"data.max_length": 64}), "data.max_length=128"),
    ("leak_suspected", patient({"data/leak_share": 0.02}), "data.leaks.duplicate_share=0.01"),
    ("leak_suspected", patient(scores(test=0.996)), "data.leaks.duplicate_share=0"),
    ("leak_suspected", patient({"test/accuracy": 0.94} | BAYES), "data.leaks.duplicate_share=0"),
    (
        "leak_suspected",
        patient({"data/leak_share": 0.02}, config={"data.leaks.action": "warn"}),
        "data.leaks.duplicate_share=0.01 data.leaks.action=refuse",
    ),
    ("leak_suspected", patient(scores(test=0.996), config={"data.leaks.action": None}), ""),
    ("below_baseline", patient(against("below")), "model=linear"),
    ("below_baseline", patient(against("no_better", "persistence")), ""),
    ("below_baseline", patient(against("below", "majority")), "optimizer.lr=0.1"),
    ("below_baseline", patient(against("below", "majority"), config={"model.head": "ridge"}), ""),
    ("at_chance", patient(scores(majority_val=0.2), [0.1] * 5, config={"model.kind": "linear"}), ""),
    ("best_is_last", patient(curve=[0.5, 0.6, 0.602], config={"trainer.max_steps": 300}), "trainer.max_steps=600"),
]
NEAR_MISSES = [
    ("at_chance", patient(scores(majority_val=0.2), [0.1, 0.26, 0.2, 0.22, 0.24])),
    ("at_chance", patient(scores(majority_val=0.2), [0.1, 0.2, 0.2, 0.2])),
    ("at_chance", patient(scores(majority_val=0.2), [0.1] * 5, goal="minimize")),
    ("at_chance", patient(scores(majority=0.2), [0.1] * 5)),  # the majority's score on other rows
    ("overfitting", patient(scores(train=0.99, test=0.5, val=0.9))),  # validation rows where there are any
    ("overfitting", patient(scores(train=1.0, val=0.3), config={"model.kind": "linear"})),
    ("overfitting", patient(scores(train=1.0, val=0.3), config={"model.head": "ridge"})),
    ("rate_too_high", patient({"failure": "nan"}, config={"model.head": "ridge"})),
    ("best_is_last", patient(curve=[0.5, 0.6], config={"model.head": "ridge"})),
    ("rate_decayed", patient(curve=[0.5, 0.6, 0.6, 0.6], lr=[1, 0, 0, 0], config={"model.kind": "linear"})),
    ("below_baseline", patient(against("above") | scores(test=0.1, majority=0.9))),
    ("overfitting", patient(scores(train=0.949, test=0.5))),
    ("overfitting", patient(scores(train=0.95, test=0.76, val=0.8))),
    ("overfitting", patient(scores(train=1.0, test=0.5), config={"model.kind": "linear"})),
    ("rate_too_high", patient(loss=[1.0, 1.5, 1.19])),
    ("rate_too_high", patient({"failure": "oom"})),
    ("rate_decayed", patient(curve=[0.5, 0.6, 0.6, 0.61], lr=[1e-3, 1e-4, 1e-7, 1e-7])),
    ("rate_decayed", patient(curve=[0.5, 0.6, 0.8, 0.79], lr=[7.5e-4, 5e-4, 2.5e-4, 1e-9])),  # linear decay
    ("rate_decayed", patient(curve=[0.5, 0.6, 0.8, 0.79], lr=[8.5e-4, 5e-4, 1.5e-4, 1e-9])),  # cosine
    ("rate_decayed", patient(curve=[0.5, 0.6, 0.6, 0.6], lr=[1e-3, 1e-3, 1e-4, 1.1e-5])),
    ("best_is_last", patient(curve=[0.5, 0.6, 0.6019])),
    ("best_is_last", patient({"status": "terminated"}, curve=[0.5, 0.6])),
    ("below_baseline", patient(scores(test=0.2, majority=0.2))),
    ("below_baseline", patient(scores(test=0.7), linear=0.75, config={"model.kind": "ngram"})),
    ("at_ceiling", patient({"test/accuracy": 0.889} | BAYES)),
    ("truncated", patient({"data/truncated_share": 0.05})),
    ("leak_suspected", patient({"data/leak_share": 0.01} | scores(test=0.994))),
    ("leak_suspected", patient({"test/accuracy": 0.93} | BAYES | scores(test=0.999))),
]


@pytest.mark.parametrize(("rule", "one", "override"), CASES)
def test_a_rule_speaks_and_says_what_to_try(
    rule: str, one: RunView, override: str, ask: Callable[..., ReportRequest]
) -> None:
    diagnosis = RULES[rule](one, ask().diagnosis)
    assert diagnosis is not None
    assert diagnosis[1] == override
    assert all(translate(diagnosis[0], lang) for lang in ("en", "es"))


@pytest.mark.parametrize(("rule", "one"), NEAR_MISSES)
def test_a_near_miss_is_silent(rule: str, one: RunView, ask: Callable[..., ReportRequest]) -> None:
    assert RULES[rule](one, ask().diagnosis) is None


THRESHOLDS = [
    ("at_chance", 0, "chance_margin", 0.01),
    ("at_chance", 0, "chance_after", 0.9),
    ("overfitting", 1, "overfit_train", 0.96),
    ("overfitting", 1, "overfit_gap", 0.25),
    ("rate_too_high", 3, "rate_jump", 0.5),
    ("rate_decayed", 6, "rate_zero", 1e-5),
    ("rate_decayed", 6, "rate_share", 0.75),
    ("best_is_last", 7, "improving", 0.01),
    ("below_baseline", 8, "baseline_margin", 0.02),
    ("at_ceiling", 12, "ceiling_margin", 0.001),
    ("truncated", 13, "truncated_share", 0.1),
    ("leak_suspected", 14, "leak_share", 0.05),
    ("leak_suspected", 15, "leak_score", 0.999),
]


@pytest.mark.parametrize(("rule", "case", "threshold", "value"), THRESHOLDS)
def test_every_threshold_acts(
    rule: str, case: int, threshold: str, value: float, ask: Callable[..., ReportRequest]
) -> None:
    assert CASES[case][0] == rule
    one = CASES[case][1]
    assert RULES[rule](one, ask().diagnosis) is not None
    assert RULES[rule](one, ask(**{f"diagnosis__{threshold}": value}).diagnosis) is None


def test_a_run_of_which_nothing_is_known_has_no_finding(ask: Callable[..., ReportRequest]) -> None:
    one = RunView({"status": "interrupted"}, {}, {}, METRIC, "maximize")
    assert [rule for rule, judge in RULES.items() if judge(one, ask().diagnosis) is not None] == []


@pytest.mark.parametrize(
    ("values", "unstable_sd", "unstable_runs", "expected"),
    [
        ((0.5, 0.6, 0.7), 0.03, 3, ["unstable"]),
        ((0.5, 0.6, 0.7), 0.11, 3, []),
        ((0.5, 0.6, 0.7), 0.03, 4, []),
        ((0.5, 0.51, 0.52), 0.03, 3, []),
    ],
)
def test_unstable_over_seeds(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest], values: tuple[float, ...], unstable_sd: float,
    unstable_runs: int, expected: list[str],
) -> None:  # fmt: skip
    for seed, value in enumerate(values):
        make_run(str(seed), (value,), seed=seed)
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    request = ask(diagnosis__unstable_sd=unstable_sd, diagnosis__unstable_runs=unstable_runs)
    findings = diagnose(runs, configurations(runs, request.statistics), request.diagnosis)
    assert [one.rule for one in findings] == expected


def test_the_whole_table_is_diagnosed_with_its_linear_runs(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    make_run("a", (0.6, 0.6), test=0.6, config={"model.kind": "encoder"})
    make_run("b", (0.7, 0.7), test=0.7, config={"model.kind": "ngram"})
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), False, ("seed",))
    findings = diagnose(runs, configurations(runs, ask().statistics), ask().diagnosis)
    assert [(one.row, one.rule, one.sentence.key) for one in findings] == [(0, "below_baseline", "below_linear")]


def test_a_linear_run_is_a_baseline_of_its_own_data_by_its_validation_score(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    """Neither the linear score of other data nor the best of several on test is what a run should have beaten."""
    make_run("encoder", (0.6, 0.6), test=0.7, config={"model.kind": "encoder"})
    make_run("best_on_val", (0.8, 0.8), test=0.65, config={"model.kind": "ngram"})
    make_run("best_on_test", (0.7, 0.7), test=0.9, config={"model.kind": "ngram", "optimizer.lr": 1.0})
    make_run("other_data", (0.9, 0.9), test=0.95, config={"model.kind": "ngram"}, fingerprint="b" * 8)
    runs = build_run_table(read([tmp_path]), RankingObjective(metric=None, mode=None), True, ("seed",))
    findings = diagnose(runs, configurations(runs, ask().statistics), ask().diagnosis)
    assert [one.sentence.key for one in findings if one.rule == "below_baseline"] == []
