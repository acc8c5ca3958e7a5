"""Predictions of a text classifier: the best classes of each head with their probabilities.

Texts are joined from their columns as in training. Shapes: B rows, L tokens, K classes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from lab.config.schema import Columned, Config
from lab.core.batches import MISSING, TextBatch, Tokenizer
from lab.core.terminal.tables import Table
from lab.inference.predictor import Cells, Field, Predicted, Predictor, Row, by_length, cell_text, rounded
from lab.models.metrics import class_counts, mean_over_heads, scores
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.training.evaluation.result_table import outcome_table

GENERATED_TEXT = "text"
"""The text column of the generated reports."""


class TextPredictor(Predictor):
    """Classes of texts. columns: for columns of the run, their names in the input."""

    def __init__(
        self, config: Config, model: MultitaskTextClassifier, tokenizer: Tokenizer, columns: Mapping[str, str],
        top_k: int, batch_size: int, device: torch.device,
    ) -> None:  # fmt: skip
        data = config.data
        own = data.text if isinstance(data, Columned) else (GENERATED_TEXT,)
        self.needed = tuple(columns.get(name, name) for name in own)
        self.separator = data.text_separator if isinstance(data, Columned) else " "
        self.markers = {*data.missing_markers, ""} if isinstance(data, Columned) else {""}
        self.model, self.tokenizer, self.batch_size, self.device = model.to(device), tokenizer, batch_size, device
        self.heads = model.spec.heads
        self.kept = [min(top_k, head.num_classes) for head in self.heads]
        self.fields = tuple(_fields(head.name, kept) for head, kept in zip(self.heads, self.kept, strict=True))
        self.fields = tuple(field for fields in self.fields for field in fields)
        self.labels = {head.name: columns.get(head.name, head.name) for head in self.heads}
        self.codes = [{name: code for code, name in enumerate(head.classes)} for head in self.heads]
        self.counts = [torch.zeros(3, head.num_classes, dtype=torch.long) for head in self.heads]

    def predict(self, rows: Sequence[Row]) -> Predicted:
        texts = [self.text_of(row) for row in rows]
        places = [place for place, text in enumerate(texts) if text is not None]
        result = Predicted([(None,) * len(self.fields)] * len(rows))
        result.rejected = {place: "has no text" for place, text in enumerate(texts) if text is None}
        ids = self.tokenizer.encode([text for text in texts if text is not None], self.model.spec.max_length)
        for chosen in by_length([len(row) for row in ids], self.batch_size):
            probabilities = self.probabilities([ids[item] for item in chosen])
            self._count(probabilities, [rows[places[item]] for item in chosen])
            for item, cells in zip(chosen, self._cells(probabilities), strict=True):
                result.cells[places[item]] = cells
        return result

    def text_of(self, row: Row) -> str | None:
        """The text of a row, None if all of its cells are missing."""
        cells = [cell_text(row.get(name)) for name in self.needed]
        known = [cell for cell in cells if cell is not None and cell.strip() not in self.markers]
        return self.separator.join(known) if known else None

    @torch.inference_mode()
    def probabilities(self, ids: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        """Probabilities (B, K) of each head, on the CPU."""
        lengths = np.array([len(row) for row in ids])
        mask = np.arange(max(1, int(lengths.max()))) < lengths[:, None]
        padded = np.full(mask.shape, self.model.spec.pad_id, np.int64)
        padded[mask] = np.concatenate([np.asarray(row, np.int64) for row in ids])
        nowhere = torch.arange(len(ids))
        batch = TextBatch(torch.from_numpy(padded), torch.from_numpy(mask), {}, nowhere, {}).to(self.device)
        return [logits.float().softmax(-1).cpu() for logits in self.model(batch)]

    def _cells(self, probabilities: Sequence[torch.Tensor]) -> list[Cells]:
        parts: list[list[Cells]] = []
        for head, kept, table in zip(self.heads, self.kept, probabilities, strict=True):
            best = table.topk(kept)
            ranked = zip(best.indices.tolist(), best.values.tolist(), strict=True)
            parts.append([
                tuple(cell for code, value in zip(codes, values, strict=True)
                      for cell in (head.classes[code], rounded(value)))
                for codes, values in ranked
            ])  # fmt: skip
        return [tuple(cell for cells in row for cell in cells) for row in zip(*parts, strict=True)]

    def _count(self, probabilities: Sequence[torch.Tensor], rows: Sequence[Row]) -> None:
        for index, (head, table) in enumerate(zip(self.heads, probabilities, strict=True)):
            cells = [cell_text(row.get(self.labels[head.name])) for row in rows]
            truth = [MISSING if cell is None else self.codes[index].get(cell.strip(), MISSING) for cell in cells]
            self.counts[index] += class_counts(table.argmax(-1), torch.tensor(truth), head.num_classes)

    def scores(self) -> Table | None:
        known = [index for index, counts in enumerate(self.counts) if int(counts[0].sum())]
        if not known:
            return None
        per_head = {self.heads[index].name: scores(self.counts[index]) for index in known}
        table = outcome_table(mean_over_heads(per_head), {}, None, list(per_head))
        table.title = f"scores of {max(int(self.counts[index][0].sum()) for index in known)} labelled rows"
        table.more = ""
        return table


def _fields(name: str, kept: int) -> list[Field]:
    ranks = ["", *(f"_{rank}" for rank in range(2, kept + 1))]
    return [
        field for rank in ranks
        for field in (Field(f"{name}{rank}", "text"), Field(f"{name}{rank}_probability", "number"))
    ]  # fmt: skip
