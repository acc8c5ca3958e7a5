"""Linear models of windows: logistic regression on the last values, and ridge regression on statistics of the window.

Where the windows have the classes of past steps, logistic regression also reads their `class_history`. A missing value
counts as the mean of the training rows, beside a column that says that it is missing where training rows lack any.
Features are standardised. Shapes: N windows, T time steps, C channels, H columns of class history, D features, K
classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from lab.core.files import Unreadable
from lab.core.record.fields import count, keyed, number, optional, text
from lab.models.linear.class_history import class_history, width_of
from lab.models.linear.files import WEIGHTS, read_model, write_model
from lab.models.linear.solver import (
    Choice,
    ClassWeights,
    Floats,
    Labels,
    LinearHead,
    Near,
    Rows,
    fit_head,
    fitted_head,
    out_of_fold,
    tempered,
    weights_by_class,
)
from lab.models.linear.window_features import Bools, lag_features, window_statistics
from lab.models.series.ridge import ridge

Kind = Literal["lags", "statistics"]
LAGS = (1, 2, 3, 7, 14, 28, 48)
"""Numbers of last values that validation rows choose from."""
PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Candidates for C of the logistic regression."""
ALPHAS = tuple(10.0**power for power in range(-3, 6))
"""Candidates for the penalty of the ridge regression, chosen by leave-one-out error."""


class Logistic:
    """Multinomial logistic regression of scikit-learn (L2), compared by the likelihood of the validation labels.

    More lags or a weaker penalty must be better by a standard error of the paired difference: the rule of one standard
    error (Breiman et al. 1984, Classification and Regression Trees, 3.4.3) for candidates that see the same rows.
    """

    most_searched = most_compared = 3e8

    def solve(
        self, train: Rows, num_classes: int, choice: Choice, class_weights: ClassWeights, seed: int
    ) -> LinearHead:
        """The head of one candidate. train: rows with known labels, of at least two classes."""
        from sklearn.linear_model import LogisticRegression

        weights = weights_by_class(train, class_weights)
        head = fitted_head(LogisticRegression(C=choice.c, class_weight=weights), train, num_classes, choice)
        if len(np.unique(train.labels)) > 2:
            return head
        # scikit-learn has one score for two classes, the difference of the logits.
        half = np.float32(0.5)
        return LinearHead(head.weight * half, head.bias * half, choice)

    def is_better(self, logits: Floats, best: Floats, labels: Labels) -> bool:
        """Whether the mean logarithm of the probability of the labels is higher by more than its standard error."""
        gain = _log_probabilities(logits, labels) - _log_probabilities(best, labels)
        error = gain.std(correction=1) / len(labels) ** 0.5 if len(labels) > 1 else 0.0
        return bool(gain.mean() > error)


LOGISTIC = Logistic()


def _log_probabilities(logits: Floats, labels: Labels) -> torch.Tensor:
    """(N,) of the labels, for logits (N, K)."""
    chosen: torch.Tensor = torch.from_numpy(logits).double().log_softmax(-1)[torch.arange(len(labels)), labels]
    return chosen


