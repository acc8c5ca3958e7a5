"""Explanations of text classifiers: exact weights of a bag of n-grams, integrated gradients of every other encoder.

The bag of n-grams is linear in the weights of its features: the attribution of a feature is its weight times the
product of its vector and the row of the head, and a text without features has the bias as its logit. A network on a
simple model (`model.base`) has the attributions of both added up, for the class that both predict together.
Shapes: B rows, L tokens, D width.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from lab.core.batches import TextBatch, TextWindows
from lab.inference.explain.base import BaseExplanation
from lab.inference.explain.gradients import Attributions, attributions, output_of, token_table
from lab.inference.explain.interface import Explainer, Explanation, completeness_error
from lab.inference.explain.words import Place, joined, word_places
from lab.inference.predictor import Row, by_length
from lab.inference.texts import TextPredictor
from lab.models.linear.text import TextLinear
from lab.models.text.ngram import NgramEncoder


@runtime_checkable
class PlacingTokenizer(Protocol):
    """A tokenizer that says which characters of a text its ids stand for."""

    def places(self, texts: Sequence[str], max_length: int) -> list[list[Place]]:
        """Return for each id of `encode` its characters [start, end); (-1, -1) for special tokens."""
        ...


class TextExplainer(Explainer):
    """Explains each head's predicted class. Rows are computed in batches of similar length."""

    def __init__(self, predictor: TextPredictor, tokenizer: PlacingTokenizer) -> None:
        self.predictor, self.tokenizer, self.model = predictor, tokenizer, predictor.model
        self.heads = tuple(head.name for head in predictor.heads)

    def explain(self, rows: Sequence[Row]) -> list[list[Explanation]]:
        texts = [self.predictor.text_of(row) for row in rows]
        places = [place for place, text in enumerate(texts) if text is not None]
        known = [text for text in texts if text is not None]
        max_length = self.model.spec.max_length
        ids = self.predictor.tokenizer.encode(known, max_length)
        tokens = self.tokenizer.places(known, max_length)
        longer = self._longer(known)
        result: list[list[Explanation]] = [[] for _ in rows]
        for chosen in by_length([len(row) for row in ids], self.predictor.batch_size):
            batch = self._batch([ids[item] for item in chosen], [tokens[item] for item in chosen])
            whole = {row: longer[item] for row, item in enumerate(chosen) if item in longer}
            own = [known[item] for item in chosen]
            per_row = self._explained(own, [tokens[item] for item in chosen], *batch, whole)
            for item, explanations in zip(chosen, per_row, strict=True):
                result[places[item]] = explanations
        return result

    def _longer(self, texts: Sequence[str]) -> dict[int, list[int]]:
        """The predicted class of each head for the texts that have several windows, by their number."""
        windows: TextWindows | None = getattr(self.model, "windows", None)
        if windows is None:
            return {}
        ids = self.predictor.tokenizer.encode(list(texts), windows.longest)
        longer = [number for number, row in enumerate(ids) if len(row) > windows.size]
        result: dict[int, list[int]] = {}
        for start in range(0, len(longer), self.predictor.batch_size):
            part = longer[start : start + self.predictor.batch_size]
            logits = self.predictor.logits([ids[number] for number in part], [texts[number] for number in part])
            best = torch.stack(self.predictor.chosen(logits), 1).tolist()
            result |= dict(zip(part, best, strict=True))
        return result

    def _batch(self, ids: Sequence[Sequence[int]], tokens: Sequence[Sequence[Place]]) -> tuple[Tensor, Tensor, Tensor]:
        """ids, mask and whether a token stands for a part of the text, each (B, L)."""
        shape = (len(ids), max(1, *map(len, ids), 1))
        padded = torch.full(shape, self.model.spec.pad_id, dtype=torch.long)
        mask, inside = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
        for number, (row, places) in enumerate(zip(ids, tokens, strict=True)):
            padded[number, : len(row)], mask[number, : len(row)] = torch.tensor(row), True
            inside[number, : len(row)] = torch.tensor([start >= 0 for start, _ in places])
        device = self.predictor.device
        return padded.to(device), mask.to(device), inside.to(device)

    def _explained(
        self, texts: Sequence[str], tokens: Sequence[Sequence[Place]], ids: Tensor, mask: Tensor, inside: Tensor,
        whole: Mapping[int, Sequence[int]],
    ) -> list[list[Explanation]]:  # fmt: skip
        """whole: for rows that are the first window of a text, the class of each head that all windows predict."""
        base = BaseExplanation(self.model.base, texts) if isinstance(self.model.base, TextLinear) else None
        added = {} if base is None else {name: each.to(ids.device) for name, each in base.logits().items()}
        with torch.no_grad():
            network = zip(self.predictor.heads, self.logits(ids, mask), strict=True)
            logits = [own + added.get(head.name, 0) for head, own in network]
            best = [chosen.to(ids.device) for chosen in self.predictor.chosen(logits)]
            for row, classes in whole.items():
                for codes, code in zip(best, classes, strict=True):
                    codes[row] = code
            empty = ids.masked_fill(inside, self.model.spec.pad_id)
        words = [word_places(text) for text in texts]
        result: list[list[Explanation]] = [[] for _ in texts]
        for index, head in enumerate(self.predictor.heads):
            values, errors = self.attributions(index, best[index], ids, mask, empty)
            for row, (text, own) in enumerate(zip(texts, words, strict=True)):
                summed = joined(own, tokens[row], values[row, : len(tokens[row])].tolist())
                if base is not None:
                    of_base = joined(own, *base.attributions(head.name, row, int(best[index][row])))
                    summed = [sum(pair) for pair in zip(summed, of_base, strict=True)]
                pairs = tuple((text[a:b], value) for (a, b), value in zip(own, summed, strict=True))
                label = head.classes[int(best[index][row])]
                result[row].append(Explanation(head.name, label, pairs, errors[row], text, row in whole))
        return result

    def logits(self, ids: Tensor, mask: Tensor) -> list[Tensor]:
        """Logits (B, K) of each head, those of the network alone."""
        nothing = {head.name: ids.new_zeros(len(ids), head.num_classes) for head in self.predictor.heads}
        logits: list[Tensor] = self.model(TextBatch(ids, mask, {}, torch.arange(len(ids)), {}, base=nothing))
        return logits

    @abstractmethod
    def attributions(self, index: int, target: Tensor, ids: Tensor, mask: Tensor, empty: Tensor) -> Attributions:
        """Return the attributions of the tokens to the logit of class `target` (B,) of head number `index`.

        empty: (B, L) the ids with padding in place of the text."""


