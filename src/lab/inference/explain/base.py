"""The part of an explanation that the simple model of `model.base` has: exact, since that model is linear in n-grams.

Shapes: B texts, K classes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lab.inference.explain.words import Place
from lab.models.classifier import BASE_WEIGHT
from lab.models.linear.text import TextLinear


class BaseExplanation:
    """The logits of a simple model for some texts, as the network adds them, and the attributions of their n-grams."""

    def __init__(self, model: TextLinear, texts: Sequence[str]) -> None:
        self.model = model
        self.features = model.features([list(texts)])
        self.ids = model.tokenizer.encode(texts, model.max_words)
        self.places = model.tokenizer.places(texts, model.max_words)

    def logits(self) -> Mapping[str, Tensor]:
        """Per head (B, K)."""
        return {
            name: BASE_WEIGHT * torch.from_numpy(head.logits(self.features)) for name, head in self.model.heads.items()
        }

    def attributions(self, name: str, row: int, target: int) -> tuple[list[Place], list[float]]:
        """The places of a text's n-grams, and their attributions to the logit of class `target` of a head.

        They sum to the difference between the logit of the text and that of a text without n-grams, the bias.
        """
        ids = np.asarray(self.ids[row], dtype=np.int64)
        if not len(ids):
            return [], []
        effects = self.model.heads[name].weight[target, ids].astype(np.float64)
        weights = self.features[[row]].toarray()[0, ids] / np.bincount(ids)[ids]  # an n-gram's weight, per occurrence
        return list(self.places[row]), (BASE_WEIGHT * effects * weights).tolist()
