"""After the test: scores beside the majority baseline and the Bayes rule, predictions in input order, figures, report.

Everything is computed from the predictions on disk order, so that tables, matrices and scores are of the same rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lab.batches import MISSING, HeadSpec
from lab.callbacks.resources import RATES
from lab.data.corpus import Rows
from lab.models.scores import confusion, mean_over_heads, scores
from lab.record import RunFolder
from lab.report import figures
from lab.report.outcome import classification_report

Labels = Mapping[str, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Tested:
    """Results on the test rows.

    Scores of the model and of what it is compared with, one matrix (K, K) per head, the columns of the predictions.
    """

    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]]
    reference: dict[str, float] | None
    matrices: dict[str, npt.NDArray[np.int64]]
    columns: dict[str, list[object]]


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
    columns: dict[str, list[object]] = {
        "row": rows.source_rows.tolist(),
        "text": [text for batch in rows.texts.batches(1000) for text in batch],
    }
    for head, table in zip(heads, probabilities, strict=True):
        truth = rows.labels[head.name].tolist()
        columns[head.name] = [None if label == MISSING else head.classes[label] for label in truth]
        columns[f"{head.name}_predicted"] = [head.classes[label] for label in predicted[head.name].tolist()]
        columns[f"{head.name}_probability"] = table.max(1).values.tolist()
        columns[f"{head.name}_probabilities"] = table.tolist()
    baselines = {"majority": majority(rows, heads)}
    return Tested(metrics, baselines, bayes(rows, heads), matrices, columns)


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
    folder.write_predictions(result.columns)
    report = [f"{head.name}\n\n{classification_report(result.matrices[head.name], head.classes)}" for head in heads]
    folder.write_text("classification_report.txt", "\n\n".join(report) + "\n")
    for head in heads:
        figure = figures.confusion_matrix(result.matrices[head.name], head.classes, head.name)
        name = "".join(sign if sign.isalnum() else "_" for sign in head.name)
        figures.save_png(figure, folder.figures / f"confusion_{name}.png")