class NgramExplainer(TextExplainer):
    """The exact weights of a bag of n-grams."""

    method = "exact weights of the n-grams"

    @torch.no_grad()
    def attributions(self, index: int, target: Tensor, ids: Tensor, mask: Tensor, empty: Tensor) -> Attributions:
        del empty  # the baseline of this encoder has no n-grams at all
        encoder, head = self.model.encoder, self.model.heads[index]
        assert isinstance(encoder, NgramEncoder)
        assert isinstance(head, nn.Linear)
        effects = encoder.table(ids).double() @ head.weight[target].double().unsqueeze(-1)
        values = encoder.weights(ids, mask).double() * effects[..., 0]
        logits = self.logits(ids, mask)[index].gather(1, target[:, None])[:, 0]
        differences = (logits - head.bias[target]).tolist()
        errors = [completeness_error(float(row.sum()), each) for row, each in zip(values, differences, strict=True)]
        return Attributions(values.cpu(), errors)


class GradientExplainer(TextExplainer):
    """Integrated gradients over the vectors of the tokens. The parameters of the model no longer get gradients.

    Raises RequestError for an encoder without an embedding of its ids."""

    method = "integrated gradients"

    def __init__(self, predictor: TextPredictor, tokenizer: PlacingTokenizer) -> None:
        super().__init__(predictor, tokenizer)
        self.model.requires_grad_(False)
        ids = torch.tensor([predictor.tokenizer.encode(["a"], self.model.spec.max_length)[0]], device=predictor.device)
        mask = torch.ones_like(ids, dtype=torch.bool)
        self.table = token_table(self.model.encoder, ids, lambda: self.logits(ids, mask))

    def attributions(self, index: int, target: Tensor, ids: Tensor, mask: Tensor, empty: Tensor) -> Attributions:
        with torch.no_grad():
            vectors, baselines = self.table(ids), self.table(empty)

        def score(vectors: Tensor, ids: Tensor, mask: Tensor, target: Tensor) -> Tensor:
            with output_of(self.table, vectors):
                return self.logits(ids, mask)[index].gather(1, target[:, None])[:, 0]

        return attributions(score, vectors, baselines, (ids, mask, target), self.predictor.batch_size)
