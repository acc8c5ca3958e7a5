"""The paired bootstrap: how far apart two predictions of the same test rows are, with an interval.

Rows are drawn with replacement, and both predictions are scored on the same draw, so that what makes rows easy or hard
for both cancels out (Efron and Tibshirani 1993, chapters 13 and 16; for classifiers Berg-Kirkpatrick et al. 2012). The
interval is that of percentiles. Rows that are equal in truth and both predictions form a cell; a draw of N rows is then
a draw from a multinomial distribution over cells, and scores follow from sums of cells per class. Rows of a series are
not independent: whole blocks of time are drawn there (Kuensch 1989, without overlap).

Shapes: N rows, M cells, B resamples, K classes. 2,000 resamples of 3,000 rows with 77 classes take about .5 s.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.core.batches import MISSING

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
METRICS = ("f1_macro", "accuracy", "mcc", "auc")
"""The scores of classes that can be compared."""
CONFIDENCE = 0.95
"""Of the interval."""
RESAMPLES = 2000
"""Drawn of data with few cells."""
FEWEST = 200
"""Resamples of data with very many cells, whose scores vary little."""
MOST_DRAWS = 20_000_000
"""Cells times resamples; of more, fewer resamples are drawn, down to `FEWEST`."""
BLOCK = 100_000
"""Cells times resamples in memory at once (0.8 MB per array, which a cache holds)."""


@dataclass(frozen=True)
class Difference:
    """Two scores of the same rows. difference: own - other; interval: its ends at the confidence, NaN without rows;
    resamples: how many were drawn; rows: how many rows have a label; blocks: of time that were drawn, None for rows."""

    own: float
    other: float
    interval: tuple[float, float]
    resamples: int
    rows: int
    blocks: int | None = None

    @property
    def difference(self) -> float:
        """The own score minus the other."""
        return self.own - self.other


@dataclass(frozen=True)
class HeadRows:
    """Two predictions of one head. truth: (N,) classes, `MISSING` where unknown; own, other: (N,) predicted classes, or
    for `auc` (N,) scores of the second class."""

    truth: Ints
    own: npt.NDArray[Any]
    other: npt.NDArray[Any]


def compare_heads(
    heads: Sequence[HeadRows],
    metric: str,
    seed: int = 0,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    blocks: Ints | None = None,
) -> Difference:
    """Compare two predictions by a score of `METRICS`; of several heads by its mean, which skips heads without a score.

    blocks: (N,) the block of each row; whole blocks are drawn. None: rows are independent. Rows without a label in any
    head are left out: of N rows those with labels are drawn. Raises ValueError for an unknown metric, or heads of
    different numbers of rows.
    """
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r} is none of {', '.join(METRICS)}")
    known = np.any([head.truth != MISSING for head in heads], axis=0)
    columns = [column[known] for head in heads for column in _columns(head, metric)]
    scorers = [_scorer(metric) for _ in heads]
    drawn = None if blocks is None else blocks[known]
    return _compared(columns, scorers, int(known.sum()), seed, resamples, confidence, drawn)


def _columns(head: HeadRows, metric: str) -> tuple[npt.NDArray[Any], ...]:
    """(N,) truth and both predictions. Accuracy only counts what is right, which leaves few cells: 0 right, 1 wrong."""
    if metric != "accuracy":
        return head.truth, head.own, head.other
    truth = np.where(head.truth == MISSING, MISSING, 0)
    return truth, (head.own != head.truth).astype(np.int64), (head.other != head.truth).astype(np.int64)


def compare_means(
    own: Floats, other: Floats, seed: int = 0, resamples: int = RESAMPLES, confidence: float = CONFIDENCE
) -> Difference:
    """Compare two grades of the same rows (N,), such as exact match and F1 of questions, by their means."""

    def means(weights: Ints, cells: Sequence[npt.NDArray[Any]]) -> Iterator[Floats]:
        yield from (weights @ grades / weights.sum(1) for grades in cells)

    return _compared([own, other], [means], len(own), seed, resamples, confidence)


def _compared(
    columns: Sequence[npt.NDArray[Any]],
    scorers: Sequence[Any],
    num: int,
    seed: int,
    resamples: int,
    confidence: float,
    blocks: Ints | None = None,
) -> Difference:
    """Draw and score. columns: (N,) each, so many per scorer; a scorer yields (B,) own and other scores; blocks: (N,),
    drawn as wholes, None for rows."""
    if not num:
        return Difference(np.nan, np.nan, (np.nan, np.nan), 0, 0)
    cells, counts, codes = _cells(columns)
    drawer = _RowDraws(counts) if blocks is None else _BlockDraws(codes, blocks)
    width = len(cells) // len(scorers)
    parts = [_PartCells.of(cells[place * width : (place + 1) * width]) for place in range(len(scorers))]

    def scored(weights: Ints) -> tuple[Floats, Floats]:
        pairs = [tuple(scorer(part.weights(weights), part.cells)) for scorer, part in zip(scorers, parts, strict=True)]
        own, other = _mean([own for own, _ in pairs]), _mean([other for _, other in pairs])
        return own, other

    own, other = scored(counts[None])
    resamples = min(resamples, max(FEWEST, MOST_DRAWS // len(counts)))
    random, block = np.random.default_rng(seed), max(1, BLOCK // len(counts))
    differences = np.empty(resamples)
    for start in range(0, resamples, block):
        part = slice(start, min(start + block, resamples))
        ours, theirs = scored(drawer.weights(random, part.stop - part.start))
        differences[part] = ours - theirs
    known = differences[~np.isnan(differences)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail]) if len(known) else (np.nan, np.nan)
    return Difference(float(own[0]), float(other[0]), (float(low), float(high)), resamples, num, drawer.num_blocks)


class _RowDraws:
    """Draws of N rows as numbers of rows per cell. counts: (M,) rows of each cell."""

    num_blocks = None

    def __init__(self, counts: Ints) -> None:
        self.counts = counts

    def weights(self, random: np.random.Generator, num: int) -> Ints:
        """(B, M) of `num` resamples."""
        total = int(self.counts.sum())
        drawn: Ints = random.multinomial(total, self.counts / total, size=num)
        return drawn


class _BlockDraws:
    """Draws of as many blocks as there are. codes, blocks: (N,) the cell and the block of each row."""

    def __init__(self, codes: Ints, blocks: Ints) -> None:
        from scipy import sparse

        present, place = np.unique(blocks, return_inverse=True)
        self.num_blocks = len(present)
        ones = np.ones(len(codes), np.int64)
        self.rows = sparse.csr_array((ones, (place, codes)), shape=(len(present), int(codes.max()) + 1))

    def weights(self, random: np.random.Generator, num: int) -> Ints:
        """(B, M) of `num` resamples."""
        drawn = random.multinomial(self.num_blocks, np.full(self.num_blocks, 1 / self.num_blocks), size=num)
        weights: Ints = drawn @ self.rows
        return weights


def _cells(columns: Sequence[npt.NDArray[Any]]) -> tuple[list[npt.NDArray[Any]], Ints, Ints]:
    """The columns (M,) of distinct rows, the number of rows of each (M,), and the cell of each row (N,)."""
    codes = _codes(columns)
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    return [column[first] for column in columns], counts.astype(np.int64), codes


def _codes(columns: Sequence[npt.NDArray[Any]]) -> Ints:
    """(N,) one number per distinct row of columns (N,)."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        values, inverse = np.unique(column, return_inverse=True)
        codes = np.unique(codes * len(values) + inverse, return_inverse=True)[1]
    return codes


