"""Predictions of a text classifier: the best classes of each head with their probabilities.

Texts are joined from their columns as in training. Shapes: B rows, L tokens, K classes.
"""

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from lab.config.schema import Columned, Config
from lab.core.batches import MISSING, TextBatch, TextWindows, Tokenizer
from lab.core.terminal.tables import Table
from lab.data.text.spellings import spelling_keys
from lab.inference.predictor import UNCALIBRATED, Cells, Predicted, Predictor, Row, by_length, cell_text
from lab.inference.ranking import ClassCounts, class_fields, ranked_classes
from lab.models.calibration import NO_OFFSETS, calibrated, decision_scores
from lab.models.linear.text import TextLinear
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.training.doubt.novelty import energies, text_measures

GENERATED_TEXT = "text"
"""The text column of the generated reports."""


class TextPredictor(Predictor):
    """Classes of texts. columns: for columns of the run, their names in the input; temperatures: per head; offsets: per
    head whose class is not always the most probable one, what is added to its log-probabilities (K,)."""

    def __init__(
        self, config: Config, model: MultitaskTextClassifier, tokenizer: Tokenizer, columns: Mapping[str, str],
        top_k: int, batch_size: int, device: torch.device, temperatures: Mapping[str, float] = UNCALIBRATED,
        offsets: Mapping[str, Sequence[float]] = NO_OFFSETS,
    ) -> None:  # fmt: skip
        data, self.temperatures, self.offsets = config.data, temperatures, offsets
        own = data.text if isinstance(data, Columned) else (GENERATED_TEXT,)
        self.own, self.needed = tuple(own), tuple(columns.get(name, name) for name in own)
        self.separator = data.text_separator if isinstance(data, Columned) else " "
        self.markers = {*data.missing_markers, ""} if isinstance(data, Columned) else {""}
        self.model, self.tokenizer, self.batch_size, self.device = model.to(device), tokenizer, batch_size, device
        self.heads = model.spec.heads
        self.kept = [min(top_k, head.num_classes) for head in self.heads]
        ranks = zip(self.heads, self.kept, strict=True)
        self.fields = tuple(field for head, kept in ranks for field in class_fields(head.name, kept))
        self.best = tuple(head.name for head in self.heads)
        self.labels = {head.name: columns.get(head.name, head.name) for head in self.heads}
        self.merges_spellings = isinstance(data, Columned) and data.merge_spellings
        self.codes = [{name: code for code, name in enumerate(self._names(head.classes))} for head in self.heads]
        self.counts = ClassCounts(self.heads)

    def predict(self, rows: Sequence[Row]) -> Predicted:
        texts = [self.text_of(row) for row in rows]
        places = [place for place, text in enumerate(texts) if text is not None]
        result = Predicted([(None,) * len(self.fields)] * len(rows))
        result.rejected = {place: "has no text" for place, text in enumerate(texts) if text is None}
        texts_of = [text for text in texts if text is not None]
        windows: TextWindows | None = getattr(self.model, "windows", None)  # a linear model has none
        longest = self.model.spec.max_length if windows is None else windows.longest
        ids = self.tokenizer.encode(texts_of, longest)
        if self.profile is not None:
            self.profile.add_texts(self._known_cells([rows[place] for place in places]))
            self.profile.add_tokens(ids)
        for chosen in by_length([len(row) for row in ids], self.batch_size):
            logits = self.logits([ids[item] for item in chosen], [texts_of[item] for item in chosen])
            probabilities = self._calibrated(logits)
            for item, reason in zip(chosen, self._unlike(texts_of, ids, chosen, logits), strict=False):
                result.unlike[places[item]] = reason
            self._count(probabilities, [rows[places[item]] for item in chosen])
            for item, cells in zip(chosen, self._cells(probabilities), strict=True):
                result.cells[places[item]] = cells
        return result

    def text_of(self, row: Row) -> str | None:
        """The text of a row, None if all of its cells are missing."""
        cells = [self._known_cell(row, name) for name in self.needed]
        known = [cell for cell in cells if cell is not None]
        return self.separator.join(known) if known else None

    def _known_cell(self, row: Row, name: str) -> str | None:
        cell = cell_text(row.get(name))
        return None if cell is None or cell.strip() in self.markers else cell

    def _known_cells(self, rows: Sequence[Row]) -> dict[str, list[str | None]]:
        columns = zip(self.own, self.needed, strict=True)
        return {own: [self._known_cell(row, name) for row in rows] for own, name in columns}

    def probabilities(self, ids: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        """Calibrated probabilities (B, K) of each head, on the CPU."""
        return self._calibrated(self.logits(ids))

    def _calibrated(self, logits: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        temperatures = [self.temperatures.get(head.name, 1.0) for head in self.heads]
        return list(map(calibrated, logits, temperatures))

    def chosen(self, logits: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """(B,) the class that each head gives for logits (B, K), on the CPU."""
        tables = zip(self.heads, self._calibrated(logits), strict=True)
        return [decision_scores(table, self.offsets.get(head.name)).argmax(-1) for head, table in tables]

    def _unlike(
        self, texts: Sequence[str], ids: Sequence[Sequence[int]], chosen: Sequence[int], logits: Sequence[torch.Tensor]
    ) -> list[str]:
        """Why each of the chosen texts is unlike the training texts; empty without limits."""
        if self.novelty is None or self.novelty.common is None:
            return []
        characters = np.array([len(texts[item]) for item in chosen])
        energy = energies([each.numpy() for each in logits])
        own = [ids[item] for item in chosen]
        return self.novelty.reasons(text_measures(characters, own, self.novelty.common, energy))

    @torch.inference_mode()
    def logits(self, ids: Sequence[Sequence[int]], texts: Sequence[str] | None = None) -> list[torch.Tensor]:
        """Logits (B, K) of each head in fp32, on the CPU. texts: (B,), which a model on a simple model needs."""
        lengths = np.array([len(row) for row in ids])
        mask = np.arange(max(1, int(lengths.max()))) < lengths[:, None]
        padded = np.full(mask.shape, self.model.spec.pad_id, np.int64)
        padded[mask] = np.concatenate([np.asarray(row, np.int64) for row in ids])
        nowhere = torch.arange(len(ids))
        batch = TextBatch(
            torch.from_numpy(padded), torch.from_numpy(mask), {}, nowhere, {}, base=self.base_logits(texts)
        )
        batch = batch.to(self.device)
        return [head.float().cpu() for head in self.model(batch)]

    def base_logits(self, texts: Sequence[str] | None) -> dict[str, torch.Tensor] | None:
        """Per head, the logits (B, K) of the simple model that the network was added to; None without one."""
        base = getattr(self.model, "base", None)  # the graph of an export has none
        if base is None:
            return None
        assert isinstance(base, TextLinear), "a simple model of texts"
        assert texts is not None, "a simple model reads texts, not ids"
        return {name: torch.from_numpy(logits) for name, logits in base.logits([list(texts)]).items()}

    def _cells(self, probabilities: Sequence[torch.Tensor]) -> list[Cells]:
        offsets = [self.offsets.get(head.name) for head in self.heads]
        parts = map(ranked_classes, self.heads, probabilities, self.kept, offsets)
        return [tuple(cell for cells in row for cell in cells) for row in zip(*parts, strict=True)]

    def _count(self, probabilities: Sequence[torch.Tensor], rows: Sequence[Row]) -> None:
        for index, (head, table) in enumerate(zip(self.heads, probabilities, strict=True)):
            cells = [cell_text(row.get(self.labels[head.name])) for row in rows]
            names = self._names([cell or "" for cell in cells])
            truth = [self.codes[index].get(name, MISSING) for name in names]
            chosen = decision_scores(table, self.offsets.get(head.name)).argmax(-1)
            self.counts.add(index, chosen, truth)
            if self.profile is not None:
                confidence = table.gather(1, chosen[:, None])[:, 0]
                self.profile.add_classes(head.name, chosen.numpy(), confidence.numpy(), truth)

    def _names(self, cells: Sequence[str]) -> list[str]:
        """Labels as the run compares them: composed and trimmed, and spellings of one class equal if it merged them."""
        names = [unicodedata.normalize("NFC", cell.strip()) for cell in cells]
        return spelling_keys(names) if self.merges_spellings else names

    def scores(self) -> Table | None:
        return self.counts.table()
