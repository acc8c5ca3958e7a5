import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from lab.config.schema.report import RankingObjective, ReportRequest
from lab.core.errors import RequestError
from lab.report.analysis.comparison import compare, conclusions
from lab.report.analysis.groups import configurations, group_by_keys
from lab.report.analysis.run_table import build_run_table
from lab.report.findings import Comparison, Runs
from lab.report.sources.run_folders import read
from lab.report.text.translate import translate

from ..conftest import MakeRun

SCORES = {
    "tiny": [0.81, 0.84, 0.79, 0.86],
    "beto": [0.91, 0.93, 0.90, 0.95],
    "ngram": [0.80, 0.85, 0.78, 0.86],
}


@pytest.fixture
def runs(make_run: MakeRun, tmp_path: Path) -> Runs:
    for model, values in SCORES.items():
        for seed, value in enumerate(values):
            make_run(f"{model}-{seed}", (value,), seed=seed, config={"model.name": model})
    return table(tmp_path)


def table(folder: Path) -> Runs:
    return build_run_table(read([folder]), RankingObjective(metric=None, mode=None), False, ("seed",))


def against(runs: Runs, baseline: str | None, request: ReportRequest) -> Comparison:
    return compare(runs, configurations(runs, request.statistics), baseline, request.statistics)


def test_pairs_by_seed_are_scipys_and_corrected_as_statsmodels_does(
    runs: Runs, ask: Callable[..., ReportRequest]
) -> None:
    comparison = against(runs, "tiny", ask())
    pairs = {pair.group: pair for pair in comparison.pairs}
    assert comparison.baseline == "tiny"
    p_values = {}
    for model in ("beto", "ngram"):
        own, base = np.array(SCORES[model]), np.array(SCORES["tiny"])
        theirs = scipy.stats.ttest_rel(own, base)
        p_values[model] = theirs.pvalue
        assert pairs[model].p == pytest.approx(theirs.pvalue)
        assert pairs[model].effect == pytest.approx((own - base).mean() / (own - base).std(ddof=1))
        interval = theirs.confidence_interval(0.95)
        assert pairs[model].interval is not None
        assert pairs[model].interval[:2] == pytest.approx((interval.low, interval.high))
    corrected = multipletests(list(p_values.values()), method="holm")[1]
    assert [pairs[model].p_holm for model in p_values] == pytest.approx(corrected.tolist())
    assert [pairs["beto"].apart, pairs["ngram"].apart] == [True, False]


def test_it_is_said_plainly_in_both_languages(runs: Runs, ask: Callable[..., ReportRequest]) -> None:
    pairs = {pair.group: pair for pair in against(runs, "tiny", ask()).pairs}
    assert translate(pairs["beto"].sentence, "en").startswith("beto is better than tiny by +0.0975 val/f1_macro")
    assert translate(pairs["ngram"].sentence, "en").startswith("These data do not distinguish ngram from tiny")
    assert translate(pairs["ngram"].sentence, "es").startswith("Estos datos no distinguen ngram de tiny")


def test_without_a_choice_the_best_is_the_baseline_and_that_is_said(
    runs: Runs, ask: Callable[..., ReportRequest]
) -> None:
    comparison = against(runs, None, ask())
    assert comparison.baseline == "beto"
    assert comparison.reason is not None
    assert comparison.reason.key == "baseline_is_best"