@dataclass(frozen=True)
class _PartCells:
    """The cells of one head among those of all heads: fewer, so that the draws are added up once and not per score.

    cells: the columns (P,) of distinct rows; order, starts: the cells of all heads (M,) by these, None where they are
    the same.
    """

    cells: list[npt.NDArray[Any]]
    order: Ints | None
    starts: Ints | None

    @classmethod
    def of(cls, columns: list[npt.NDArray[Any]]) -> "_PartCells":
        codes = _codes(columns)
        _, first, place = np.unique(codes, return_index=True, return_inverse=True)
        if len(first) == len(codes):
            return cls(columns, None, None)
        order = np.argsort(place, kind="stable")
        starts = np.searchsorted(place[order], np.arange(len(first)))
        return cls([column[first] for column in columns], order, starts)

    def weights(self, weights: Ints) -> Ints:
        """(B, P) sums of (B, M)."""
        if self.order is None or self.starts is None:
            return weights
        return np.add.reduceat(weights[:, self.order], self.starts, axis=1)


def _mean(scores: Sequence[Floats]) -> Floats:
    """(B,) means over heads without NaN; NaN where all are."""
    table = np.stack(scores)
    known = ~np.isnan(table)
    sums, num = np.where(known, table, 0).sum(0), known.sum(0)
    return np.where(num > 0, sums / np.maximum(num, 1), np.nan)


