"""The table on the terminal and the report per class, against scikit-learn's numbers."""

import io
import math
import re

import numpy as np
import pytest
from rich.console import Console
from sklearn.metrics import classification_report as reference_report
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from lab.core.terminal.display import drawn
from lab.core.terminal.tables import Table
from lab.training.evaluation.result_table import (
    ABOUT_REFERENCE,
    class_scores,
    classification_report,
    heads_report,
    outcome_table,
)

HEADS = ("modo", "causa")
METRICS = {
    "accuracy": 0.75, "precision_macro": 0.7, "recall_macro": 0.65, "f1_macro": 0.6,
    "modo/accuracy": 0.9, "modo/precision_macro": 0.85, "modo/recall_macro": 0.8, "modo/f1_macro": 0.825,
    "causa/accuracy": 0.6, "causa/precision_macro": 0.55, "causa/recall_macro": 0.5, "causa/f1_macro": 0.375,
}  # fmt: skip
MAJORITY = {"accuracy": 0.3, "f1_macro": 0.05, "modo/accuracy": 0.4, "modo/f1_macro": 0.06, "causa/accuracy": 0.2}
BAYES = {"accuracy": 0.8, "f1_macro": 0.78, "modo/accuracy": 0.95, "modo/f1_macro": 0.94, "causa/accuracy": 0.65}


def shown(table: Table, width: int = 80) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(drawn(table, width))
    return console.export_text()


def cells(text: str, head: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if re.match(rf"\W*{head}\b", line)]
    return line.split()[1:]


def test_a_row_per_head_beside_baseline_and_reference() -> None:
    text = shown(outcome_table(METRICS, {"majority": MAJORITY}, BAYES, HEADS))
    assert cells(text, "modo") == ["0.900", "0.850", "0.800", "0.825", "0.400", "0.060", "0.950", "0.940"]
    assert cells(text, "causa") == ["0.600", "0.550", "0.500", "0.375", "0.200", "-", "0.650", "-"]
    assert cells(text, "mean") == ["0.750", "0.700", "0.650", "0.600", "0.300", "0.050", "0.800", "0.780"]
    assert " ".join(text.split()).endswith(ABOUT_REFERENCE)
    assert "…" not in text, "fits a terminal of 80 columns"


def test_without_a_reference_the_table_does_not_mention_it() -> None:
    text = shown(outcome_table(METRICS, {"majority": MAJORITY}, None, HEADS))
    assert "Bayes" not in text
    assert "…" not in text
    assert cells(text, "modo") == ["0.900", "0.850", "0.800", "0.825", "0.400", "0.060"]


def test_a_single_head_has_names_without_prefix_and_no_mean() -> None:
    metrics = {name: value for name, value in METRICS.items() if "/" not in name}
    text = shown(outcome_table(metrics, {"majority": {"accuracy": 0.5, "f1_macro": math.nan}}, None, ("label",)))
    assert cells(text, "label") == ["0.750", "0.700", "0.650", "0.600", "0.500", "-"]
    assert "mean" not in text


def labels(seed: int, classes: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, rows)
    return truth, np.where(generator.random(rows) < 0.6, truth, generator.integers(0, classes, rows))


def per_class(matrix: list[list[int]]) -> np.ndarray:
    """Counts (3, K) of a confusion matrix."""
    table = np.array(matrix)
    return np.stack([table.sum(1), table.sum(0), table.diagonal()])


@pytest.mark.parametrize(("seed", "classes", "rows"), [(0, 2, 50), (1, 5, 200), (2, 12, 40), (3, 45, 300)])
def test_numbers_are_scikit_learns(seed: int, classes: int, rows: int) -> None:
    truth, predicted = labels(seed, classes, rows)
    names = [f"class {index:02d}" for index in range(classes)]
    counts = per_class(confusion_matrix(truth, predicted, labels=range(classes)))
    ours, support = class_scores(counts), counts[0]
    *expected, expected_support = precision_recall_fscore_support(
        truth, predicted, labels=range(classes), zero_division=0
    )
    assert np.allclose(ours, np.stack(expected, axis=1))
    assert support.tolist() == expected_support.tolist()

    occurring = np.union1d(truth, predicted)
    theirs = reference_report(
        truth, predicted, target_names=[names[index] for index in occurring], digits=4, zero_division=0
    )
    assert numbers(classification_report(counts, names), occurring, names) == numbers(theirs, occurring, names)


def numbers(report: str, occurring: np.ndarray, names: list[str]) -> dict[str, list[str]]:
    wanted = [names[index] for index in occurring] + ["accuracy", "macro avg", "weighted avg"]
    lines = [line.strip().replace(" *", "") for line in report.splitlines()]
    return {name: line[len(name) :].split() for name in wanted for line in lines if line.startswith(f"{name}  ")}


def test_classes_without_rows_are_marked() -> None:
    report = classification_report(per_class([[3, 0, 1], [0, 0, 0], [0, 0, 2]]), ["a", "b", "c"])
    assert "b *" in report
    assert "a *" not in report
    assert "no test row of this class" in report
    assert "*" not in classification_report(per_class([[1, 0], [0, 1]]), ["a", "b"])


def test_no_rows_at_all_is_not_a_crash() -> None:
    report = classification_report(np.zeros((3, 2), dtype=np.int64), ["a", "b"])
    assert re.search(r"accuracy\s+nan\s+0", report)


def test_heads_follow_one_another() -> None:
    counts = {"modo": np.ones((3, 2), dtype=np.int64), "causa": np.ones((3, 3), dtype=np.int64)}
    report = heads_report(counts, {"modo": ("x", "y"), "causa": ("p", "q", "r")})
    assert report.startswith("modo\n\n")
    assert report.endswith(classification_report(counts["causa"], ("p", "q", "r")) + "\n")
    assert report.index("modo") < report.index("y") < report.index("causa") < report.index("r  ", report.index("causa"))
