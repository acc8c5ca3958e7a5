"""Linear models of windows: features are what they say, missing values are allowed, a saved model is the same."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lab.core.batches import MISSING
from lab.core.files import Unreadable
from lab.models.linear.files import DESCRIPTION, WEIGHTS
from lab.models.linear.series import LOGISTIC, Kind, SeriesLinear
from lab.models.linear.solver import Choice, Rows
from lab.models.linear.window_features import lag_features, window_statistics


def windows(num: int, seed: int, gaps: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows of 12 steps and 2 channels; the label is whether the last value of the first channel is positive."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(num, 12, 2)).astype(np.float32)
    observed = random.random(values.shape) >= gaps
    return np.where(observed, values, 0.0).astype(np.float32), observed, (values[:, -1, 0] > 0).astype(np.int64)


def features(kind: Kind, values: np.ndarray, observed: np.ndarray) -> np.ndarray:
    return lag_features(values, observed, 12) if kind == "lags" else window_statistics(values, observed)


def fitted(kind: Kind, gaps: float = 0.0, num_classes: int = 2) -> SeriesLinear:
    values, observed, labels = windows(300, 0, gaps)
    held_out, seen, truth = windows(150, 1, gaps)
    val = (features(kind, held_out, seen), truth)
    return SeriesLinear.fit(kind, features(kind, values, observed), labels, num_classes, 2, val)


def test_lags_are_the_last_values_newest_first() -> None:
    values = np.arange(12, dtype=np.float32).reshape(1, 6, 2)
    observed = np.ones_like(values, dtype=bool)
    observed[0, 4, 1] = False
    found = lag_features(values, observed, 8)[0]
    np.testing.assert_array_equal(found[:6], [10, 11, 8, np.nan, 6, 7])
    assert np.isnan(found[12:]).all()
    np.testing.assert_array_equal(lag_features(values, observed, 1)[0], [10, 11])


def test_statistics_are_those_of_the_observed_values() -> None:
    values, observed, _ = windows(20, 2, 0.3)
    observed[0, :, 1] = False
    table = window_statistics(values, observed).reshape(20, 6, 2)
    assert np.isnan(table[0, :, 1]).all()
    for row, channel in ((0, 0), (3, 1), (7, 0)):
        steps = np.flatnonzero(observed[row, :, channel])
        kept = values[row, steps, channel].astype(np.float64)
        slope = np.polyfit(steps, kept, 1)[0]
        expected = [kept.mean(), kept.std(), kept.min(), kept.max(), kept[-1], slope]
        np.testing.assert_allclose(table[row, :, channel], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["lags", "statistics"])
@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_it_learns_with_and_without_missing_values(kind: Kind, gaps: float) -> None:
    model = fitted(kind, gaps)
    values, observed, labels = windows(200, 3, gaps)
    right = (model.logits(values, observed).argmax(1) == labels)[observed[:, -1, 0]]
    assert right.mean() > 0.85
    assert model.masked == (gaps > 0 and kind == "lags")
    assert model.kind == "statistics" or model.head.choice.num_columns <= model.head.weight.shape[1]


def test_the_logistic_regression_is_that_of_scikit_learn() -> None:
    values, observed, labels = windows(200, 4)
    table = lag_features(values, observed, 3)
    head = LOGISTIC.solve(Rows(table, labels), 2, Choice(1.0, 6), None, 0)
    expected = LogisticRegression(C=1.0).fit(table, labels).predict_proba(table)
    logits = head.logits(table).astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(shares, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["lags", "statistics"])
def test_constant_channels_one_class_and_no_values_do_not_fail(kind: Kind) -> None:
    values, observed, labels = windows(60, 5)
    values[:, :, 1] = 3.0
    observed[:4] = False
    same = SeriesLinear.fit(kind, features(kind, values, observed), np.zeros(60, np.int64), 3, 2)
    assert same.head.note == "all training rows have one class"
    assert (same.logits(values, observed).argmax(1) == 0).all()
    model = SeriesLinear.fit(kind, features(kind, values, observed), np.where(labels == 0, MISSING, labels), 2, 2)
    assert np.isfinite(model.logits(values, observed)).all()
    some = SeriesLinear.fit(kind, features(kind, values, observed), labels, 3, 2)
    assert np.isfinite(some.logits(values, observed)).all()


def spells(num: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Lag tables of 12 steps of a class; the label is 1 where exactly the newest two of them are 1, mostly."""
    random = np.random.default_rng(seed)
    classes = (random.random((num, 12)) < 0.5).astype(np.float32)
    spell = (classes[:, 0] == 1) & (classes[:, 1] == 1) & (classes[:, 2] == 0)
    return classes, np.where(random.random(num) < 0.9, spell, ~spell).astype(np.int64)