def _scorer(metric: str) -> Any:
    def scores(weights: Ints, cells: Sequence[npt.NDArray[Any]]) -> Iterator[Floats]:
        truth, own, other = cells
        labelled = truth != MISSING
        weights, truth = weights[:, labelled], truth[labelled]
        for predicted in (own[labelled], other[labelled]):
            if metric == "auc":
                yield _auc(weights, truth == 1, predicted)
            else:
                yield _FROM_COUNTS[metric](*class_sums(weights, truth, predicted))

    return scores


def class_sums(weights: Ints, truth: Ints, predicted: Ints) -> tuple[Floats, Floats, Floats]:
    """(B, K) rows of each true class, of each predicted class, and hits, of the K classes that occur in `truth` or
    `predicted` (M,). weights: (B, M)."""
    classes = np.unique(np.concatenate([truth, predicted]))
    right = truth == predicted
    return (
        _sums(weights, np.searchsorted(classes, truth), len(classes)),
        _sums(weights, np.searchsorted(classes, predicted), len(classes)),
        _sums(weights[:, right], np.searchsorted(classes, truth[right]), len(classes)),
    )


def _sums(weights: Ints, classes: Ints, num_classes: int) -> Floats:
    """(B, K) sums of weights (B, M) by the class (M,) of each column."""
    sums = np.zeros((len(weights), num_classes))
    if not len(classes):
        return sums
    order = np.argsort(classes, kind="stable")
    present, starts = np.unique(classes[order], return_index=True)
    sums[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def _accuracy(truth: Floats, predicted: Floats, hits: Floats) -> Floats:  # noqa: ARG001 (as the other scores)
    return _ratio(hits.sum(1), truth.sum(1))


def _f1_macro(truth: Floats, predicted: Floats, hits: Floats) -> Floats:
    """The mean over classes that occur as truth or prediction, as `lab.models.metrics` has it."""
    f1 = 2 * hits / np.maximum(truth + predicted, 1)
    return _ratio(f1.sum(1), (truth + predicted > 0).sum(1).astype(np.float64))


def _mcc(truth: Floats, predicted: Floats, hits: Floats) -> Floats:
    """Gorodkin 2004; 0 where truth or prediction is one class only."""
    total = truth.sum(1)
    covariance = hits.sum(1) * total - (truth * predicted).sum(1)
    spread = (total**2 - (truth**2).sum(1)) * (total**2 - (predicted**2).sum(1))
    mcc = covariance / np.sqrt(np.where(spread > 0, spread, 1))
    return np.where(total > 0, np.where(spread > 0, mcc, 0), np.nan)


def _ratio(part: Floats, total: Floats) -> Floats:
    return np.where(total > 0, part / np.maximum(total, 1), np.nan)


_FROM_COUNTS: Mapping[str, Any] = {"accuracy": _accuracy, "f1_macro": _f1_macro, "mcc": _mcc}


def _auc(weights: Ints, positive: npt.NDArray[np.bool_], score: Floats) -> Floats:
    """(B,) the chance that a positive row ranks above a negative one, ties half; NaN where one class is absent."""
    _, place = np.unique(score, return_inverse=True)
    num = int(place.max()) + 1 if len(place) else 0
    above, below = (_sums(weights[:, side], place[side], num) for side in (positive, ~positive))
    wins = (above * (below.cumsum(1) - below / 2)).sum(1)
    pairs = above.sum(1) * below.sum(1)
    return np.where(pairs > 0, wins / np.maximum(pairs, 1), np.nan)
