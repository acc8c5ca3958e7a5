"""TF-IDF of n-grams with a linear head per label: the simple model of texts, as a model of its own.

A run is compared with it, `model=linear` trains it, and other models can start from it. It is kept as safetensors and
JSON. Shapes: N texts, D n-grams, K classes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lab.core.batches import FlatIds, HeadSpec
from lab.core.files import Unreadable, read_json
from lab.core.record.fields import count, keyed, number, optional, several, text
from lab.models.linear.files import WEIGHTS, read_model, write_model
from lab.models.linear.solver import PENALTIES, Choice, ClassWeights, LinearHead, Rows, fit_head, out_of_fold
from lab.models.linear.text_features import candidates, sparse_rows
from lab.models.linear.tokenizer import NgramSettings, SparseNgramTokenizer
from lab.models.text.interfaces import TOKENIZER_FILE

ENCODED_AT_ONCE = 1000
Labels = Mapping[str, npt.NDArray[np.int64]]
"""Per head (N,), `MISSING` where unknown."""
Logits = dict[str, npt.NDArray[np.float32]]
"""Per head (N, K); their softmax are calibrated probabilities."""
WeightsByHead = Mapping[str, ClassWeights] | Literal["balanced"] | None
"""Per head, or for all heads; a head that is not named has no weights."""
Texts = Iterable[list[str]]
"""Batches of texts."""
_HEAD = keyed(
    "name", "c", "num_columns", "note", "temperature",
    name=text, c=number, num_columns=count, note=optional(text), temperature=number,
)  # fmt: skip
_DESCRIBED = keyed("heads", "max_words", heads=several(_HEAD), max_words=count)


@dataclass(frozen=True)
class TextLinearSettings:
    """ngrams: which n-grams are counted; penalties: candidates for C; choose_words: whether a model of words only is a
    candidate; max_words: words of a text that are read."""

    ngrams: NgramSettings = field(default_factory=NgramSettings)
    penalties: tuple[float, ...] = PENALTIES
    choose_words: bool = True
    max_words: int = 100_000


@dataclass(frozen=True)
class TextLinear:
    """A fitted model: `logits(texts)`. heads: by name, in the order of the labels."""

    tokenizer: SparseNgramTokenizer
    heads: Mapping[str, LinearHead]
    max_words: int

    @classmethod
    def fit(
        cls,
        texts: Texts,
        labels: Labels,
        heads: Sequence[HeadSpec],
        val: tuple[Texts, Labels] | None = None,
        settings: TextLinearSettings | None = None,
        seed: int = 0,
        class_weights: WeightsByHead = "balanced",
    ) -> "TextLinear":
        """A model of training texts. val: rows that choose C and the n-grams, and calibrate.

        A head with fewer than two classes in training gets constant logits and a note.
        """
        settings = settings or TextLinearSettings()
        batches = list(texts)
        tokenizer = SparseNgramTokenizer.fitted(settings.ngrams, batches)
        empty = cls(tokenizer, {}, settings.max_words)
        train, held_out = empty.features(batches), None if val is None else empty.features(val[0])
        fitted = {}
        for head in heads:
            columns = candidates(tokenizer.num_word_ids, tokenizer.vocabulary_size, settings.choose_words)
            rows = None if val is None else Rows(held_out, val[1][head.name])
            weights = _of_head(class_weights, head.name)
            known = Rows(train, labels[head.name])
            fitted[head.name] = fit_head(known, rows, head.num_classes, columns, settings.penalties, weights, seed)
        return replace(empty, heads=fitted)

    @property
    def choice(self) -> dict[str, dict[str, Any]]:
        """Per head: C, whether only words are used, and a note or None."""
        return {
            name: {"c": head.choice.c, "words_only": self._words_only(head), "note": head.note}
            for name, head in self.heads.items()
        }

    def features(self, texts: Texts) -> Any:
        """(N, D) sparse rows of batches of texts."""
        parts = [self.tokenizer.encode_flat(batch, self.max_words) for batch in texts]
        read = self.tokenizer
        return sparse_rows(FlatIds.joined(parts), read.idf, read.num_word_ids, read.sublinear)

    def logits(self, texts: Texts) -> Logits:
        """Per head (N, K) for batches of texts, in their order."""
        parts = [self._scored(self.features([part])) for batch in texts for part in _parts(batch)]
        empty = {name: np.zeros((0, len(head.bias)), np.float32) for name, head in self.heads.items()}
        return {name: np.concatenate([empty[name], *(part[name] for part in parts)]) for name in self.heads}

    def out_of_fold_logits(
        self,
        texts: Texts,
        labels: Labels,
        seed: int = 0,
        class_weights: WeightsByHead = "balanced",
    ) -> Logits:
        """Per head (N, K) for the training texts, each from a model that was fitted without the text and its equals.

        N-grams, C and temperature are those of this model, so that the logits are like those of new texts.
        """
        batches = list(texts)
        features = self.features(batches)
        every = [text for batch in batches for text in batch]
        groups = np.unique(every, return_inverse=True)[1].astype(np.int64)
        result = {}
        for name, head in self.heads.items():
            rows = Rows(features, labels[name])
            if head.note is not None:
                result[name] = head.logits(features)
                continue
            weights = _of_head(class_weights, name)
            result[name] = out_of_fold(rows, head, len(head.bias), groups, weights, seed)
        return result

    def save(self, folder: Path) -> None:
        """Write tokenizer, weights and description into `folder`."""
        self.tokenizer.save(folder)
        tensors = {f"weight {name}": head.weight for name, head in self.heads.items()}
        tensors |= {f"bias {name}": head.bias for name, head in self.heads.items()}
        described = [
            {"name": name, "c": head.choice.c, "num_columns": head.choice.num_columns, "note": head.note,
             "temperature": head.temperature}
            for name, head in self.heads.items()
        ]  # fmt: skip
        write_model(folder, {"heads": described, "max_words": self.max_words}, tensors)

    @classmethod
    def load(cls, folder: Path) -> "TextLinear":
        """The model that `save` wrote. Raises Unreadable for other content, OSError for a missing file."""
        tokenizer = SparseNgramTokenizer.load(folder, read_json(folder / TOKENIZER_FILE, dict))
        description, tensors = read_model(folder, _DESCRIBED)
        heads = {}
        for each in description["heads"]:
            weight, bias = tensors.get(f"weight {each['name']}"), tensors.get(f"bias {each['name']}")
            if weight is None or bias is None or not _fits(weight, bias, tokenizer.vocabulary_size):
                raise Unreadable(folder / WEIGHTS, f"has no weights of the head {each['name']} that fit the tokenizer")
            choice = Choice(float(each["c"]), each["num_columns"])
            heads[each["name"]] = LinearHead(weight, bias, choice, each["note"], float(each["temperature"]))
        return cls(tokenizer, heads, description["max_words"])

    def _scored(self, features: Any) -> Logits:
        return {name: head.logits(features) for name, head in self.heads.items()}

    def _words_only(self, head: LinearHead) -> bool:
        return head.choice.num_columns < self.tokenizer.vocabulary_size


def _fits(weight: npt.NDArray[Any], bias: npt.NDArray[Any], num_columns: int) -> bool:
    return weight.dtype == bias.dtype == np.float32 and bias.ndim == 1 and weight.shape == (len(bias), num_columns)


def _parts(batch: list[str]) -> Iterator[list[str]]:
    yield from (batch[start : start + ENCODED_AT_ONCE] for start in range(0, len(batch), ENCODED_AT_ONCE))


def _of_head(weights: WeightsByHead, name: str) -> ClassWeights:
    return weights.get(name) if isinstance(weights, Mapping) else weights
