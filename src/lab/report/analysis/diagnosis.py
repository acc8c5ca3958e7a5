"""Diagnoses problems of runs, each with the override to try. A rule is a pure function of one run and the thresholds.

Sentences count epochs from 1. Scores are those of the objective's metric (`f1_macro`) unless stated otherwise; rules on
scores from 0 to 1 do not apply to a minimised objective. A rule compares a run with others on one split only. An
override is given only where it acts on the model (`advice`). Thresholds are in conf/report.yaml.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lab.config.schema.report import Thresholds
from lab.core.record.baseline_comparison import ABOVE, BELOW, MAJORITY
from lab.report.analysis import advice
from lab.report.analysis.baselines import VALIDATION, standing
from lab.report.analysis.groups import has_result
from lab.report.analysis.run_view import Diagnosis, Rule, RunView
from lab.report.findings import Finding, Group, Groups, Runs, Sentence

LINEAR = ("ngram", "linear", "logistic")
"""Names of linear models: of baselines in a record, and of `model.kind`."""


def at_chance(run: RunView, limits: Thresholds) -> Diagnosis:
    """After enough epochs, the best validation score is still close to that of always predicting the largest class, on
    the same validation rows."""
    curve, chance = run.curve(run.metric), run.number(f"{MAJORITY}{VALIDATION}/{run.score}")
    planned = run.setting("trainer.max_epochs")
    epochs = run.epochs
    if run.goal != "maximize" or not epochs or math.isnan(chance) or np.isnan(curve).all():
        return None
    if not math.isnan(planned) and epochs < limits.chance_after * planned:
        return None
    best = float(np.nanmax(curve))
    if best > chance + limits.chance_margin:
        return None
    values = {"epochs": epochs, "best": best, "chance": chance, "score": run.score}
    return Sentence("not_learning", values), _another_rate(run, limits)


def overfitting(run: RunView, limits: Thresholds) -> Diagnosis:
    """The score on the training rows is high, and much lower on the others.

    The others are the validation rows, or the test rows without these. A solved model fits its training rows as well
    as it can by construction, so its training score says nothing.
    """
    if advice.is_solved(run.config):
        return None
    train = run.number(f"train/{run.score}")
    others = {split: run.number(f"{split}/{run.score}") for split in ("val", "test")}
    known = {split: value for split, value in others.items() if not math.isnan(value)}
    if run.goal != "maximize" or math.isnan(train) or train < limits.overfit_train or not known:
        return None
    split = next(iter(known))
    if train - known[split] < limits.overfit_gap - 1e-9:
        return None
    values = {"train": train, "split": split, "other": known[split], "score": run.score}
    return Sentence("overfitting", values), advice.scaled(run.config, "optimizer.weight_decay", 10, least=0.01)


def rate_too_high(run: RunView, limits: Thresholds) -> Diagnosis:
    """The loss rose and stayed high, or became NaN; solved models have no rate."""
    override = advice.scaled(run.config, "optimizer.lr", 0.1)
    if advice.is_solved(run.config):
        return None
    if run.values.get("failure") == "nan":
        return Sentence("rate_not_finite"), override
    loss = run.curve("train/loss")
    loss = loss if len(loss) else run.curve("val/loss")
    if len(loss) < 2 or np.isnan(loss[0]):
        return None
    last = float(loss[-1])
    if not math.isnan(last) and last <= loss[0] * (1 + limits.rate_jump):
        return None
    return Sentence("rate_too_high", {"first": float(loss[0]), "last": last}), override


def rate_decayed(run: RunView, limits: Thresholds) -> Diagnosis:
    """The learning rate was about 0 in the last part of the epochs, and nothing improved there.

    The rate is recorded at the end of an epoch. The first epoch that ends at 0 does not count, since it began with a
    positive rate, as the last epoch of a linear decay does.
    """
    rate, curve = run.curve("lr"), run.curve(run.metric)
    if (
        advice.is_solved(run.config)
        or len(rate) < 4
        or len(curve) != len(rate)
        or np.isnan(rate).all()
        or np.isnan(curve).all()
    ):
        return None
    peak = float(np.nanmax(rate))
    num_still = int(np.argmax((rate >= limits.rate_zero * peak)[::-1])) - 1
    if peak <= 0 or num_still < 1 or num_still < limits.rate_share * len(rate):
        return None
    sign = 1.0 if run.goal == "maximize" else -1.0
    if len(rate) - num_still <= int(np.nanargmax(sign * curve)):
        return None
    values = {"epochs": num_still, "total": len(rate), "last": float(rate[-1]), "peak": peak}
    return Sentence("rate_decayed", values), "scheduler=constant"


def best_is_last(run: RunView, limits: Thresholds) -> Diagnosis:
    """The run was still improving in its last epoch."""
    curve = run.curve(run.metric)
    if run.values.get("status") != "completed" or len(curve) < 2 or np.isnan(curve[-1]) or np.isnan(curve[-2]):
        return None
    sign = 1.0 if run.goal == "maximize" else -1.0
    gain = float(sign * curve[-1] - np.nanmax(sign * curve[:-1]))
    if gain < limits.improving - 1e-12:
        return None
    epochs = run.epochs
    if advice.is_solved(run.config):
        return None
    values = {"epochs": epochs, "gain": gain, "metric": run.metric}
    return Sentence("best_is_last", values), advice.longer(run.config, epochs)


def below_baseline(run: RunView, limits: Thresholds) -> Diagnosis:
    """The run is not above its best baseline on the test rows.

    By the comparison that the run recorded; in older runs by test scores: below those of the majority class, or of a
    linear model.
    """
    recorded = standing(run.values)
    if recorded is not None:
        if recorded.verdict == ABOVE:
            return None
        key = "below_recorded" if recorded.verdict == BELOW else "no_better_recorded"
        return Sentence(key, recorded._asdict()), _simple_model(run, recorded.baseline, limits)
    own = run.number(f"test/{run.score}")
    if run.goal != "maximize" or math.isnan(own):
        return None
    majority = run.number(f"{MAJORITY}/{run.score}")
    linear = [run.number(f"{name}/{run.score}") for name in LINEAR] + [run.linear]
    best_linear = max((value for value in linear if not math.isnan(value)), default=math.nan)
    is_linear = str(run.config.get("model.kind")) in LINEAR
    if own < majority - limits.baseline_margin:
        values = {"own": own, "baseline": majority, "score": run.score}
        return Sentence("below_majority", values), _another_rate(run, limits)
    if own < best_linear - limits.baseline_margin and not is_linear:
        return Sentence("below_linear", {"own": own, "baseline": best_linear, "score": run.score}), "model=ngram"
    return None


def _simple_model(run: RunView, baseline: str, limits: Thresholds) -> str:
    """Return what to try instead: the baseline as a model; for the majority another rate; else nothing."""
    return _another_rate(run, limits) if baseline == MAJORITY else advice.MODELS.get(baseline, "")


def at_ceiling(run: RunView, limits: Thresholds) -> Diagnosis:
    """The test accuracy equals that of the Bayes rule: no model is expected to do better."""
    own, bound = run.number("test/accuracy"), run.number("bayes/accuracy")
    if math.isnan(own) or math.isnan(bound) or own < bound - limits.ceiling_margin:
        return None
    return Sentence("at_ceiling", {"own": own, "bound": bound}), ""


def truncated(run: RunView, limits: Thresholds) -> Diagnosis:
    """Many texts are longer than the maximum length."""
    share = run.number("data/truncated_share")
    if math.isnan(share) or share <= limits.truncated_share:
        return None
    return Sentence("truncated", {"share": 100 * share}), advice.longer_texts(run.config)


def leak_suspected(run: RunView, limits: Thresholds) -> Diagnosis:
    """Rows of one split occur in another, or the test score is suspiciously high."""
    share, own, bound = run.number("data/leak_share"), run.number(f"test/{run.score}"), run.number("bayes/accuracy")
    if not math.isnan(share) and share > limits.leak_share:
        return Sentence("leak_rows", {"share": 100 * share}), advice.refuse_leaks(run.config, limits.leak_share)
    accuracy = run.number("test/accuracy")
    if not math.isnan(bound) and not math.isnan(accuracy):
        if accuracy > bound + 3 * limits.ceiling_margin:
            return Sentence("leak_above_bayes", {"own": accuracy, "bound": bound}), advice.refuse_leaks(run.config, 0)
        return None
    if run.goal == "maximize" and not math.isnan(own) and own >= limits.leak_score:
        return Sentence("leak_score", {"own": own, "score": run.score}), advice.refuse_leaks(run.config, 0)
    return None


RULES: Mapping[str, Rule] = {
    "at_chance": at_chance,
    "overfitting": overfitting,
    "rate_too_high": rate_too_high,
    "rate_decayed": rate_decayed,
    "best_is_last": best_is_last,
    "below_baseline": below_baseline,
    "at_ceiling": at_ceiling,
    "truncated": truncated,
    "leak_suspected": leak_suspected,
}


def diagnose(runs: Runs, configurations: Groups, limits: Thresholds) -> tuple[Finding, ...]:
    """Return the findings of every rule and run, in table order; instability over seeds goes to the best run."""
    linear = _linear(runs)
    keys = [key for key in runs.frame.columns if key in runs.varied or "." in key]
    findings = []
    for row, values in enumerate(runs.frame.to_dict("records")):
        config = _config(runs, values, keys)
        baseline = linear.get(str(values["fingerprint"]), math.nan)
        run = RunView(values, config, runs.histories[row], runs.metric, runs.goal, baseline)
        for name, rule in RULES.items():
            diagnosis = rule(run, limits)
            if diagnosis is not None:
                findings.append(Finding(row, name, *diagnosis))
    for group in configurations.groups:
        unstable = _unstable(group, limits, runs, keys)
        if unstable is not None:
            findings.append(unstable)
    return tuple(sorted(findings, key=lambda finding: finding.row))


def _config(runs: Runs, values: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return the config of a row by dotted key."""
    return {**runs.constant, **{key: values[key] for key in keys}}


