"""The test result of classification heads: scores, confusion matrices, figures and a report.

Scores, report and matrices come from the metric of the test pass, so that they agree. Shapes: N test rows, K classes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from lab.core.batches import MISSING, HeadSpec
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.tables import Table
from lab.loggers.base import Confusion
from lab.models.calibration import MOST_CELLS, NO_OFFSETS, ClassRows, calibrated
from lab.models.classifier import HeadMetric, Logits
from lab.models.metrics import NAMES, class_counts, confusion_cells, mean_over_heads, scores
from lab.report.figures import run_figures
from lab.training.baselines.base import Labels, best_first, notes
from lab.training.baselines.label_rules import Heads, score_labels
from lab.training.evaluation.base import EvaluationResult, HeldOut
from lab.training.evaluation.result_table import heads_report, outcome_table


@dataclass(frozen=True)
class ClassificationResult(EvaluationResult):
    """Results of classifying heads.

    counts: per head (3, K), as `lab.models.metrics` has them; matrices: per head (K, K) counts, rows are the truth, of
    the heads whose matrix is kept; classes: per head K names; labels: per head (N,), `MISSING` where unknown; offsets:
    per head whose class is not always the most probable one, (K,) added to its log-probabilities.
    """

    counts: dict[str, npt.NDArray[np.int64]]
    matrices: dict[str, npt.NDArray[np.int64]]
    classes: dict[str, tuple[str, ...]]
    labels: Labels
    offsets: Mapping[str, Sequence[float]] = field(default_factory=dict, kw_only=True)

    @property
    def scored_rows(self) -> dict[str, ClassRows]:
        return {
            name: ClassRows(self._logits(name).numpy(), labels, _array(self.offsets.get(name)))
            for name, labels in self.labels.items()
        }

    def calibrated(
        self, temperatures: Mapping[str, float], offsets: Mapping[str, Sequence[float]] = NO_OFFSETS
    ) -> Self:
        columns = dict(self.predictions)
        for name, temperature in temperatures.items():
            table = self._logits(name)
            for piece in torch.split(table, max(1, MOST_CELLS // len(self.classes[name]))):
                piece.copy_(calibrated(piece, temperature))
            columns |= _probability_columns(name, table)
        result = replace(self, predictions=columns)
        return result._decided(offsets) if offsets else result

    def _decided(self, offsets: Mapping[str, Sequence[float]]) -> Self:
        """The result with the classes that offsets choose, and their scores. Scores that read probabilities stay."""
        decided = replace(self, offsets=offsets)
        columns, counts, matrices = dict(self.predictions), dict(self.counts), dict(self.matrices)
        for name, rows in decided.scored_rows.items():
            if name not in offsets:
                continue
            chosen, num = rows.chosen(), len(self.classes[name])
            columns[f"{name}_predicted"] = _names(chosen, self.classes[name])
            columns[f"{name}_probability"] = columns[f"{name}_probabilities"][np.arange(len(chosen)), chosen]
            predicted, truth = torch.from_numpy(chosen), torch.from_numpy(rows.labels)
            counts[name] = class_counts(predicted, truth, num).numpy()
            if name in matrices:
                cells, weights = confusion_cells(predicted, truth, num)
                matrix = torch.zeros(num * num, dtype=torch.long).index_add(0, cells, weights)
                matrices[name] = matrix.reshape(num, num).numpy()
        new = mean_over_heads({name: scores(torch.from_numpy(each)) for name, each in counts.items()})
        metrics = self.metrics | {name: value for name, value in new.items() if not np.isnan(self.metrics[name])}
        return replace(decided, predictions=columns, counts=counts, matrices=matrices, metrics=metrics)

    def _logits(self, head: str) -> torch.Tensor:
        """(N, K) log-probabilities, which are logits too; probabilities that are 0 in fp32 become the least above 0."""
        probabilities = torch.from_numpy(self.predictions[f"{head}_probabilities"])
        return probabilities.clamp(min=torch.finfo(torch.float32).tiny).log_()

    @property
    def confusions(self) -> dict[str, Confusion]:
        return {name: Confusion(matrix, self.classes[name]) for name, matrix in self.matrices.items()}

    def write(self, folder: RunFolder) -> None:
        """test_predictions.parquet and classification_report.txt."""
        folder.write_predictions(self.predictions)
        folder.write_text("classification_report.txt", heads_report(self.counts, self.classes))

    def draw(self, folder: RunFolder) -> None:
        """One confusion matrix per head whose matrix is kept."""
        for (head, matrix), name in zip(self.matrices.items(), figure_names(list(self.matrices)), strict=True):
            run_figures.save_png(
                run_figures.confusion_matrix(matrix, self.classes[head], head), folder.figures / f"{name}.png"
            )

    def table(self) -> Table:
        ranked = best_first(self.baselines)
        shown = {each.name: each.scores["test"] for each in (*ranked[:1], *ranked[1:][-1:])}
        table = outcome_table(self.metrics, shown, self.reference, list(self.classes))
        num = len(next(iter(self.predictions.values()), ()))
        others = ", ".join(each.name.replace("_", " ") for each in ranked[1:-1])
        more = [f"Also in run.json: {others}."] if others else []
        more += [f"{note[0].upper()}{note[1:]}." for note in notes(self.baselines)]
        table.caption = " ".join([f"Of {num:,} test row{'' if num == 1 else 's'}.", table.caption, *more])
        return table


def classification_result(
    metric: HeadMetric,
    probabilities: list[torch.Tensor],
    labels: Labels,
    heads: Heads,
    identity: Mapping[str, Any],
    reference: dict[str, float] | None = None,
) -> ClassificationResult:
    """The result of a test from its scores and the probabilities of its rows.

    metric: of the test pass, which every process has to call this with; probabilities: per head (N, K) in the split's
    order; identity: columns that identify the rows.
    """
    predicted = {head.name: table.argmax(1).numpy() for head, table in zip(heads, probabilities, strict=True)}
    columns: dict[str, Any] = dict(identity)
    for head, table in zip(heads, probabilities, strict=True):
        columns[head.name] = _names(labels[head.name], head.classes)
        columns[f"{head.name}_predicted"] = _names(predicted[head.name], head.classes)
        columns |= _probability_columns(head.name, table)
    with metric.sync_context():
        counts = {head.name: metric.class_counts(index).numpy() for index, head in enumerate(heads)}
        kept = {head.name: metric.confusion(index) for index, head in enumerate(heads)}
    matrices = {name: matrix.numpy() for name, matrix in kept.items() if matrix is not None}
    classes = {head.name: head.classes for head in heads}
    return ClassificationResult(metric.compute(), reference, columns, counts, matrices, classes, labels)


def held_out_classes(outputs: Sequence[Logits], heads: Heads) -> HeldOut:
    """The batches of a prediction pass as one, in their order."""
    rows = torch.cat([rows for rows, _, _ in outputs]).numpy()
    scored, columns = {}, {}
    for place, head in enumerate(heads):
        logits = torch.cat([logits[place] for _, logits, _ in outputs]).numpy()
        labels = torch.cat([labels[head.name] for _, _, labels in outputs]).numpy()
        scored[head.name] = ClassRows(logits, labels)
        columns[head.name] = _names(labels, head.classes)
        columns[f"{head.name}_predicted"] = _names(logits.argmax(1), head.classes)
    return HeldOut(rows, scored, columns)


def decided_rows(
    held_out: HeldOut, heads: Heads, temperatures: Mapping[str, float], offsets: Mapping[str, Sequence[float]]
) -> HeldOut:
    """Return the rows with the classes that the offsets (K,) of some heads choose."""
    scored, columns = dict(held_out.heads), dict(held_out.columns)
    for head in heads:
        if head.name in offsets:
            rows = scored[head.name]
            assert isinstance(rows, ClassRows), "offsets of a head without classes"
            rows = replace(rows, offsets=_array(offsets[head.name]))
            chosen = rows.chosen(temperatures.get(head.name, 1.0))
            scored[head.name], columns[f"{head.name}_predicted"] = rows, _names(chosen, head.classes)
    return HeldOut(held_out.rows, scored, columns)


def bayes_scores(
    probabilities: Mapping[str, npt.NDArray[np.floating[Any]]], truth: Labels, heads: Heads
) -> dict[str, float]:
    """Scores of the Bayes rule, from true P(label | row) per head (N, K); no rule has a higher expected accuracy."""
    best = {name: values.argmax(1).astype(np.int64) for name, values in probabilities.items()}
    return score_labels(best, truth, heads)


def metric_names(heads: tuple[HeadSpec, ...], extra: Iterable[str] = ()) -> Iterator[str]:
    """Names of the metrics that a validation of these heads logs, without the split. extra: those of `metrics.extra`"""
    names = (*NAMES, "loss", *extra)
    binary = {head.name for head in heads if head.num_classes == 2}
    yield from names
    if len(binary) == len(heads):
        yield "auc"
    if len(heads) > 1:
        for head in heads:
            yield from (f"{head.name}/{name}" for name in names)
            if head.name in binary:
                yield f"{head.name}/auc"


def figure_names(heads: Sequence[str]) -> list[str]:
    """File names without suffix. Names that differ in punctuation or case only ("causa 1", "Causa_1") get a number."""
    names: list[str] = []
    taken: set[str] = set()
    for head in heads:
        name = "confusion_" + "".join(char if char.isalnum() else "_" for char in head)
        numbered = (name, *(f"{name}_{number}" for number in range(2, len(heads) + 2)))
        names.append(next(free for free in numbered if free.casefold() not in taken))
        taken.add(names[-1].casefold())
    return names


def _probability_columns(head: str, table: torch.Tensor) -> dict[str, npt.NDArray[np.float32]]:
    return {f"{head}_probability": table.max(1).values.numpy(), f"{head}_probabilities": table.numpy()}


def _array(offsets: Sequence[float] | None) -> npt.NDArray[np.float64] | None:
    return None if offsets is None else np.asarray(offsets, np.float64)


def _names(labels: npt.NDArray[np.int64], classes: Sequence[str]) -> "pa.StringArray":
    """Class names of (N,) class indices; null for a missing label."""
    return pa.array(classes, pa.string()).take(pa.array(labels, mask=labels == MISSING))
