"""`model=linear`: TF-IDF of n-grams with a support vector machine per class and head, trained in one pass.

The weights of all heads are the table of a `TfidfEncoder`: its width is the number of classes of all heads, and each
head picks its own columns. So the model predicts, explains and exports like `model=ngram`. Shapes: L n-grams of a text,
K classes of a head, V n-grams of the tokenizer.
"""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from lab.config.schema import AnyLoss
from lab.core.batches import FlatIds, TextBatch, TextSpec
from lab.models.linear.solved import FittedHead, Part, SolvedClassifier
from lab.models.linear.solver import PENALTIES, ClassWeights, Rows, fit_head
from lab.models.linear.text_features import candidates, sparse_rows
from lab.models.linear.tfidf_encoder import TfidfEncoder
from lab.models.task_module import Training
from lab.models.text.multitask_classifier import MultitaskTextClassifier

log = logging.getLogger(__name__)


class LinearTextClassifier(SolvedClassifier, MultitaskTextClassifier):
    """A linear model per head; validation rows choose C and the n-grams, and calibrate.

    encoder: as wide as all heads have classes; c: None: chosen; choose_words: whether a model of words only is a
    candidate.
    """

    encoder: TfidfEncoder

    def __init__(
        self, spec: TextSpec, encoder: TfidfEncoder, loss: AnyLoss, c: float | None, choose_words: bool,
        training: Training,
    ) -> None:  # fmt: skip
        super().__init__(spec, encoder, None, loss, 0.0, training)
        assert encoder.dimension == sum(head.num_classes for head in spec.heads)
        self.penalties = PENALTIES if c is None else (c,)
        self.choose_words = choose_words
        self.balanced = loss.class_weights == "auto"  # better on rare classes (LOG.md, 2026-11-29)
        start = 0
        with torch.no_grad():
            encoder.table.weight.zero_()
            for head in self.heads:
                assert isinstance(head, nn.Linear)
                head.weight.zero_()
                head.weight[:, start : start + len(head.weight)].fill_diagonal_(1.0)
                head.bias.zero_()
                start += len(head.weight)

    def collect(self, batch: TextBatch) -> Part:
        """Ids of all texts in a row, and their numbers."""
        return {"ids": batch.ids[batch.mask].to("cpu", torch.int32), "lengths": batch.mask.sum(1).cpu()}

    def features(self, parts: Sequence[Part], order: Tensor) -> object:
        """(N, V) weights of the n-grams."""
        ids, lengths = torch.cat([part["ids"] for part in parts]), torch.cat([part["lengths"] for part in parts])
        texts = torch.split(ids, lengths.tolist())
        sorted_texts = torch.cat([texts[place] for place in order.tolist()])
        encoded = FlatIds(sorted_texts.numpy(), lengths[order].numpy())
        encoder = self.encoder
        return sparse_rows(encoded, encoder.idf.cpu().numpy(), encoder.num_word_ids, encoder.log_counts)

    def fit_heads(self, train: Mapping[str, Rows], val: Mapping[str, Rows] | None) -> list[FittedHead]:
        heads, start = [], 0
        for index, spec in enumerate(self.head_specs):
            columns, penalties = self._candidates(index)
            held_out = None if val is None else val[spec.name]
            weights: ClassWeights = "balanced" if self.balanced else self.class_weights(index)
            seed = self.training_plan.seed
            fitted = fit_head(train[spec.name], held_out, spec.num_classes, columns, penalties, weights, seed)
            words_only = fitted.choice.num_columns < len(self.encoder.table.weight)
            used = "words" if words_only else "all n-grams"
            log.info("linear model of %s: %s", spec.name, fitted.note or f"C={fitted.choice.c:g}, {used}")
            self.encoder.table.weight[:, start : start + spec.num_classes] = torch.from_numpy(
                np.ascontiguousarray(fitted.weight.T)
            ).to(self.device)
            head = self.heads[index]
            assert isinstance(head, nn.Linear)
            head.bias.copy_(torch.from_numpy(fitted.bias))
            heads.append(FittedHead(fitted.choice.c, fitted.choice.num_columns, fitted.logits))
            start += spec.num_classes
        return heads

    def _candidates(self, index: int) -> tuple[list[int], tuple[float, ...]]:
        """Numbers of columns and penalties to choose from."""
        if (fixed := self.fixed_choice(index)) is not None:
            return [fixed[1]], (fixed[0],)
        num_columns = len(self.encoder.table.weight)
        return candidates(self.encoder.num_word_ids, num_columns, self.choose_words), self.penalties