@dataclass(frozen=True)
class SeriesLinear:
    """A fitted model: `logits(values, observed)`.

    num_lags: last values that are read (of `lags`); centre, spread: (D,) of the features without the missing columns;
    masked: whether there are columns that say that a feature is missing; past_labels: the channel of past classes whose
    history (H columns, before the lags) is read, too, None: lags alone.
    """

    kind: Kind
    num_lags: int
    centre: Floats
    spread: Floats
    masked: bool
    head: LinearHead
    past_labels: int | None = None

    @classmethod
    def fit(
        cls,
        kind: Kind,
        features: Floats,
        labels: Labels,
        num_classes: int,
        num_channels: int,
        val: tuple[Floats, Labels] | None = None,
        penalties: Sequence[float] = PENALTIES,
        lags: Sequence[int] = LAGS,
        class_weights: Floats | None = None,
        seed: int = 0,
        past_labels: int | None = None,
    ) -> "SeriesLinear":
        """A model of the `lag_features` or `window_statistics` of training windows, with the class history of the
        channel `past_labels`, which statistics do not have.

        val: rows that choose C and the number of lags, and calibrate. With one class in training the logits are
        constant and the head has a note.
        """
        num_lags = features.shape[1] // max(1, num_channels)
        past_labels = past_labels if kind == "lags" else None
        centre, spread = _scale(_with_history(features, num_lags, past_labels))
        masked = bool(np.isnan(features).any())
        model = cls(kind, num_lags, centre, spread, masked, _nothing(num_classes), past_labels)
        train = Rows(model._standardised(features), labels)
        held_out = None if val is None else Rows(model._standardised(val[0]), val[1])
        if kind == "lags":
            width = num_channels * (2 if masked else 1)
            sizes = [num for num in lags if num <= num_lags] or [num_lags]
            columns = [model.history + width * num for num in sizes]
            head = fit_head(train, held_out, num_classes, columns, penalties, class_weights, seed, LOGISTIC)
        else:
            head = _ridge_head(train, held_out, num_classes, class_weights)
        return replace(model, head=head)

    @property
    def history(self) -> int:
        """H, 0 without past classes."""
        return 0 if self.past_labels is None else width_of(self.num_lags)

    @property
    def used_lags(self) -> int:
        """Last values of each channel that have a weight."""
        num_channels = (len(self.centre) - self.history) // self.num_lags
        return (self.head.choice.num_columns - self.history) // (num_channels * (2 if self.masked else 1))

    def logits(self, values: Floats, observed: Bools) -> Floats:
        """(N, K) for windows (N, T, C), of which `observed` (N, T, C) says which values count."""
        if self.kind == "lags":
            return self.scored(lag_features(values, observed, self.num_lags))
        return self.scored(window_statistics(values, observed))

    def scored(self, features: Floats) -> Floats:
        """(N, K) for the `lag_features` or `window_statistics` of windows."""
        return self.head.logits(self._standardised(features))

    def out_of_fold_logits(
        self, features: Floats, labels: Labels, groups: Labels, seed: int = 0, near: Near | None = None
    ) -> Floats:
        """(N, K) for the `lag_features` of training windows, each from a model that was fitted without the window,
        without the rows of its group (N,) and without those that are `near` to that group."""
        assert self.kind == "lags", "a ridge has leave-one-out scores"
        if self.head.note is not None:
            return self.scored(features)
        rows = Rows(self._standardised(features), labels)
        return out_of_fold(rows, self.head, len(self.head.bias), groups, None, seed, LOGISTIC, near)

    def _standardised(self, features: Floats) -> Floats:
        """(N, D), or (N, 2 D - H) with the missing columns, in groups of one lag after the class history."""
        every = _with_history(features, self.num_lags, self.past_labels)
        missing = np.isnan(every)
        scaled = np.where(missing, 0.0, (every - self.centre) / self.spread).astype(np.float32)
        if not self.masked:
            return scaled
        num_groups = self.num_lags if self.kind == "lags" else 1
        both = (scaled[:, self.history :], missing[:, self.history :].astype(np.float32))
        pairs = np.concatenate([each.reshape(len(every), num_groups, -1) for each in both], axis=2)
        return np.concatenate([scaled[:, : self.history], pairs.reshape(len(every), -1)], axis=1)

    def save(self, folder: Path) -> None:
        """Write weights and description into `folder`."""
        tensors = {"weight": self.head.weight, "bias": self.head.bias, "centre": self.centre, "spread": self.spread}
        choice = self.head.choice
        described = {
            "kind": self.kind, "num_lags": self.num_lags, "masked": int(self.masked), "c": choice.c,
            "num_columns": choice.num_columns, "note": self.head.note, "temperature": self.head.temperature,
            "past_labels": self.past_labels,
        }  # fmt: skip
        write_model(folder, described, tensors)

    @classmethod
    def load(cls, folder: Path) -> "SeriesLinear":
        """The model that `save` wrote. Raises Unreadable for other content, OSError for a missing file."""
        described, tensors = read_model(folder, _DESCRIBED)
        choice = Choice(float(described["c"]), described["num_columns"])
        if set(tensors) != {"weight", "bias", "centre", "spread"} or described["kind"] not in ("lags", "statistics"):
            raise Unreadable(folder / WEIGHTS, "has no weights of a linear model")
        head = LinearHead(
            tensors["weight"], tensors["bias"], choice, described["note"], float(described["temperature"])
        )
        masked, place = bool(described["masked"]), described.get("past_labels")  # older versions have lags alone
        model = cls(described["kind"], described["num_lags"], tensors["centre"], tensors["spread"], masked, head, place)
        if not model._fits_together():
            raise Unreadable(folder / WEIGHTS, "has no weights of a linear model")
        return model

    def _fits_together(self) -> bool:
        arrays = (self.head.weight, self.head.bias, self.centre, self.spread)
        num_columns = len(self.centre) + (len(self.centre) - self.history if self.masked else 0)
        same_type = all(each.dtype == np.float32 for each in arrays)
        fits = self.head.weight.shape == (len(self.head.bias), num_columns) and self.centre.shape == self.spread.shape
        if self.past_labels is None:
            return same_type and fits
        num_channels, rest = divmod(len(self.centre) - self.history, max(1, self.num_lags))
        return same_type and fits and not rest and self.past_labels < num_channels


