"""Groups against one of them, paired by seed: a difference, its interval, p values corrected for their number.

A seed is one pair: where groups differ in other keys too, only cells that both have count, and a seed's difference is
their mean, so that many cells do not pass for many seeds. Over a key that each has values of its own of (a method's
rates), the mean of each is taken, and that is said. Not told apart is said as plainly as told apart.
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
"""(runs,) a number for each different value."""
Cells = Mapping[str, Mapping[int, float]]
"""By seed: by cell of the other keys: the mean objective."""


def compare(runs: Runs, groups: Groups, baseline: str | None, settings: Statistics) -> Comparison:
    """Every group against the baseline, by label; None: the best of those with two seeds or more.

    Raises RequestError where no group is called so.
    """
    candidates = [group for group in groups.groups if group.rows]
    chosen = _baseline(runs, candidates, baseline)
    if chosen is None or len(candidates) < 2:
        key = "nothing_to_compare" if len(candidates) < 2 else "no_repeats"
        return Comparison(groups.by, None, runs.metric, (), Sentence(key))
    others = {key: pd.factorize(runs.frame[key].astype(str))[0] for key in runs.varied if key not in groups.by}
    pairs, averaged = [], set[str]()
    for group in [one for one in candidates if one is not chosen]:
        apart = _of_their_own(others, group, chosen)
        averaged |= apart
        cell = _numbered([codes for key, codes in others.items() if key not in apart], len(runs.frame))
        found = differences(_cells(runs, group, cell), _cells(runs, chosen, cell))
        pairs.append(_pair(group.label, chosen.label, found, settings))
    tested = [place for place, pair in enumerate(pairs) if not math.isnan(pair.p)]
    for place, p_holm in zip(tested, holm([pairs[place].p for place in tested]), strict=True):
        pairs[place] = pairs[place]._replace(p_holm=p_holm, apart=p_holm < 1 - settings.confidence)
    said = [pair._replace(sentence=_sentence(runs, pair, len(tested))) for pair in pairs]
    reason = Sentence("baseline_is_best", {"baseline": chosen.label}) if baseline is None else None
    keys = listed(sorted(averaged))
    note = Sentence("averaged_over", {"keys": keys}) if averaged else None
    return Comparison(groups.by, chosen.label, runs.metric, tuple(said), reason, note)


def conclusions(comparison: Comparison) -> list[Sentence]:
    """What a comparison says: why it was made so, each pair that can be judged, and how many cannot."""
    judged = [pair.sentence for pair in comparison.pairs if pair.num_pairs >= 2]
    left = len(comparison.pairs) - len(judged)
    rest = [Sentence("too_few_pairs_of", {"num": left, "baseline": comparison.baseline})] if left else []
    first = [one for one in (comparison.reason, comparison.averaged) if one is not None]
    return [*first, *judged, *rest]


def _baseline(runs: Runs, candidates: Sequence[Group], label: str | None) -> Group | None:
    if label is None:
        repeats = runs.frame["repeat"]
        return next((group for group in candidates if repeats.iloc[list(group.rows)].nunique() > 1), None)
    found = next((group for group in candidates if group.label == label), None)
    if found is None:
        labels = [group.label for group in candidates]
        near = nearest(label, labels) or (labels[0] if labels else "")
        problem = f"no group with a result is called so; there are {listed(labels) or 'none'}"
        raise RequestError(Mistake("baseline", problem, f"baseline='{near}'" if near else "", label))
    return found


def _of_their_own(others: Mapping[str, Codes], group: Group, chosen: Group) -> set[str]:
    """Keys of which each of two groups has values of its own, as each method has rates of its own.

    Where all values of one are also the other's (a grid, whole or cut short), runs are paired by them.
    """
    rows = [[*one.rows, *one.failed] for one in (group, chosen)]
    values = {key: [set(codes[part].tolist()) for part in rows] for key, codes in others.items()}
    return {key for key, (own, base) in values.items() if not (own <= base or base <= own)}


def _numbered(keys: Sequence[Codes], num_runs: int) -> Codes:
    """(runs,) a number for each combination of the keys' values."""
    if not keys:
        return np.zeros(num_runs, np.int64)
    return np.asarray(pd.factorize(pd.MultiIndex.from_arrays(list(keys)))[0])


def _cells(runs: Runs, group: Group, cell: Codes) -> Cells:
    sums: dict[str, dict[int, list[float]]] = {}
    objective, repeat = runs.frame["objective"].to_numpy(), runs.frame["repeat"].to_numpy()
    for row in group.rows:
        sums.setdefault(repeat[row], {}).setdefault(int(cell[row]), []).append(float(objective[row]))
    return {
        seed: {place: math.fsum(values) / len(values) for place, values in found.items()}
        for seed, found in sums.items()
    }


def differences(group: Cells, baseline: Cells) -> Floats:
    """(seeds that both have,) mean difference over the cells that both have."""
    found = []
    for seed in sorted(group.keys() & baseline.keys()):
        shared = group[seed].keys() & baseline[seed].keys()
        if shared:
            found.append(math.fsum(group[seed][cell] - baseline[seed][cell] for cell in sorted(shared)) / len(shared))
    return np.array(found, np.float64)


def _pair(group: str, baseline: str, found: Floats, settings: Statistics) -> Pair:
    nan = math.nan
    empty = Sentence("too_few_pairs")
    mean = float(found.mean()) if len(found) else nan
    if len(found) < 2:
        return Pair(group, baseline, len(found), mean, None, nan, nan, nan, False, empty)
    p, effect = paired_t_test(found)
    between: Interval | None = None if math.isnan(p) else intervals(found[:, None], settings.confidence)[0]
    return Pair(group, baseline, len(found), mean, between, p, p, effect, False, empty)


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