def _unstable(group: Group, limits: Thresholds, runs: Runs, keys: Sequence[str]) -> Finding | None:
    stat = group.stats["objective"]
    if group.best is None or stat.num < limits.unstable_runs or stat.sd <= limits.unstable_sd:
        return None
    values = {"num": stat.num, "sd": stat.sd, "low": stat.low, "high": stat.high, "metric": runs.metric}
    config = _config(runs, runs.frame.iloc[group.best].to_dict(), keys)
    return Finding(group.best, "unstable", Sentence("unstable", values), advice.warm_up(config))


def _linear(runs: Runs) -> dict[str, float]:
    """Return, by data fingerprint, the test score of the linear run that is best on validation."""
    frame = runs.frame
    kind = frame["model.kind"] if "model.kind" in frame else runs.constant.get("model.kind")
    name = f"test/{runs.score}"
    if name not in frame or kind is None or isinstance(kind, str):
        return {}
    linear = frame[kind.isin(LINEAR).to_numpy() & has_result(runs)]
    ranked = linear.assign(rank=runs.sign * linear["objective"]).sort_values("rank", kind="stable")
    return dict(zip(ranked["fingerprint"].astype(str), ranked[name].astype(float), strict=True))  # the best comes last


def _another_rate(run: RunView, limits: Thresholds) -> str:
    """Return the override for a lower learning rate if the loss rose, else for a higher learning rate."""
    return advice.scaled(run.config, "optimizer.lr", 10 if rate_too_high(run, limits) is None else 0.1)