_DESCRIBED = keyed(
    "kind", "num_lags", "masked", "c", "num_columns", "note", "temperature", kind=text, num_lags=count, masked=count,
    c=number, num_columns=count, note=optional(text), temperature=number, past_labels=optional(count),
)  # fmt: skip


def _with_history(features: Floats, num_lags: int, past_labels: int | None) -> Floats:
    """(N, H + L C): the class history of a channel before `lag_features`; these alone without the channel."""
    if past_labels is None:
        return features
    classes = torch.from_numpy(features.reshape(len(features), num_lags, -1)[:, :, past_labels])
    history: Floats = class_history(classes.nan_to_num(), ~classes.isnan()).numpy()
    return np.concatenate([history, features], axis=1)


def _ridge_head(train: Rows, val: Rows | None, num_classes: int, class_weights: Floats | None) -> LinearHead:
    known = train.known()
    choice = Choice(1.0, train.features.shape[1])
    if len(np.unique(known.labels)) < 2:
        return fit_head(train, None, num_classes, [choice.num_columns], (1.0,), machine=LOGISTIC)
    weights = torch.ones(num_classes) if class_weights is None else torch.from_numpy(class_weights)
    features, labels = torch.from_numpy(known.features), torch.from_numpy(known.labels)
    solution = ridge(features, labels, num_classes, weights, ALPHAS)
    head = LinearHead(np.ascontiguousarray(solution.weights.numpy()), solution.biases.numpy(), choice)
    if val is None:
        return tempered(head, solution.left_out.numpy().astype(np.float32), known.labels)
    return tempered(head, head.logits(val.known().features), val.known().labels)


def _scale(features: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation (D,) of the known values; 0 and 1 of a column without any, deviation 1 of a constant one."""
    known = ~np.isnan(features)
    num = np.maximum(known.sum(0), 1)
    kept = np.where(known, features, 0.0).astype(np.float64)
    centre = kept.sum(0) / num
    spread = np.sqrt(np.square(np.where(known, features - centre, 0.0)).sum(0) / num)
    return centre.astype(np.float32), np.where(spread > 1e-6, spread, 1.0).astype(np.float32)


def _nothing(num_classes: int) -> LinearHead:
    return LinearHead(np.zeros((num_classes, 0), np.float32), np.zeros(num_classes, np.float32), Choice(1.0, 0))
