"""Predictions of a text classifier for batches of texts: a class and its probability per head, or the best k.

A text has the same answer alone and in any batch (up to 1e-5 in fp32): padding has no influence on it. Rows of one
piece are sorted by length, so that a batch has little padding, and come back in their order.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from lab.core.batches import HeadSpec, TextBatch, Tokenizer
from lab.models.text.multitask_classifier import MultitaskTextClassifier


def predicted_name(head: HeadSpec) -> str:
    """The column of a head's prediction: never the name of its label column, which the input may have."""
    return f"predicted_{head.name}"


class TextPredictor:
    """A trained model with its tokenizer, in evaluation mode. device: where it computes."""

    def __init__(
        self, model: MultitaskTextClassifier, tokenizer: Tokenizer, batch_size: int, device: torch.device
    ) -> None:
        self.model, self.tokenizer = model.to(device).eval(), tokenizer
        self.batch_size, self.device, self.spec = batch_size, device, model.spec

    def probabilities(self, texts: Sequence[str]) -> list[npt.NDArray[np.float32]]:
        """Per head the probabilities of its classes, (rows, K), in the order of the texts."""
        ids = self.tokenizer.encode(list(texts), self.spec.max_length)
        order = np.argsort([len(row) for row in ids], kind="stable")
        result = [np.zeros((len(ids), head.num_classes), np.float32) for head in self.spec.heads]
        with torch.inference_mode():
            for start in range(0, len(order), self.batch_size):
                rows = order[start : start + self.batch_size]
                logits = self.model(self._batch([ids[row] for row in rows]).to(self.device))
                for values, head in zip(result, logits, strict=True):
                    values[rows] = head.float().softmax(-1).cpu().numpy()
        return result

    def columns(self, texts: Sequence[str | None], top_k: int) -> dict[str, Any]:
        """Columns `predicted_<head>`, `predicted_<head>_probability`, `predicted_<head>_2` ...; null in rows without a
        text."""
        places = [place for place, text in enumerate(texts) if text is not None]
        known = self.probabilities([text for text in texts if text is not None]) if places else []
        columns: dict[str, Any] = {}
        for number, head in enumerate(self.spec.heads):
            values = known[number] if places else np.zeros((0, head.num_classes), np.float32)
            best = np.argsort(-values, axis=1, kind="stable")[:, : min(top_k, head.num_classes)]
            for rank in range(best.shape[1]):
                name = predicted_name(head) if rank == 0 else f"{predicted_name(head)}_{rank + 1}"
                classes: list[str | None] = [None] * len(texts)
                shares: list[float | None] = [None] * len(texts)
                for row, place in enumerate(places):
                    classes[place] = head.classes[best[row, rank]]
                    shares[place] = float(values[row, best[row, rank]])
                columns[name] = pa.array(classes, pa.string())
                columns[f"{name}_probability"] = pa.array(shares, pa.float32())
        return columns

    def _batch(self, rows: Sequence[Sequence[int]]) -> TextBatch:
        width = max(1, *(len(row) for row in rows))
        ids = torch.full((len(rows), width), self.spec.pad_id, dtype=torch.int64)
        mask = torch.zeros(len(rows), width, dtype=torch.bool)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(row, dtype=torch.int64)
            mask[place, : len(row)] = True
        return TextBatch(ids, mask, {}, torch.arange(len(rows)), {})
