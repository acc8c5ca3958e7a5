"""The report generator: same seed same rows, honest probabilities, a Bayes rule that a linear model cannot reach."""

import re
from collections import Counter

import numpy as np
import pytest

from lab.core.errors import RequestError
from lab.data.text.maintenance.generator import CHUNK, Reports, generate

HEADS = ("modo", "causa", "prioridad")


@pytest.fixture(scope="module")
def reports() -> Reports:
    return generate(20_000, seed=11)


def bayes_accuracy(reports: Reports, head: str) -> float:
    """Share of rows whose label is the likeliest one, as drawn."""
    return float(np.mean(reports.probabilities[head].argmax(axis=1) == reports.labels[head]))


def standard_error(share: float, rows: int) -> float:
    return float(np.sqrt(share * (1 - share) / rows))


def test_same_arguments_same_reports() -> None:
    first, second = generate(300, seed=3), generate(300, seed=3)
    assert first.texts == second.texts
    for head in HEADS:
        assert np.array_equal(first.labels[head], second.labels[head])
        assert np.array_equal(first.probabilities[head], second.probabilities[head])
    assert generate(300, seed=4).texts != first.texts


@pytest.mark.parametrize("rows", [1, 500, CHUNK, CHUNK + 1])
def test_more_rows_keep_the_first_ones(reports: Reports, rows: int) -> None:
    fewer = generate(rows, seed=11)
    assert len(fewer.texts) == rows
    assert fewer.texts == reports.texts[:rows]
    for head in HEADS:
        assert np.array_equal(fewer.labels[head], reports.labels[head][:rows])
        assert np.array_equal(fewer.probabilities[head], reports.probabilities[head][:rows])


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_every_report_has_4_to_60_words(difficulty: float) -> None:
    lengths = [len(text.split()) for text in generate(6_000, seed=5, difficulty=difficulty).texts]
    assert min(lengths) >= 4
    assert max(lengths) <= 60
    assert 15 <= np.mean(lengths) <= 25


def test_reports_are_tagged_and_almost_never_repeat(reports: Reports) -> None:
    assert all(re.search(r"\b[A-Z]{1,2}-\d{3,4}[ABC]?\b", text.upper()) for text in reports.texts)
    assert len(set(reports.texts)) >= 0.999 * len(reports.texts)


def test_heads_and_shapes(reports: Reports) -> None:
    assert tuple(reports.classes) == tuple(reports.labels) == tuple(reports.probabilities) == HEADS
    assert len(reports.classes["modo"]) >= 12
    assert len(reports.classes["causa"]) >= 12
    assert len(reports.classes["prioridad"]) == 4
    for head in HEADS:
        assert len(set(reports.classes[head])) == len(reports.classes[head])
        assert reports.labels[head].dtype == np.int64
        assert reports.probabilities[head].dtype == np.float32
        assert reports.probabilities[head].shape == (20_000, len(reports.classes[head]))


@pytest.mark.parametrize("head", HEADS)
def test_classes_are_unbalanced_and_none_is_too_rare(reports: Reports, head: str) -> None:
    shares = np.bincount(reports.labels[head], minlength=len(reports.classes[head])) / len(reports.texts)
    assert shares.min() >= 0.015
    assert shares.max() >= 1.8 * shares.min()


@pytest.mark.parametrize("head", HEADS)
def test_probabilities_sum_to_one_and_are_calibrated(reports: Reports, head: str) -> None:
    chances, labels = reports.probabilities[head].astype(np.float64), reports.labels[head]
    assert np.all(chances >= 0)
    assert np.abs(chances.sum(axis=1) - 1).max() < 1e-6
    hits = np.eye(chances.shape[1])[labels]
    for low in np.arange(0, 1, 0.1):
        inside = (chances >= low) & (chances < low + 0.1 + (low > 0.85))
        if inside.sum() >= 200:
            said, seen = chances[inside].mean(), hits[inside].mean()
            assert abs(said - seen) < 4 * standard_error(said, int(inside.sum())), (low, said, seen)


@pytest.mark.parametrize("head", HEADS)
def test_bayes_accuracy_is_the_mean_of_the_highest_probability(reports: Reports, head: str) -> None:
    known = float(reports.probabilities[head].max(axis=1).mean())
    assert abs(known - bayes_accuracy(reports, head)) < 4 * standard_error(known, 20_000)


def test_bayes_accuracy_of_causa_at_the_default_difficulty(reports: Reports) -> None:
    assert 0.70 <= bayes_accuracy(reports, "causa") <= 0.90


def test_no_token_decides_a_causa(reports: Reports) -> None:
    tokens: Counter[str] = Counter()
    together: Counter[tuple[str, int]] = Counter()
    for text, causa in zip(reports.texts, reports.labels["causa"].tolist(), strict=True):
        for token in set(re.findall(r"\w+", text.lower())):
            tokens[token] += 1
            together[token, causa] += 1
    worst = max((count / tokens[token], token) for (token, _), count in together.items() if tokens[token] >= 20)
    assert worst[0] <= 0.9, worst


def test_priority_is_not_a_function_of_the_text(reports: Reports) -> None:
    assert reports.probabilities["prioridad"].max() < 0.99


def test_difficulty_acts_on_labels_and_on_spelling() -> None:
    levels = [generate(6_000, seed=2, difficulty=difficulty) for difficulty in (0.0, 0.5, 1.0)]
    for head in HEADS:
        easy, middle, hard = (float(level.probabilities[head].max(axis=1).mean()) for level in levels)
        assert easy > middle + 0.02 > hard + 0.04
    spellings = [
        len({word for text in level.texts for word in re.findall(r"[^\W\d]+", text.lower())}) for level in levels
    ]
    assert spellings[0] * 2 < spellings[1] < spellings[2]


@pytest.mark.parametrize(
    ("rows", "seed", "difficulty", "keys"),
    [
        (0, 0, 0.5, ["data.num_rows"]),
        (10, -1, 0.5, ["data.generator_seed"]),
        (10, 0, float("nan"), ["data.difficulty"]),
        (-5, 0, 1.5, ["data.num_rows", "data.difficulty"]),
    ],
)
def test_bad_requests_name_every_key(rows: int, seed: int, difficulty: float, keys: list[str]) -> None:
    with pytest.raises(RequestError) as caught:
        generate(rows, seed, difficulty)
    assert [mistake.key for mistake in caught.value.mistakes] == keys


def test_a_linear_model_stays_below_the_bayes_rule() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    reports = generate(12_000, seed=0)
    train, test = slice(0, 9_600), slice(10_800, 12_000)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2))
    features = vectorizer.fit_transform(reports.texts[train])
    causa = reports.labels["causa"]
    predicted = LinearSVC().fit(features, causa[train]).predict(vectorizer.transform(reports.texts[test]))
    linear = float(np.mean(predicted == causa[test]))
    bayes = float(np.mean(reports.probabilities["causa"][test].argmax(axis=1) == causa[test]))
    assert linear > 0.4  # the text does say something
    assert bayes - linear >= 0.03, (bayes, linear)
