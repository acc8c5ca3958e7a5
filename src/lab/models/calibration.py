"""One temperature per head, so that a probability of .8 is right in 8 of 10 rows, and the measures of that.

Logits are divided by a temperature T (Guo et al. 2017, arXiv 1706.04599); the order of the classes stays. T has the
least Brier score on held-out rows whose label is known. The usual fit by likelihood made the probabilities of noisy
labels worse (LOG.md): a few rows with a sure prediction and another label decide it, while the part of a row in the
Brier score is bounded. A penalty, (log T)^2 / 2 beside the sum over rows, keeps T near 1 where few rows or rows without
an error say little. Pure functions. Cost: .1 s for 10,000 rows of 20 classes. Shapes: N rows, K classes or candidates.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from torch import Tensor

from lab.core.batches import MISSING
from lab.core.record.calibration_fields import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
NO_OFFSETS: Mapping[str, Sequence[float]] = MappingProxyType({})
"""Of heads whose class is always the most probable one."""
NUM_BINS = 10
"""Bins of equal width of the expected calibration error."""
MOST_ROWS, MOST_CELLS = 100_000, 5_000_000
"""Rows that a fit uses, evenly spaced, and their scores: one number needs no more. With 10,000 classes they are 500
rows. So many scores are also turned into probabilities at a time."""
GRID = 41
"""Temperatures that are compared before the best is refined."""
GRID_ROWS = 10_000
"""About so many rows compare them; all rows decide between the best and its neighbours."""


@dataclass(frozen=True)
class ScoredRows(ABC):
    """Scores of the rows of one head, of which those with a known truth count. scores: (N, K)."""

    scores: npt.NDArray[np.floating[Any]]

    @property
    @abstractmethod
    def known(self) -> Bools:
        """(N,) whether the truth of a row is known."""

    @abstractmethod
    def every(self, step: int) -> "ScoredRows":
        """The known rows, each `step`-th of them."""

    @abstractmethod
    def best(self, temperature: float) -> tuple[Floats, Bools]:
        """(N,) probability of the best class or candidate, and whether it is right."""

    @abstractmethod
    def brier(self, temperature: float) -> float:
        """Mean squared distance between probabilities and truth (Brier 1950)."""


@dataclass(frozen=True)
class ClassRows(ScoredRows):
    """Logits of classes, and labels (N,), `MISSING` where unknown. The Brier score sums over classes: 0 to 2.

    offsets: (K,) numbers that are added to the log-probabilities before a class is chosen; None: the most probable one.
    """

    labels: Ints
    offsets: Floats | None = None

    @property
    def known(self) -> Bools:
        return np.not_equal(self.labels, MISSING)

    def every(self, step: int) -> "ClassRows":
        places = np.flatnonzero(self.known)[::step]
        return (
            self
            if len(places) == len(self.labels)
            else replace(self, scores=self.scores[places], labels=self.labels[places])
        )

    def probabilities(self, temperature: float) -> Iterator[tuple[slice, Floats]]:
        """Yield the probabilities of some rows at a time, in double precision, with their places."""
        for part in self._parts():
            yield part, softmax(self.scores[part].astype(np.float64) / temperature, axis=1)

    def _parts(self) -> Iterator[slice]:
        step = max(1, MOST_CELLS // self.scores.shape[1])
        yield from (slice(start, start + step) for start in range(0, len(self.scores), step))

    def chosen(self, temperature: float = 1.0) -> Ints:
        """(N,) the chosen class of each row; without offsets the temperature does not change it."""
        chosen = np.empty(len(self.scores), np.int64)
        for part in self._parts():
            table = self.scores[part]
            chosen[part] = (table if self.offsets is None else table + temperature * self.offsets).argmax(1)
        return chosen

    def best(self, temperature: float) -> tuple[Floats, Bools]:
        """(N,) probability of the chosen class, and whether it is right."""
        confidence, chosen = np.empty(len(self.scores)), self.chosen(temperature)
        for part, table in self.probabilities(temperature):
            confidence[part] = table[np.arange(len(table)), chosen[part]]
        return confidence, chosen == self.labels

    def brier(self, temperature: float) -> float:
        distances = np.empty(len(self.scores))
        for part, table in self.probabilities(temperature):
            table[np.arange(len(table)), self.labels[part]] -= 1.0
            distances[part] = np.square(table).sum(1)
        return float(distances.mean())


@dataclass(frozen=True)
class AnswerRows(ScoredRows):
    """Scores of candidate answers, the best first, -inf where there are fewer, and whether the best is right (N,).

    A question may have no right candidate at all, so the Brier score is of the event "the best candidate is right",
    from 0 to 1. The truth of a question without any candidate is not known.
    """

    right: Bools

    @property
    def known(self) -> Bools:
        known: Bools = self.scores[:, 0] > -np.inf
        return known

    def every(self, step: int) -> "AnswerRows":
        return AnswerRows(self.scores[self.known][::step], self.right[self.known][::step])

    def best(self, temperature: float) -> tuple[Floats, Bools]:
        scores = np.where(self.known[:, None], self.scores, 0.0)  # without a candidate any probability will do
        return softmax(scores / temperature, axis=1)[:, 0], self.right

    def brier(self, temperature: float) -> float:
        return float(np.square(self.best(temperature)[0] - self.right).mean())


@dataclass(frozen=True)
class Reliability:
    """Per bin of confidence that has rows: their number, mean confidence and accuracy, each (bins,)."""

    rows: npt.NDArray[np.int64]
    confidence: Floats
    accuracy: Floats

    @property
    def ece(self) -> float:
        """Expected calibration error: the mean over rows of |accuracy - confidence| of their bin, 0 to 1."""
        return float((self.rows * np.abs(self.accuracy - self.confidence)).sum() / self.rows.sum())


class NotFitted(ValueError):
    """Rows to which no temperature can be fitted, with the reason."""


def fit_temperature(rows: ScoredRows) -> float:
    """Return the temperature of a head, within its bounds.

    Raises NotFitted if no truth is known or a score is not finite (-inf is allowed for a candidate that is not there).
    """
    num = int(rows.known.sum())
    if not num:
        raise NotFitted("no validation row has a label")
    most = max(1, min(MOST_ROWS, MOST_CELLS // rows.scores.shape[1]))
    kept = rows.every(math.ceil(num / most))
    if np.isnan(kept.scores).any() or (kept.scores == np.inf).any() or (kept.scores.max(1) == -np.inf).any():
        raise NotFitted("the model gives logits that are not finite")
    some = kept if len(kept.scores) <= GRID_ROWS else kept.every(len(kept.scores) // GRID_ROWS)

    def cost_on(rows: ScoredRows) -> Callable[[float], float]:
        return lambda log: num * rows.brier(math.exp(log)) + log * log / 2

    return _lowest(cost_on(kept), cost_on(some) if some is not kept else None)


def _lowest(cost: Callable[[float], float], of_some: Callable[[float], float] | None = None) -> float:
    """The temperature whose logarithm has the least cost: the best of a grid, refined between its neighbours.

    of_some: the cost on some of the rows, from whose best place on the grid the best on all is found downhill.
    """
    grid = np.linspace(math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE), GRID)
    place = int(np.argmin([(of_some or cost)(float(log)) for log in grid]))
    if of_some is not None:
        place = _downhill(lambda at: cost(float(grid[at])), place)
    bounds = (float(grid[max(0, place - 1)]), float(grid[min(GRID - 1, place + 1)]))
    refined = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return min(max(math.exp(float(refined.x)), LOWEST_TEMPERATURE), HIGHEST_TEMPERATURE)


def _downhill(cost: Callable[[int], float], place: int) -> int:
    """The place of the grid, from `place` on, whose neighbours cost no less."""
    known: dict[int, float] = {}
    while True:
        near = [at for at in (place, place - 1, place + 1) if 0 <= at < GRID]
        known |= {at: cost(at) for at in near if at not in known}
        best = min(near, key=known.__getitem__)
        if best == place:
            return place
        place = best


def reliability(confidence: Floats, right: Bools) -> Reliability:
    """Return the bins (low, high] of equal width of rows with these probabilities of their best class (N,)."""
    places = np.clip(np.ceil(confidence * NUM_BINS).astype(np.int64) - 1, 0, NUM_BINS - 1)
    rows = np.bincount(places, minlength=NUM_BINS)
    used = rows > 0
    sums = (np.bincount(places, weights, NUM_BINS)[used] for weights in (confidence, right.astype(np.float64)))
    mean_confidence, accuracy = (total / rows[used] for total in sums)
    return Reliability(rows[used], mean_confidence, accuracy)


def decision_scores(probabilities: Tensor, offsets: Sequence[float] | None) -> Tensor:
    """(N, K) the numbers whose largest names the class of a row: the probabilities, or with offsets (K,) their
    logarithms plus these.

    >>> import torch
    >>> decision_scores(torch.tensor([[0.8, 0.2]]), [0.0, 2.0]).argmax(1).tolist()
    [1]
    """
    return probabilities if offsets is None else probabilities.log() + torch.tensor(offsets, dtype=probabilities.dtype)


def calibrated(logits: Tensor, temperature: float) -> Tensor:
    """Probabilities (N, K) of logits (N, K), on the CPU in double precision, so that the order stays that of logits."""
    return (logits.detach().cpu().double() / temperature).softmax(-1)
