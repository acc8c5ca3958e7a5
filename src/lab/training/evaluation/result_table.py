"""The table of test scores beside baselines and reference, and the classification report with scores per class.

Definitions are scikit-learn's: precision, recall and F1 of a class without any predicted or true row are 0; macro
averages run over the classes that occur as truth or as prediction. Needs numpy, no torch.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lab.core.terminal.tables import Column, Table

Counts = npt.NDArray[np.integer]
Scores = Mapping[str, float]

COLUMNS = {"accuracy": "accuracy", "precision_macro": "precision", "recall_macro": "recall", "f1_macro": "F1"}
COMPARED = {"accuracy": "acc.", "f1_macro": "F1"}
MEAN = "mean"
ABOUT_REFERENCE = (
    "Bayes rule: its accuracy is the highest any model can expect on such rows (chance may lift a model a little above "
    "it); its macro-F1 is a reference, not a bound."
)
ABOUT_MACRO = "Precision, recall and F1 are macro averages."


def outcome_table(
    metrics: Scores, baselines: Mapping[str, Scores], reference: Scores | None, heads: Sequence[str]
) -> Table:
    """The table of scores: one row per head, and their mean if there are several heads.

    metrics, baselines (by name, the best first) and reference: flat names as in run.json, `f1_macro` and, with several
    heads, `causa/f1_macro`. A score that was not computed is shown as a dash.
    """
    compared = dict(baselines) | ({"Bayes": reference} if reference is not None else {})
    notes = [ABOUT_MACRO] + ([ABOUT_REFERENCE] if reference is not None else [])
    columns = [Column("head", is_name=True)]
    columns += [Column(title, right=True, bold=True) for title in COLUMNS.values()]
    titles = [name.replace("_", "\n") for name in compared]
    columns += [Column(f"{name}\n{title}", right=True) for name in titles for title in COMPARED.values()]
    table = Table(columns, caption=" ".join(notes), more="run.json", plain=True, importance=_importance(columns))
    rows = _rows(heads)
    for number, (label, prefix) in enumerate(rows):
        cells = [_cell(metrics, prefix + name) for name in COLUMNS]
        cells += [_cell(scores, prefix + name) for scores in compared.values() for name in COMPARED]
        table.add_row(label, *cells, ends_section=number == len(rows) - 2)
    return table


def _importance(columns: Sequence[Column]) -> list[str]:
    """Column titles, most important first: accuracy and F1, their baselines, then precision and recall."""
    titles = [column.title for column in columns]
    late = [COLUMNS["precision_macro"], COLUMNS["recall_macro"]]
    return [title for title in titles if title not in late] + late


def _rows(heads: Sequence[str]) -> list[tuple[str, str]]:
    """The label of each row and the prefix of its metric names, which is empty for a single head."""
    if len(heads) == 1:
        return [(heads[0], "")]
    return [(head, f"{head}/") for head in heads] + [(MEAN, "")]


def _cell(scores: Scores, name: str) -> str:
    value = scores.get(name)
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def classification_report(counts: Counts, classes: Sequence[str]) -> str:
    """Precision, recall, F1 and support of every class, then accuracy, macro and weighted averages.

    counts: (3, K) rows per true class, per predicted class, and hits; classes: K names. Classes without test rows are
    marked with an asterisk.
    """
    assert counts.shape == (3, len(classes)), f"{counts.shape} counts for {len(classes)} classes"
    per_class = class_scores(counts)
    support, predicted, hits = counts
    occurs = (support + predicted) > 0
    total = int(support.sum())
    names = [name if rows else f"{name} *" for name, rows in zip(classes, support, strict=True)]
    width = max(len(name) for name in [*names, "weighted avg"])
    lines = [f"{'':{width}}  precision  recall      F1  support", ""]
    lines += [_line(name, values, rows, width) for name, values, rows in zip(names, per_class, support, strict=True)]
    accuracy = hits.sum() / total if total else math.nan
    macro = per_class[occurs].mean(0) if occurs.any() else np.full(3, math.nan)
    weighted = (per_class * support[:, None]).sum(0) / total if total else np.full(3, math.nan)
    lines += ["", f"{'accuracy':{width}}  {'':9}  {'':6}  {accuracy:6.4f}  {total:7d}"]
    lines += [_line("macro avg", macro, total, width), _line("weighted avg", weighted, total, width)]
    if (support == 0).any():
        lines += ["", "* no test row of this class; the macro average leaves it out unless it was predicted"]
    return "\n".join(lines)


def class_scores(counts: Counts) -> npt.NDArray[np.float64]:
    """(K, 3) precision, recall and F1 per class. counts: (3, K) true rows, predicted rows and hits of each class."""
    truth, predicted, hits = counts
    precision = hits / np.maximum(predicted, 1)
    recall = hits / np.maximum(truth, 1)
    f1 = 2 * hits / np.maximum(truth + predicted, 1)
    return np.stack([precision, recall, f1], axis=1)


def _line(name: str, values: npt.NDArray[np.float64], support: int, width: int) -> str:
    precision, recall, f1 = (float(value) for value in values)
    return f"{name:{width}}  {precision:9.4f}  {recall:6.4f}  {f1:6.4f}  {int(support):7d}"


def heads_report(counts: Mapping[str, Counts], classes: Mapping[str, Sequence[str]]) -> str:
    """The classification report of every head, one below the other: the text of `classification_report.txt`."""
    reports = [f"{head}\n\n{classification_report(values, classes[head])}" for head, values in counts.items()]
    return "\n\n".join(reports) + "\n"
