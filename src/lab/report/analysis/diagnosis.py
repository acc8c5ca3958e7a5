"""What ails a run, in words, with the override to try. Each rule is a pure function of one run and the thresholds.

Epochs count from 1 in what is said. Scores are of the objective's name (`f1_macro`) unless told otherwise; rules on
scores from 0 to 1 stay silent for an objective that is minimised. Thresholds are in conf/report.yaml.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from lab.config.schema.report import Thresholds
from lab.report.analysis.groups import has_result
from lab.report.findings import Finding, Floats, Group, Groups, History, Runs, Sentence

LINEAR = ("ngram", "linear", "logistic")
"""Names of a linear model: a baseline of a record, or runs of that model among those of the report."""


class RunView(NamedTuple):
    """What the rules see of one run.

    values: by column of the table; config: its keys; history: as recorded; score: the objective without its split;
    linear: test score of the report's linear run on the same data, NaN without one.
    """

    values: Mapping[str, Any]
    config: Mapping[str, Any]
    history: History
    metric: str
    goal: str
    linear: float = math.nan

    @property
    def score(self) -> str:
        return self.metric.partition("/")[2] or self.metric

    def number(self, name: str) -> float:
        value = self.values.get(name)
        return math.nan if value is None else float(value)

    def setting(self, key: str) -> float:
        value = self.config.get(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan

    def curve(self, name: str) -> Floats:
        return self.history.get(name, np.empty(0))


Diagnosis = tuple[Sentence, str] | None
Rule = Callable[[RunView, Thresholds], Diagnosis]


def at_chance(one: RunView, limits: Thresholds) -> Diagnosis:
    """After enough epochs the best validation score is still about that of always answering the largest class."""
    curve, chance = one.curve(one.metric), one.number(f"majority/{one.score}")
    planned = one.setting("trainer.max_epochs")
    epochs = len(curve)
    if one.goal != "maximize" or not epochs or math.isnan(chance) or np.isnan(curve).all():
        return None
    if not math.isnan(planned) and epochs < limits.chance_after * planned:
        return None
    best = float(np.nanmax(curve))
    if best > chance + limits.chance_margin:
        return None
    said = {"epochs": epochs, "best": best, "chance": chance, "score": one.score}
    return Sentence("not_learning", said), _another_rate(one, limits)


def overfitting(one: RunView, limits: Thresholds) -> Diagnosis:
    """Fits the training rows and not the others."""
    train = one.number(f"train/{one.score}")
    others = {split: one.number(f"{split}/{one.score}") for split in ("val", "test")}
    known = {split: value for split, value in others.items() if not math.isnan(value)}
    if one.goal != "maximize" or math.isnan(train) or train < limits.overfit_train or not known:
        return None
    split = min(known, key=lambda name: known[name])
    if train - known[split] < limits.overfit_gap - 1e-9:
        return None
    said = {"train": train, "split": split, "other": known[split], "score": one.score}
    return Sentence("overfitting", said), _scaled(one, "optimizer.weight_decay", 10, least=0.01)


def rate_too_high(one: RunView, limits: Thresholds) -> Diagnosis:
    """The loss went up and stayed up, or was no number any more."""
    override = _scaled(one, "optimizer.lr", 0.1)
    if one.values.get("failure") == "nan":
        return Sentence("rate_not_finite"), override
    loss = one.curve("train/loss")
    loss = loss if len(loss) else one.curve("val/loss")
    if len(loss) < 2 or np.isnan(loss[0]):
        return None
    last = float(loss[-1])
    if not math.isnan(last) and last <= loss[0] * (1 + limits.rate_jump):
        return None
    return Sentence("rate_too_high", {"first": float(loss[0]), "last": last}), override


def rate_decayed(one: RunView, limits: Thresholds) -> Diagnosis:
    """The rate was about 0 for the last part of the epochs, and nothing improved there.

    A rate is recorded at an epoch's end: an epoch that began with one was not without, as the last of a linear decay.
    """
    rate, curve = one.curve("lr"), one.curve(one.metric)
    if len(rate) < 4 or len(curve) != len(rate) or np.isnan(rate).all() or np.isnan(curve).all():
        return None
    peak = float(np.nanmax(rate))
    still = int(np.argmax((rate >= limits.rate_zero * peak)[::-1])) - 1
    if peak <= 0 or still < 1 or still < limits.rate_share * len(rate):
        return None
    sign = 1.0 if one.goal == "maximize" else -1.0
    if len(rate) - still <= int(np.nanargmax(sign * curve)):
        return None
    said = {"epochs": still, "total": len(rate), "last": float(rate[-1]), "peak": peak}
    return Sentence("rate_decayed", said), "scheduler=constant"


def best_is_last(one: RunView, limits: Thresholds) -> Diagnosis:
    """Still improving when the epochs ran out."""
    curve = one.curve(one.metric)
    if one.values.get("status") != "completed" or len(curve) < 2 or np.isnan(curve[-1]) or np.isnan(curve[-2]):
        return None
    sign = 1.0 if one.goal == "maximize" else -1.0
    gain = float(sign * curve[-1] - np.nanmax(sign * curve[:-1]))
    if gain < limits.improving - 1e-12:
        return None
    override = f"trainer.max_epochs={2 * len(curve)}"
    return Sentence("best_is_last", {"epochs": len(curve), "gain": gain, "metric": one.metric}), override


def below_baseline(one: RunView, limits: Thresholds) -> Diagnosis:
    """A test score below that of the majority class, or of a linear model on the same rows."""
    own = one.number(f"test/{one.score}")
    if one.goal != "maximize" or math.isnan(own):
        return None
    majority = one.number(f"majority/{one.score}")
    linear = [one.number(f"{name}/{one.score}") for name in LINEAR] + [one.linear]
    best_linear = max((value for value in linear if not math.isnan(value)), default=math.nan)
    is_linear = str(one.config.get("model.kind")) in LINEAR
    if own < majority - limits.baseline_margin:
        said = {"own": own, "baseline": majority, "score": one.score}
        return Sentence("below_majority", said), _another_rate(one, limits)
    if own < best_linear - limits.baseline_margin and not is_linear:
        return Sentence("below_linear", {"own": own, "baseline": best_linear, "score": one.score}), "model=ngram"
    return None


def at_ceiling(one: RunView, limits: Thresholds) -> Diagnosis:
    """As good as the Bayes rule of the data: no model is expected to do better."""
    own, bound = one.number("test/accuracy"), one.number("bayes/accuracy")
    if math.isnan(own) or math.isnan(bound) or own < bound - limits.ceiling_margin:
        return None
    return Sentence("at_ceiling", {"own": own, "bound": bound}), ""


def truncated(one: RunView, limits: Thresholds) -> Diagnosis:
    """Many texts are cut."""
    share = one.number("data/truncated_share")
    if math.isnan(share) or share <= limits.truncated_share:
        return None
    longest = one.setting("data.max_length")
    override = "data.max_length=512" if math.isnan(longest) else f"data.max_length={2 * int(longest)}"
    return Sentence("truncated", {"share": 100 * share}), override


def leak_suspected(one: RunView, limits: Thresholds) -> Diagnosis:
    """Rows of one split stand in another, or the test score is too good to be believed unseen."""
    share, own, bound = one.number("data/leak_share"), one.number(f"test/{one.score}"), one.number("bayes/accuracy")
    if not math.isnan(share) and share > limits.leak_share:
        return Sentence("leak_rows", {"share": 100 * share}), _refused(one, limits.leak_share)
    accuracy = one.number("test/accuracy")
    if not math.isnan(bound) and not math.isnan(accuracy):
        if accuracy > bound + 3 * limits.ceiling_margin:
            return Sentence("leak_above_bayes", {"own": accuracy, "bound": bound}), _refused(one, 0)
        return None
    if one.goal == "maximize" and not math.isnan(own) and own >= limits.leak_score:
        return Sentence("leak_score", {"own": own, "score": one.score}), _refused(one, 0)
    return None


def _refused(one: RunView, share: float) -> str:
    """The override that refuses rows which stand in another split above this share; empty where none are looked for."""
    action, limit = one.config.get("data.leaks.action"), f"data.leaks.duplicate_share={share:g}"
    return "" if action is None else limit if action == "refuse" else f"{limit} data.leaks.action=refuse"


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
    """What every rule finds at every run, in the order of the table; what seeds show, at a configuration's best run."""
    linear = _linear(runs)
    keys = [key for key in runs.frame.columns if key in runs.varied or "." in key]
    found = []
    for row, values in enumerate(runs.frame.to_dict("records")):
        config = {**runs.constant, **{key: values[key] for key in keys}}
        known = linear.get(str(values["fingerprint"]), math.nan)
        patient = RunView(values, config, runs.histories[row], runs.metric, runs.goal, known)
        for name, rule in RULES.items():
            said = rule(patient, limits)
            if said is not None:
                found.append(Finding(row, name, *said))
    for group in configurations.groups:
        unstable = _unstable(group, limits, runs.metric)
        if unstable is not None:
            found.append(unstable)
    return tuple(sorted(found, key=lambda one: one.row))


