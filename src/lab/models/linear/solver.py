"""One linear head, by default a support vector machine per class; validation rows choose its penalty and calibrate it.

scikit-learn's LinearSVC (liblinear: Fan et al. 2008, JMLR 9) separates each class from all others. Scores
are divided by a temperature, so that their softmax gives probabilities. liblinear has one random state per process, so
the fits are made one after the other: equal seeds give equal weights. Cost: about 1 s per fit of 8,000 texts and 77
classes. Shapes: N rows, D features, K classes.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch

from lab.core.batches import MISSING
from lab.models.calibration import ClassRows, NotFitted, fit_temperature
from lab.models.metrics import class_counts, scores

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
ClassWeights = Floats | Literal["balanced"] | None
"""Weights (K,) of the classes; `balanced`: inverse to their frequency in the rows of a fit; None: all are 1."""
PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Candidates for C, the weight of a row's error beside the squared weights."""
USUAL_PENALTIES = (0.3, 1.0)
"""Values of C that are compared where all candidates would take too long; the first is used where no rows choose."""
ABSENT = -2.0
"""Score of a class without a training row: below the margin of -1."""
FOLDS = 5
Near = Callable[[npt.NDArray[np.bool_]], npt.NDArray[np.bool_]]
"""From the rows (N,) that are held out to the rows (N,) that share something with them."""


@dataclass(frozen=True)
class Choice:
    """A candidate: C, and how many of the columns are used, counted from the left."""

    c: float
    num_columns: int


@dataclass(frozen=True)
class LinearHead:
    """weight (K, D) and bias (K,), divided by the temperature. note: why nothing was fitted, if so."""

    weight: Floats
    bias: Floats
    choice: Choice
    note: str | None = None
    temperature: float = 1.0

    def logits(self, features: Any) -> Floats:
        """(N, K) for features (N, D), a SciPy sparse matrix or an array."""
        scores: Floats = np.asarray(features @ self.weight.T, dtype=np.float32) + self.bias
        return scores


@dataclass(frozen=True)
class Rows:
    """features (N, D), a SciPy sparse matrix or an array; labels (N,), `MISSING` where unknown."""

    features: Any
    labels: Labels

    def known(self) -> "Rows":
        """The rows whose label is known."""
        kept = np.flatnonzero(self.labels != MISSING)
        return self if len(kept) == len(self.labels) else Rows(self.features[kept], self.labels[kept])


class Machine(Protocol):
    """What fits a candidate, and how candidates are compared.

    most_searched: stored features times classes up to which validation rows choose among all candidates; most_compared:
    those up to which they choose between `USUAL_PENALTIES`, with all columns; beyond, the first of these is fitted.
    """

    most_searched: float
    most_compared: float

    def solve(
        self, train: Rows, num_classes: int, choice: Choice, class_weights: ClassWeights, seed: int
    ) -> LinearHead:
        """The head of one candidate. train: rows with known labels, of at least two classes."""
        ...

    def is_better(self, logits: Floats, best: Floats, labels: Labels) -> bool:
        """Whether a candidate is to replace a simpler one on validation rows. logits, best: (N, K), labels: (N,)."""
        ...


class SupportVectorMachine:
    """LinearSVC of scikit-learn: each class against all others, compared by macro-F1.

    A core fits some 30 million features times classes a second. A sample of the rows does not show which C is best for
    all (LOG.md, 2026-11-29).
    """

    most_searched = 1e7
    most_compared = 5e7

    def solve(
        self, train: Rows, num_classes: int, choice: Choice, class_weights: ClassWeights, seed: int
    ) -> LinearHead:
        """The head of one candidate, not calibrated. train: rows with known labels, of at least two classes."""
        from sklearn.svm import LinearSVC

        weights = weights_by_class(train, class_weights)
        fitted = LinearSVC(C=choice.c, class_weight=weights, random_state=seed, tol=1e-3, max_iter=2000)
        return fitted_head(fitted, train, num_classes, choice)

    def is_better(self, logits: Floats, best: Floats, labels: Labels) -> bool:
        """Whether macro-F1 is higher."""
        return _f1_macro(logits, labels) > _f1_macro(best, labels)


SVM = SupportVectorMachine()


def _f1_macro(logits: Floats, labels: Labels) -> float:
    predicted, truth = torch.from_numpy(logits.argmax(1)), torch.from_numpy(labels)
    return scores(class_counts(predicted, truth, logits.shape[1]))["f1_macro"]


def weights_by_class(train: Rows, class_weights: ClassWeights) -> dict[int, float] | str | None:
    """The weights as scikit-learn takes them: of the classes that occur."""
    if class_weights is None or isinstance(class_weights, str):
        return class_weights
    return {int(k): float(class_weights[k]) for k in np.unique(train.labels)}


