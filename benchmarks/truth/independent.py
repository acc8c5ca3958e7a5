"""Simple models written with scikit-learn alone, on the rows that a run has: what lab's own baselines are checked with.

    python -m benchmarks.truth.independent OVERRIDES ...

prints, as JSON, `{name: {split: {metric: value}}}` for validation and test rows, and the number of training rows and of
classes. Texts: TF-IDF of words (1-2) and characters (2-5) with LinearSVC, C by validation accuracy. Series: the class
`horizon` steps ago, and logistic regression on the last values, their number by the validation score. The choice is on
validation rows, so scores on them are a little too good, as those of the models are.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SVC, PERSISTENCE, LOGISTIC = "check: TF-IDF + LinearSVC", "check: last class", "check: logistic on lags"
NAMES = (SVC, PERSISTENCE, LOGISTIC)
MISSING = -100
PENALTIES = (0.1, 1.0, 10.0)
LAGS = (1, 3, 7, 14, 28)
Ints = npt.NDArray[np.int64]
Scores = dict[str, float]
Report = dict[str, dict[str, Scores]]


def scores(truth: Ints, guess: Ints) -> Scores:
    """Accuracy, macro-F1 and MCC of the rows whose label is known."""
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

    known = truth != MISSING
    truth, guess = truth[known], guess[known]
    return {
        "accuracy": float(accuracy_score(truth, guess)),
        "f1_macro": float(f1_score(truth, guess, average="macro", zero_division=0)),
        "mcc": float(matthews_corrcoef(truth, guess)),
    }


def best(fits: list[Callable[[str], Ints]], truth: Mapping[str, Ints], metric: str) -> dict[str, Ints]:
    """The predictions of the fit that is best on validation rows. fits: each returns the classes of a split."""
    chosen = max(fits, key=lambda fit: scores(truth["val"], fit("val"))[metric])
    return {split: chosen(split) for split in ("val", "test")}


def text_scores(texts: Mapping[str, list[str]], labels: Mapping[str, Mapping[str, Ints]]) -> Report:
    """The linear model of each head, and their mean. labels: per split and head."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union
    from sklearn.svm import LinearSVC

    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    inputs = {"train": features.fit_transform(texts["train"])}
    inputs |= {split: features.transform(texts[split]) for split in ("val", "test")}
    by_split: dict[str, list[Scores]] = {"val": [], "test": []}
    for head in labels["train"]:
        truth = {split: labels[split][head] for split in labels}
        known = truth["train"] != MISSING
        fitted = [LinearSVC(C=c).fit(inputs["train"][known], truth["train"][known]) for c in PENALTIES]
        fits = [lambda split, model=model: model.predict(inputs[split]).astype(np.int64) for model in fitted]
        for split, guess in best(fits, truth, "accuracy").items():  # type: ignore[arg-type]  # default argument
            by_split[split].append(scores(truth[split], guess))
    return {SVC: {split: mean_of(each) for split, each in by_split.items()}}


def mean_of(each: list[Scores]) -> Scores:
    """The mean over heads of each metric."""
    return {name: float(np.mean([one[name] for one in each])) for name in each[0]}


def window_scores(windows: Mapping[str, npt.NDArray[np.float32]], labels: Mapping[str, Ints], metric: str) -> Report:
    """Logistic regression on last values. windows: (N, T, C) per split; a missing value counts as 0."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    shortest = min(each.shape[1] for each in windows.values())
    fits = []
    for lags in dict.fromkeys(min(lags, shortest) for lags in (*LAGS, 100)):
        inputs = {split: each[:, -lags:].reshape(len(each), -1) for split, each in windows.items()}
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        model.fit(inputs["train"], labels["train"])
        fits.append(lambda split, model=model, inputs=inputs: model.predict(inputs[split]).astype(np.int64))
    return {LOGISTIC: _scored(best(fits, labels, metric), labels)}  # type: ignore[arg-type]  # default arguments


def last_class(ends: Mapping[str, Ints], labels: Mapping[str, Ints], horizon: int) -> Report:
    """The class of the window that ended `horizon` steps before, the most frequent class where there is none."""
    usual = int(np.bincount(labels["train"]).argmax())
    known = {int(end): int(label) for split in ends for end, label in zip(ends[split], labels[split], strict=True)}
    guess = {
        split: np.array([known.get(int(end) - horizon, usual) for end in ends[split]], np.int64)
        for split in ("val", "test")
    }
    return {PERSISTENCE: _scored(guess, labels)}


def _scored(guess: Mapping[str, Ints], labels: Mapping[str, Ints]) -> dict[str, Scores]:
    return {split: scores(labels[split], each) for split, each in guess.items()}


def report(overrides: list[str]) -> dict[str, Any]:
    """The scores on the data of a request, with the numbers of training rows and classes."""
    from lab.api.request import compose
    from lab.config.schema import Series

    config = compose(overrides)
    return _of_series(config) if isinstance(config.data, Series) else _of_texts(config)


def _of_texts(config: Any) -> dict[str, Any]:
    from lab.data.text.corpus import load

    corpus = load(config.data, Path(config.cache.dir).expanduser())
    texts = {
        split: [text for batch in rows.texts.batches(1000) for text in batch] for split, rows in corpus.splits.items()
    }
    labels = {
        split: {head: column.astype(np.int64) for head, column in rows.labels.items()}
        for split, rows in corpus.splits.items()
    }
    return {"scores": text_scores(texts, labels), "rows": len(texts["train"]),
            "classes": max(head.num_classes for head in corpus.heads)}  # fmt: skip


def _of_series(config: Any) -> dict[str, Any]:
    from lab.training.tasks.series_classification import load_series

    data = load_series(config, False, labelled=True)
    data.setup("fit")
    data.setup("test")
    cuts = data.series.splits
    labels = {split: cut.labels.astype(np.int64) for split, cut in cuts.items()}
    windows = {split: data.rows[split].arrays(np.arange(len(cut)))[0] for split, cut in cuts.items()}
    timed = bool(data.series.horizon)
    found = window_scores(windows, labels, "mcc" if timed else "accuracy")
    if timed:
        ends = {split: cut.ends.astype(np.int64) for split, cut in cuts.items()}
        found |= last_class(ends, labels, data.series.horizon)
    return {"scores": found, "rows": len(labels["train"]), "classes": data.spec.heads[0].num_classes}


if __name__ == "__main__":
    print(json.dumps(report(sys.argv[1:])))