def test_one_seed_more_or_less_is_not_paired(
    make_run: MakeRun, runs: Runs, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    make_run("tiny-9", (0.1,), seed=9, config={"model.name": "tiny"})
    pairs = {pair.group: pair for pair in against(table(tmp_path), "tiny", ask()).pairs}
    assert pairs["beto"].num_pairs == 4
    assert pairs["beto"].difference == pytest.approx(0.0975)


def test_many_cells_do_not_pass_for_many_seeds(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    for model, height in (("tiny", 0.5), ("beto", 0.6)):
        for rate in (1e-3, 1e-2, 1e-1):
            for seed in (1, 2):
                value = height + rate + seed / 100
                make_run(
                    f"{model}{rate}{seed}", (value,), seed=seed, config={"model.name": model, "optimizer.lr": rate}
                )
    make_run("beto-alone", (0.99,), seed=1, config={"model.name": "beto", "optimizer.lr": 5.0})
    runs = table(tmp_path)
    comparison = compare(runs, group_by_keys(runs, ["model.name"], ask().statistics), "tiny", ask().statistics)
    assert comparison.pairs[0].num_pairs == 2
    assert comparison.pairs[0].difference == pytest.approx(0.1)


def test_one_shared_seed_says_nothing(make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]) -> None:
    for seed, model in ((1, "tiny"), (2, "tiny"), (1, "beto")):
        make_run(f"{model}{seed}", (0.5 + seed / 10,), seed=seed, config={"model.name": model})
    (pair,) = against(table(tmp_path), "tiny", ask()).pairs
    assert (pair.num_pairs, pair.apart, pair.sentence.key) == (1, False, "too_few_pairs")
    assert math.isnan(pair.p_holm)
    assert [one.key for one in conclusions(against(table(tmp_path), "tiny", ask()))] == ["too_few_pairs_of"]


def test_nothing_to_compare_says_why(make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]) -> None:
    make_run("a")
    one = against(table(tmp_path), None, ask())
    assert one.reason is not None
    assert one.reason.key == "nothing_to_compare"
    make_run("b", config={"optimizer.lr": 0.5})
    single = against(table(tmp_path), None, ask())
    assert single.reason is not None
    assert single.reason.key == "no_repeats"


def test_a_baseline_that_is_no_group_is_refused(runs: Runs, ask: Callable[..., ReportRequest]) -> None:
    with pytest.raises(RequestError, match="baseline='beto'"):
        against(runs, "betto", ask())


def test_a_key_that_follows_from_the_group_does_not_keep_its_runs_apart(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    """A method's own rate is another varied key, and no two methods shared a cell: "0 shared seeds" was not true."""
    for method, rate, height in (("none", 1e-4, 0.5), ("lora", 1e-3, 0.6)):
        for seed in (1, 2):
            config = {"peft": method, "optimizer.lr": rate}
            make_run(f"{method}{seed}", (height + seed / 100,), seed=seed, config=config)
    runs = table(tmp_path)
    comparison = compare(runs, group_by_keys(runs, ["peft"], ask().statistics), "none", ask().statistics)
    assert comparison.pairs[0].num_pairs == 2
    assert comparison.pairs[0].difference == pytest.approx(0.1)
    assert comparison.averaged is not None
    assert "optimizer.lr" in translate(comparison.averaged, "en")
    assert conclusions(comparison)[0] == comparison.averaged


def test_methods_with_rates_of_their_own_are_not_compared_at_the_one_they_share(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    """It is the highest of one and the lowest of the other."""
    scores = {"none": {1: 0.8, 2: 0.7, 3: 0.1}, "lora": {3: 0.4, 4: 0.7, 5: 0.8}}
    for method, rates in scores.items():
        for rate, score in rates.items():
            for seed in (1, 2):
                config = {"peft": method, "optimizer.lr": float(rate)}
                make_run(f"{method}{rate}{seed}", (score + seed / 100,), seed=seed, config=config)
    runs = table(tmp_path)
    comparison = compare(runs, group_by_keys(runs, ["peft"], ask().statistics), "none", ask().statistics)
    assert comparison.pairs[0].difference == pytest.approx(1.9 / 3 - 1.6 / 3)


def test_differences_without_a_spread_prove_nothing(
    make_run: MakeRun, tmp_path: Path, ask: Callable[..., ReportRequest]
) -> None:
    for model, value in (("tiny", 0.5), ("beto", 0.75)):
        for seed in (1, 2):
            make_run(f"{model}-{seed}", (value,), seed=seed, config={"model.name": model})
    comparison = against(table(tmp_path), "tiny", ask())
    (pair,) = comparison.pairs
    assert (pair.num_pairs, pair.difference, pair.interval, pair.apart) == (2, 0.25, None, False)
    assert math.isnan(pair.p)
    assert math.isnan(pair.p_holm)
    (sentence,) = conclusions(comparison)
    assert "Without a spread between seeds" in translate(sentence, "en")
    assert "Sin dispersión entre semillas" in translate(sentence, "es")
