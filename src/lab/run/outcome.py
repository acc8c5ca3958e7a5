"""After the test: scores beside the majority baseline and the Bayes rule, predictions in input order, figures, report.

Everything is computed from the predictions on disk order, so that tables, matrices and scores are of the same rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from lab.batches import MISSING, HeadSpec
from lab.callbacks.resources import RATES
from lab.data.corpus import Rows
from lab.models.scores import confusion, mean_over_heads, scores
from lab.record import RunFolder
from lab.report import figures
from lab.report.outcome import heads_report

LOGGED_ROWS = 10_000
"""As many rows as a table of W&B shows; all are in test_predictions.parquet."""
Labels = Mapping[str, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Tested:
    """Results on the test rows.

    Scores of the model and of what it is compared with, and one matrix (K, K) per head. predictions: per column a list,
    Arrow array or numpy array of all rows. columns: the first `LOGGED_ROWS` rows as lists, without the columns that
    hold a list a row: what loggers can show.
    """

    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]]
    reference: dict[str, float] | None
    matrices: dict[str, npt.NDArray[np.int64]]
    predictions: dict[str, Any]

    @property
    def columns(self) -> dict[str, list[object]]:
        flat = {name: values for name, values in self.predictions.items() if getattr(values, "ndim", 1) == 1}
        return {name: pa.array(values[:LOGGED_ROWS]).to_pylist() for name, values in flat.items()}


def score_labels(predicted: Labels, truth: Labels, heads: tuple[HeadSpec, ...]) -> dict[str, float]:
    """Scores of given predictions per head (N,), in the names of the record."""
    return mean_over_heads(
        {
            head.name: scores(
                confusion(torch.from_numpy(predicted[head.name]), torch.from_numpy(truth[head.name]), head.num_classes)
            )
            for head in heads
        }
    )


def majority(rows: Rows, heads: tuple[HeadSpec, ...]) -> dict[str, float]:
    """Scores of always answering each head's most frequent training class."""
    guesses = {head.name: np.full(len(rows.texts), int(np.argmax(head.counts))) for head in heads}
    return score_labels(guesses, rows.labels, heads)


def bayes(rows: Rows, heads: tuple[HeadSpec, ...]) -> dict[str, float] | None:
    """Scores of the Bayes rule where the data knows P(label | text): no rule has a higher expected accuracy."""
    if rows.probabilities is None:
        return None
    best = {name: values.argmax(1).astype(np.int64) for name, values in rows.probabilities.items()}
    return score_labels(best, rows.labels, heads)


def tested(
    metrics: dict[str, float], probabilities: list[torch.Tensor], rows: Rows, heads: tuple[HeadSpec, ...]
) -> Tested:
    """Put together what is known of the test rows. probabilities: per head (N, K) in the split's order."""
    predicted = {head.name: table.argmax(1).numpy() for head, table in zip(heads, probabilities, strict=True)}
    matrices = {
        head.name: confusion(
            torch.from_numpy(predicted[head.name]), torch.from_numpy(rows.labels[head.name]), head.num_classes
        ).numpy()
        for head in heads
    }
    columns: dict[str, Any] = {
        "row": rows.source_rows,
        "text": pa.chunked_array([pa.array(batch, pa.string()) for batch in rows.texts.batches(1000)], pa.string()),
    }
    for head, table in zip(heads, probabilities, strict=True):
        columns[head.name] = _names(rows.labels[head.name], head)
        columns[f"{head.name}_predicted"] = _names(predicted[head.name], head)
        columns[f"{head.name}_probability"] = table.max(1).values.numpy()
        columns[f"{head.name}_probabilities"] = table.numpy()
    baselines = {"majority": majority(rows, heads)}
    return Tested(metrics, baselines, bayes(rows, heads), matrices, columns)


def _names(labels: npt.NDArray[np.int64], head: HeadSpec) -> "pa.StringArray":
    """Class names of (N,) class indices; null for a missing label."""
    return pa.array(head.classes, pa.string()).take(pa.array(labels, mask=labels == MISSING))


def split_metrics(history: list[dict[str, Any]], epoch: int | None) -> dict[str, dict[str, float]]:
    """{train, val}: the metrics of the best epoch, without their split prefix and without what they cost."""
    row: dict[str, Any] = next((row for row in reversed(history) if row["epoch"] == epoch), {})
    return {
        split: {
            name.removeprefix(f"{split}/"): value
            for name, value in row.items()
            if name.startswith(f"{split}/") and name.removeprefix(f"{split}/") not in RATES
        }
        for split in ("train", "val")
    }


def write(folder: RunFolder, result: Tested, heads: tuple[HeadSpec, ...]) -> None:
    """test_predictions.parquet, classification_report.txt and one confusion matrix per head."""
    folder.write_predictions(result.predictions)
    classes = {head.name: head.classes for head in heads}
    folder.write_text("classification_report.txt", heads_report(result.matrices, classes))
    for head, name in zip(heads, figure_names([head.name for head in heads]), strict=True):
        figure = figures.confusion_matrix(result.matrices[head.name], head.classes, head.name)
        figures.save_png(figure, folder.figures / f"{name}.png")


def figure_names(heads: Sequence[str]) -> list[str]:
    """File names without ending, told apart by a number where only signs or case differ ("causa 1", "Causa_1")."""
    names: list[str] = []
    taken: set[str] = set()
    for head in heads:
        name = "confusion_" + "".join(sign if sign.isalnum() else "_" for sign in head)
        numbered = (name, *(f"{name}_{number}" for number in range(2, len(heads) + 2)))
        names.append(next(free for free in numbered if free.casefold() not in taken))
        taken.add(names[-1].casefold())
    return names
