"""The simple model below a network of texts: TF-IDF of n-grams with a linear head per label (`TextLinear`)."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lab.data.text.datamodule import TextDataModule
from lab.models.linear.text import TextLinear
from lab.training.residual.simple_base import SEED, LogitsByHead, SimpleBase

BATCH = 1000
"""Texts that are read at a time."""


class TextBase(SimpleBase[TextDataModule, TextLinear]):
    """Texts of the corpus, as they are before the network's tokenizer reads them."""

    model_type = TextLinear

    def fit(self, data: TextDataModule) -> TextLinear:
        train, val = data.corpus.splits["train"], data.corpus.splits["val"]
        held_out = (val.texts.batches(BATCH), val.labels)
        return TextLinear.fit(train.texts.batches(BATCH), train.labels, data.corpus.heads, held_out, seed=SEED)

    def out_of_fold(self, model: TextLinear, data: TextDataModule) -> LogitsByHead:
        train = data.corpus.splits["train"]
        return model.out_of_fold_logits(train.texts.batches(BATCH), train.labels, SEED)

    def labels(self, data: TextDataModule) -> Mapping[str, npt.NDArray[np.int64]]:
        return data.corpus.splits["train"].labels

    def logits(self, model: TextLinear, data: TextDataModule, split: str) -> LogitsByHead:
        return model.logits(data.corpus.splits[split].texts.batches(BATCH))