def fitted_head(model: Any, train: Rows, num_classes: int, choice: Choice) -> LinearHead:
    """Fit a linear classifier of scikit-learn to the columns of the choice. Classes without a row score `ABSENT`."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last iterate is as good on rows not seen
        model.fit(train.features[:, : choice.num_columns], train.labels)
    present, found, offsets = model.classes_, model.coef_, model.intercept_
    if len(present) == 2:
        found, offsets = np.concatenate([-found, found]), np.concatenate([-offsets, offsets])
    weight = np.zeros((num_classes, train.features.shape[1]), dtype=np.float32)
    bias = np.full(num_classes, ABSENT, dtype=np.float32)
    weight[present, : choice.num_columns], bias[present] = found, offsets
    return LinearHead(weight, bias, choice)


def fit_head(
    train: Rows,
    val: Rows | None,
    num_classes: int,
    columns: Sequence[int],
    penalties: Sequence[float] = PENALTIES,
    class_weights: ClassWeights = None,
    seed: int = 0,
    machine: Machine = SVM,
) -> LinearHead:
    """Fit every candidate, keep the best on the validation rows, and calibrate it there.

    columns: numbers of columns to choose from (words only, all); penalties: candidates for C; both the simplest first.
    Without validation rows the last of `columns` and the middle penalty are used, and out-of-fold scores of the
    training rows calibrate them.
    """
    train, val = train.known(), None if val is None or not len(val.known().labels) else val.known()
    if len(np.unique(train.labels)) < 2:
        return _constant(train, num_classes)
    choices = [Choice(c, num) for num in dict.fromkeys(columns) for c in penalties]
    units = num_classes * getattr(train.features, "nnz", train.features.size)
    if val is None or units > machine.most_searched:
        usual = [c for c in USUAL_PENALTIES if c in penalties] or [sorted(penalties)[len(penalties) // 2]]
        compared = val is not None and units <= machine.most_compared
        choices = [Choice(c, columns[-1]) for c in (usual if compared else usual[:1])]
    fitted = _best(choices, train, val, num_classes, class_weights, seed, machine)
    if val is not None:
        return tempered(fitted, fitted.logits(val.features), val.labels)
    groups = np.arange(len(train.labels))
    unseen = out_of_fold(train, fitted, num_classes, groups, class_weights, seed, machine)
    return tempered(fitted, unseen, train.labels)


def _best(
    choices: Sequence[Choice],
    train: Rows,
    val: Rows | None,
    num_classes: int,
    class_weights: ClassWeights,
    seed: int,
    machine: Machine,
) -> LinearHead:
    """The first candidate, replaced by each later one that is better on the validation rows."""
    fitted = machine.solve(train, num_classes, choices[0], class_weights, seed)
    if val is None or len(choices) == 1:
        return fitted
    best = fitted.logits(val.features)
    for choice in choices[1:]:
        head = machine.solve(train, num_classes, choice, class_weights, seed)
        logits = head.logits(val.features)
        if machine.is_better(logits, best, val.labels):
            best, fitted = logits, head
    return fitted


def tempered(head: LinearHead, logits: Floats, labels: Labels) -> LinearHead:
    """The head divided by the temperature that its logits (N, K) have on rows that it was not fitted to."""
    try:
        temperature = fit_temperature(ClassRows(logits.astype(np.float64), labels))
    except NotFitted:
        return head
    scale = np.float32(1 / temperature)
    return replace(head, weight=head.weight * scale, bias=head.bias * scale, temperature=temperature)


def out_of_fold(
    train: Rows,
    head: LinearHead,
    num_classes: int,
    groups: Labels,
    class_weights: ClassWeights,
    seed: int,
    machine: Machine = SVM,
    near: Near | None = None,
) -> Floats:
    """Logits (N, K) of each row from a model that was fitted without it and without the rows of its group.

    Candidate and temperature are those of `head`. groups: (N,) numbers, equal for rows that belong together. near: rows
    that such a model is not fitted to either. Rows without a label get logits as well. Folds whose other rows have one
    class have the logits of `head`.
    """
    result = head.logits(train.features)
    for held in folds(groups, seed):
        kept = ~held if near is None else ~(held | near(held))
        others = Rows(train.features[kept], train.labels[kept]).known()
        if len(np.unique(others.labels)) >= 2:
            part = machine.solve(others, num_classes, head.choice, class_weights, seed)
            result[held] = part.logits(train.features[held]) / np.float32(head.temperature)
    return result


def folds(groups: Labels, seed: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield `FOLDS` masks (N,) that share no row and no group, less if there are fewer groups."""
    values, inverse = np.unique(groups, return_inverse=True)
    number = np.random.default_rng(seed).permutation(len(values)) % FOLDS
    for fold in range(min(FOLDS, len(values))):
        yield number[inverse] == fold


def _constant(train: Rows, num_classes: int) -> LinearHead:
    """The head for fewer than two classes: the logarithm of the smoothed share of each class."""
    counts = np.bincount(train.labels, minlength=num_classes)
    bias = np.log((counts + 1) / (counts.sum() + num_classes)).astype(np.float32)
    note = "no training row has a label" if not len(train.labels) else "all training rows have one class"
    weight = np.zeros((num_classes, train.features.shape[1]), dtype=np.float32)
    return LinearHead(weight, bias, Choice(USUAL_PENALTIES[0], train.features.shape[1]), note)