def _unstable(group: Group, limits: Thresholds, metric: str) -> Finding | None:
    stat = group.stats["objective"]
    if group.best is None or stat.num < limits.unstable_runs or stat.sd <= limits.unstable_sd:
        return None
    said = {"num": stat.num, "sd": stat.sd, "low": stat.low, "high": stat.high, "metric": metric}
    return Finding(group.best, "unstable", Sentence("unstable", said), "scheduler.warmup_ratio=0.1")


def _linear(runs: Runs) -> dict[str, float]:
    """By the data's fingerprint: test score of the linear run that is best on validation."""
    frame = runs.frame
    kind = frame["model.kind"] if "model.kind" in frame else runs.constant.get("model.kind")
    name = f"test/{runs.score}"
    if name not in frame or kind is None or isinstance(kind, str):
        return {}
    linear = frame[kind.isin(LINEAR).to_numpy() & has_result(runs)]
    ranked = linear.assign(rank=runs.sign * linear["objective"]).sort_values("rank", kind="stable")
    return dict(zip(ranked["fingerprint"].astype(str), ranked[name].astype(float), strict=True))  # the best comes last


def _another_rate(one: RunView, limits: Thresholds) -> str:
    """Lower where the loss rose, higher where it did not: what learns nothing without trembling is too slow."""
    return _scaled(one, "optimizer.lr", 10 if rate_too_high(one, limits) is None else 0.1)


def _scaled(one: RunView, key: str, factor: float, least: float = 0.0) -> str:
    """The override that sets a key to `factor` times what it was; empty where it is not known."""
    value = one.setting(key)
    return "" if math.isnan(value) else f"{key}={max(value * factor, least):.3g}"
