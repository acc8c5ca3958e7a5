"""The best classes of a head as cells, and the scores of predictions whose labels are known.

Shapes: B rows, K classes.
"""

from collections.abc import Sequence

import torch

from lab.core.batches import HeadSpec
from lab.core.terminal.tables import Table
from lab.inference.predictor import Cells, Field, rounded
from lab.models.calibration import decision_scores
from lab.models.metrics import class_counts, mean_over_heads, scores
from lab.training.evaluation.result_table import outcome_table


def class_fields(name: str, kept: int) -> list[Field]:
    """Return the columns of the `kept` best classes of a head.

    >>> [field.name for field in class_fields("cause", 2)]
    ['cause', 'cause_probability', 'cause_2', 'cause_2_probability']
    """
    ranks = ["", *(f"_{rank}" for rank in range(2, kept + 1))]
    pairs = [(Field(f"{name}{rank}", "text"), Field(f"{name}{rank}_probability", "number")) for rank in ranks]
    return [field for pair in pairs for field in pair]


def ranked_classes(
    head: HeadSpec, probabilities: torch.Tensor, kept: int, offsets: Sequence[float] | None = None
) -> list[Cells]:
    """Return the cells of `class_fields` for each row of probabilities (B, K), in the order of the decision rule.

    offsets: (K,) of the rule; None: the most probable class comes first.
    """
    best = decision_scores(probabilities, offsets).topk(kept).indices
    return [
        tuple(cell for code, value in zip(codes, values, strict=True) for cell in (head.classes[code], rounded(value)))
        for codes, values in zip(best.tolist(), probabilities.gather(1, best).tolist(), strict=True)
    ]


class ClassCounts:
    """Counts per class of predictions and labels of some heads."""

    def __init__(self, heads: Sequence[HeadSpec]) -> None:
        self.heads = heads
        self.counts = [torch.zeros(3, head.num_classes, dtype=torch.long) for head in heads]

    def add(self, index: int, chosen: torch.Tensor, labels: Sequence[int]) -> None:
        """Add rows of a head: chosen classes (B,) and labels (B,), `MISSING` where unknown."""
        self.counts[index] += class_counts(chosen, torch.tensor(labels), self.heads[index].num_classes)

    def table(self) -> Table | None:
        """The table of scores; None if no label is known."""
        known = {head.name: counts for head, counts in zip(self.heads, self.counts, strict=True) if counts[0].any()}
        if not known:
            return None
        metrics = mean_over_heads({name: scores(counts) for name, counts in known.items()})
        table = outcome_table(metrics, {}, None, list(known))
        num = {name: int(counts[0].sum()) for name, counts in known.items()}
        each = "" if len(set(num.values())) == 1 else f" ({', '.join(f'{name} {rows}' for name, rows in num.items())})"
        table.title = (
            f"scores of {next(iter(num.values()))} labelled rows" if not each else f"scores of labelled rows{each}"
        )
        return table