def test_class_history_is_read_and_saved(tmp_path: Path) -> None:
    train, val, (classes, _) = spells(600, 0), spells(300, 1), spells(300, 2)
    alone = SeriesLinear.fit("lags", *train, 2, 1, val)
    model = SeriesLinear.fit("lags", *train, 2, 1, val, past_labels=0)
    assert (alone.history, model.history) == (0, 8)
    assert len(model.centre) == len(alone.centre) + 8
    assert model.used_lags in (1, 2, 3, 7, 12)
    model.save(tmp_path)
    loaded = SeriesLinear.load(tmp_path)
    assert (loaded.scored(classes) == model.scored(classes)).all()
    described = json.loads((tmp_path / DESCRIPTION).read_text())
    (tmp_path / DESCRIPTION).write_text(json.dumps(described | {"num_lags": 5}))
    with pytest.raises(Unreadable):
        SeriesLinear.load(tmp_path)


def test_the_file_of_an_older_version_has_lags_alone(tmp_path: Path) -> None:
    classes, labels = spells(200, 0)
    model = SeriesLinear.fit("lags", classes, labels, 2, 1)
    model.save(tmp_path)
    described = json.loads((tmp_path / DESCRIPTION).read_text())
    del described["past_labels"]
    (tmp_path / DESCRIPTION).write_text(json.dumps(described))
    assert (SeriesLinear.load(tmp_path).scored(classes) == model.scored(classes)).all()


@pytest.mark.parametrize("kind", ["lags", "statistics"])
def test_a_saved_model_is_the_same_and_a_damaged_one_is_named(kind: Kind, tmp_path: Path) -> None:
    model = fitted(kind, 0.1)
    model.save(tmp_path)
    values, observed, _ = windows(20, 6, 0.1)
    loaded = SeriesLinear.load(tmp_path)
    assert (loaded.logits(values, observed) == model.logits(values, observed)).all()
    (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:40])
    with pytest.raises(Unreadable):
        SeriesLinear.load(tmp_path)
    (tmp_path / DESCRIPTION).write_text('{"kind": 3}')
    with pytest.raises(Unreadable):
        SeriesLinear.load(tmp_path)


def test_more_lags_must_be_better_by_a_standard_error() -> None:
    labels = np.arange(400) % 2
    simple = np.zeros((400, 2), np.float32)
    better = np.where(np.arange(2) == labels[:, None], 0.5, 0.0).astype(np.float32)
    assert LOGISTIC.is_better(better, simple, labels)
    assert not LOGISTIC.is_better(simple, simple, labels)
    noise = np.random.default_rng(0).normal(0, 1, (400, 2)).astype(np.float32)
    slightly = noise - noise.mean(0) + better * 0.01
    assert not LOGISTIC.is_better(slightly, simple, labels)


def test_a_feature_of_the_newest_value_needs_one_lag() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(600, 7, 1)).astype(np.float32)
    labels = (values[:, -1, 0] + random.normal(0, 0.5, 600) > 0).astype(np.int64)
    features = lag_features(values, np.ones(values.shape, bool), 7)
    model = SeriesLinear.fit("lags", features[:300], labels[:300], 2, 1, (features[300:], labels[300:]))
    assert model.head.choice.num_columns == 1
