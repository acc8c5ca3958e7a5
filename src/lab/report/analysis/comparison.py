"""Compares groups with a baseline group, paired by seed: difference, interval, p values corrected for their number.

Pairs are formed per seed. If other keys vary too, only cells (combinations of their values) present in both groups
count, and a seed's difference is their mean, so that many cells do not count as many seeds. Over a key whose values
differ between the groups (a method's own learning rates), each group's mean is compared, and the report says so.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lab.config.schema.report import Statistics
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.report.analysis.statistics import holm, intervals, paired_t_test
from lab.report.findings import Comparison, Floats, Group, Groups, Interval, Pair, Runs, Sentence

Codes = np.ndarray[Any, Any]
"""(runs,) integer codes, one per different value."""
Cells = Mapping[str, Mapping[int, float]]
"""Mean objective by seed, then by cell of the other keys."""


def compare(runs: Runs, groups: Groups, baseline: str | None, settings: Statistics) -> Comparison:
    """Compare every group with the group labelled `baseline`; None: with the best group that has two seeds or more.

    Raises RequestError if no group has this label.
    """
    candidates = [group for group in groups.groups if group.rows]
    chosen = _baseline(runs, candidates, baseline)
    if chosen is None or len(candidates) < 2:
        key = "nothing_to_compare" if len(candidates) < 2 else "no_repeats"
        return Comparison(groups.by, None, runs.metric, (), Sentence(key))
    others = {key: pd.factorize(runs.frame[key].astype(str))[0] for key in runs.varied if key not in groups.by}
    pairs, averaged = [], set[str]()
    for group in (candidate for candidate in candidates if candidate is not chosen):
        own_keys = _keys_with_own_values(others, group, chosen)
        averaged |= own_keys
        cell = _codes([codes for key, codes in others.items() if key not in own_keys], len(runs.frame))
        by_seed = differences(_cells(runs, group, cell), _cells(runs, chosen, cell))
        pairs.append(_pair(group.label, chosen.label, by_seed, settings))
    tested = [place for place, pair in enumerate(pairs) if not math.isnan(pair.p)]
    for place, p_holm in zip(tested, holm([pairs[place].p for place in tested]), strict=True):
        pairs[place] = pairs[place]._replace(p_holm=p_holm, apart=p_holm < 1 - settings.confidence)
    compared = [pair._replace(sentence=_sentence(runs, pair, len(tested))) for pair in pairs]
    reason = Sentence("baseline_is_best", {"baseline": chosen.label}) if baseline is None else None
    keys = listed(sorted(averaged))
    note = Sentence("averaged_over", {"keys": keys}) if averaged else None
    return Comparison(groups.by, chosen.label, runs.metric, tuple(compared), reason, note)


def conclusions(comparison: Comparison) -> list[Sentence]:
    """Return a comparison's sentences: how it was made, each pair with two seeds or more, the number of others."""
    judged = [pair.sentence for pair in comparison.pairs if pair.num_pairs >= 2]
    num_left = len(comparison.pairs) - len(judged)
    rest = [Sentence("too_few_pairs_of", {"num": num_left, "baseline": comparison.baseline})] if num_left else []
    first = [sentence for sentence in (comparison.reason, comparison.averaged) if sentence is not None]
    return [*first, *judged, *rest]


def _baseline(runs: Runs, candidates: Sequence[Group], label: str | None) -> Group | None:
    if label is None:
        repeats = runs.frame["repeat"]
        return next((group for group in candidates if repeats.iloc[list(group.rows)].nunique() > 1), None)
    match = next((group for group in candidates if group.label == label), None)
    if match is None:
        labels = [group.label for group in candidates]
        near = nearest(label, labels) or (labels[0] if labels else "")
        problem = f"no group with a result has this label; there are {listed(labels) or 'none'}"
        raise RequestError(Mistake("baseline", problem, f"baseline='{near}'" if near else "", label))
    return match


def _keys_with_own_values(others: Mapping[str, Codes], group: Group, chosen: Group) -> set[str]:
    """Return the keys of which both groups have values that the other lacks, as each method has its own rates.

    If one group's values are a subset of the other's (a grid, complete or interrupted), runs are paired by them.
    """
    rows = [[*side.rows, *side.failed] for side in (group, chosen)]
    values = {key: [set(codes[part].tolist()) for part in rows] for key, codes in others.items()}
    return {key for key, (own, base) in values.items() if not (own <= base or base <= own)}


def _codes(keys: Sequence[Codes], num_runs: int) -> Codes:
    """Return codes (runs,), one per combination of the keys' values."""
    if not keys:
        return np.zeros(num_runs, np.int64)
    return np.asarray(pd.factorize(pd.MultiIndex.from_arrays(list(keys)))[0])


def _cells(runs: Runs, group: Group, cell: Codes) -> Cells:
    sums: dict[str, dict[int, list[float]]] = {}
    objective, repeat = runs.frame["objective"].to_numpy(), runs.frame["repeat"].to_numpy()
    for row in group.rows:
        sums.setdefault(repeat[row], {}).setdefault(int(cell[row]), []).append(float(objective[row]))
    return {
        seed: {place: math.fsum(values) / len(values) for place, values in by_cell.items()}
        for seed, by_cell in sums.items()
    }


def differences(group: Cells, baseline: Cells) -> Floats:
    """Return the mean differences (shared seeds,), each over the cells that both groups have."""
    values = []
    for seed in sorted(group.keys() & baseline.keys()):
        shared = group[seed].keys() & baseline[seed].keys()
        if shared:
            values.append(math.fsum(group[seed][cell] - baseline[seed][cell] for cell in sorted(shared)) / len(shared))
    return np.array(values, np.float64)


def _pair(group: str, baseline: str, by_seed: Floats, settings: Statistics) -> Pair:
    nan = math.nan
    empty = Sentence("too_few_pairs")
    mean = float(by_seed.mean()) if len(by_seed) else nan
    if len(by_seed) < 2:
        return Pair(group, baseline, len(by_seed), mean, None, nan, nan, nan, False, empty)
    p, effect = paired_t_test(by_seed)
    interval: Interval | None = None if math.isnan(p) else intervals(by_seed[:, None], settings.confidence)[0]
    return Pair(group, baseline, len(by_seed), mean, interval, p, p, effect, False, empty)


def _sentence(runs: Runs, pair: Pair, num_compared: int) -> Sentence:
    values: dict[str, Any] = {
        "group": pair.group,
        "baseline": pair.baseline,
        "metric": runs.metric,
        "num": pair.num_pairs,
        "difference": pair.difference,
    }
    if pair.interval is None:
        return Sentence("too_few_pairs" if pair.num_pairs < 2 else "no_spread", values)
    values |= {"low": pair.interval.low, "high": pair.interval.high, "p": pair.p_holm, "effect": pair.effect}
    values |= {"compared": num_compared}
    if not pair.apart:
        return Sentence("not_apart", values)
    return Sentence("better" if runs.sign * pair.difference > 0 else "worse", values)
