"""The paired bootstrap against scipy's, scikit-learn's scores and cases with a known answer."""

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, roc_auc_score

from lab.core.batches import MISSING
from lab.models.metrics import class_counts, scores
from lab.training.baselines.paired_bootstrap import METRICS, HeadRows, compare_heads, compare_means


def rows(num, classes, seed, own=0.7, other=0.5):
    """Truth, and two predictions that copy it for so large a share of the rows."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, num)
    guesses = [np.where(random.random(num) < share, truth, random.integers(0, classes, num)) for share in (own, other)]
    return HeadRows(truth, *guesses)


def sklearn_score(metric, truth, predicted):
    if metric == "accuracy":
        return accuracy_score(truth, predicted)
    if metric == "mcc":
        return matthews_corrcoef(truth, predicted)
    return f1_score(truth, predicted, average="macro", zero_division=0)


@pytest.mark.parametrize("metric", ["f1_macro", "accuracy", "mcc"])
def test_the_scores_are_those_of_scikit_learn(metric):
    head = rows(200, 5, 0)
    result = compare_heads([head], metric, resamples=10)
    assert result.own == pytest.approx(sklearn_score(metric, head.truth, head.own))
    assert result.other == pytest.approx(sklearn_score(metric, head.truth, head.other))


def test_the_area_under_the_curve_counts_ties_half():
    random = np.random.default_rng(1)
    truth = random.integers(0, 2, 100)
    own, other = random.integers(0, 5, 100) / 4 + truth, random.random(100)
    result = compare_heads([HeadRows(truth, own, other)], "auc", resamples=10)
    assert result.own == pytest.approx(roc_auc_score(truth, own))
    assert result.other == pytest.approx(roc_auc_score(truth, other))


@pytest.mark.parametrize("metric", ["f1_macro", "accuracy", "mcc"])
def test_the_interval_is_that_of_scipy(metric):
    head = rows(150, 3, 2)

    def difference(*columns):
        truth, *predicted = map(torch.from_numpy, columns)
        own, other = (scores(class_counts(each, truth, 3))[metric] for each in predicted)
        return own - other

    theirs = bootstrap(
        (head.truth, head.own, head.other), difference, paired=True, vectorized=False, n_resamples=1000,
        method="percentile", rng=np.random.default_rng(0),
    )  # fmt: skip
    ours = compare_heads([head], metric, resamples=4000)
    width = ours.interval[1] - ours.interval[0]
    assert ours.interval == pytest.approx(tuple(theirs.confidence_interval), abs=0.12 * width)


@pytest.mark.parametrize("metric", METRICS)
def test_blocks_of_equal_rows_widen_the_interval_as_if_there_were_so_many_rows(metric):
    head = rows(150, 2, 2)
    alone = compare_heads([head], metric, resamples=4000)
    repeated = HeadRows(*(np.repeat(column, 4) for column in (head.truth, head.own, head.other)))
    whole = compare_heads([repeated], metric, resamples=4000, blocks=np.repeat(np.arange(150), 4))
    width = alone.interval[1] - alone.interval[0]
    assert (whole.blocks, alone.blocks, whole.rows) == (150, None, 600)
    assert whole.difference == pytest.approx(alone.difference)
    assert whole.interval == pytest.approx(alone.interval, abs=0.08 * width)
    one_by_one = compare_heads([repeated], metric, resamples=4000)
    assert one_by_one.interval[1] - one_by_one.interval[0] == pytest.approx(width / 2, rel=0.15)


def test_blocks_of_one_row_are_rows_and_rows_without_a_label_are_in_no_block():
    head = rows(150, 3, 2)
    ours, theirs = (compare_heads([head], "mcc", resamples=4000, blocks=each) for each in (np.arange(150), None))
    width = theirs.interval[1] - theirs.interval[0]
    assert ours.interval == pytest.approx(theirs.interval, abs=0.08 * width)
    truth = np.where(np.arange(150) < 90, head.truth, MISSING)
    known = compare_heads([HeadRows(truth, head.own, head.other)], "mcc", blocks=np.arange(150) // 3)
    assert (known.rows, known.blocks) == (90, 30)


def test_the_interval_of_means_is_that_of_scipy():
    random = np.random.default_rng(3)
    own, other = random.random(200), random.random(200) * 0.8
    ours = compare_means(own, other, resamples=4000)
    theirs = bootstrap((own - other,), np.mean, n_resamples=4000, method="percentile", rng=random)
    width = ours.interval[1] - ours.interval[0]
    assert ours.difference == pytest.approx(float((own - other).mean()))
    assert ours.interval == pytest.approx(tuple(theirs.confidence_interval), abs=0.1 * width)


@pytest.mark.parametrize("metric", METRICS)
def test_equal_predictions_do_not_differ(metric):
    head = rows(80, 2, 4)
    result = compare_heads([HeadRows(head.truth, head.own, head.own)], metric, resamples=100)
    assert (result.difference, result.interval) == (0, (0, 0))


def test_a_perfect_prediction_against_one_that_is_always_wrong():
    truth = np.arange(60) % 3
    result = compare_heads([HeadRows(truth, truth, (truth + 1) % 3)], "accuracy", resamples=100)
    assert (result.own, result.other, result.interval) == (1, 0, (1, 1))


def test_rows_without_a_label_do_not_count():
    head = rows(120, 4, 5)
    unknown = HeadRows(
        np.concatenate([head.truth, np.full(50, MISSING)]),
        np.concatenate([head.own, np.zeros(50, np.int64)]),
        np.concatenate([head.other, np.ones(50, np.int64)]),
    )
    assert compare_heads([unknown], "f1_macro") == compare_heads([head], "f1_macro")


def test_the_mean_of_heads_draws_rows_of_all_heads_together():
    one, two = rows(100, 3, 6), rows(100, 4, 7)
    both = compare_heads([one, two], "f1_macro")
    alone = [compare_heads([head], "f1_macro") for head in (one, two)]
    assert both.own == pytest.approx(np.mean([each.own for each in alone]))
    assert both.difference == pytest.approx(np.mean([each.difference for each in alone]))
    width = both.interval[1] - both.interval[0]
    assert width < max(each.interval[1] - each.interval[0] for each in alone)
    same = compare_heads([one, one], "f1_macro")  # one head twice varies as it does alone
    assert same.interval == pytest.approx(compare_heads([one], "f1_macro").interval)


def test_a_seed_gives_the_same_interval_again_and_another_seed_a_near_one():
    head = rows(300, 6, 8)
    first, again, other = (compare_heads([head], "mcc", seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.interval != other.interval
    assert first.interval == pytest.approx(other.interval, abs=0.02)


def test_a_wider_confidence_gives_a_wider_interval():
    head = rows(100, 3, 9)
    narrow, wide = (compare_heads([head], "accuracy", confidence=share).interval for share in (0.8, 0.99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_no_rows_have_no_difference():
    nothing = np.full(5, MISSING)
    result = compare_heads([HeadRows(nothing, np.zeros(5, int), np.zeros(5, int))], "accuracy")
    assert np.isnan(result.difference)
    assert (result.rows, result.resamples) == (0, 0)


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="'loss' is none of f1_macro, accuracy, mcc, auc"):
        compare_heads([rows(10, 2, 0)], "loss")


def test_the_interval_has_its_coverage():
    """Of 200 samples of two predictions that are equally good, about 95 % have an interval around 0."""
    inside = 0
    for seed in range(200):
        low, high = compare_heads([rows(150, 2, seed, own=0.6, other=0.6)], "accuracy", resamples=400).interval
        inside += low <= 0 <= high
    assert 180 <= inside <= 199
