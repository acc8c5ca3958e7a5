"""Explanations of answers: integrated gradients of the best span's score, over the words of question and context.

The score is log P(start) + log P(end) in the window that has the answer, or, for "no answer", in the window that
decides it. The baseline has padding in place of question and context. Shapes: B windows, L tokens.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from lab.core.batches import QuestionBatch
from lab.inference.explain.gradients import attributions, output_of, token_table
from lab.inference.explain.interface import Explainer, Explanation
from lab.inference.explain.words import Place, joined, word_places
from lab.inference.predictor import Row, by_length
from lab.inference.questions import ANSWER, PairWindow, QuestionPredictor
from lab.models.qa.n_best import Candidate

TokenPlaces = list[tuple[int, int, int]]


@runtime_checkable
class PlacingPairTokenizer(Protocol):
    """A tokenizer that says which characters of question and context its ids stand for."""

    def pair_places(
        self, questions: Sequence[str], contexts: Sequence[str], max_length: int, stride: int
    ) -> list[list[TokenPlaces]]:
        """Return for each pair, window and token (0 question or 1 context, start, end); -1 for special tokens."""
        ...


class _Span(NamedTuple):
    """The window of an answer, the numbers of its first and last token there, its score, its question's place."""

    window: int
    first: int
    last: int
    score: float
    question: int


class QuestionExplainer(Explainer):
    """Explains the best answer. The parameters of the model no longer get gradients.

    Raises RequestError for an encoder without an embedding of its ids."""

    heads = (ANSWER,)
    method = "integrated gradients of the score of the answer"

    def __init__(self, predictor: QuestionPredictor, tokenizer: PlacingPairTokenizer) -> None:
        self.predictor, self.tokenizer, self.model = predictor, tokenizer, predictor.model
        self.model.requires_grad_(False)
        batch = predictor.batch(predictor.windows([("a", "a")])[:1])
        self.table = token_table(self.model.encoder, batch.ids, lambda: self.model(batch))

    def explain(self, rows: Sequence[Row]) -> list[list[Explanation]]:
        pairs = [self.predictor.pair_of(row) for row in rows]
        places = [place for place, pair in enumerate(pairs) if pair is not None]
        known = [pair for pair in pairs if pair is not None]
        result: list[list[Explanation]] = [[] for _ in rows]
        if not known:
            return result
        windows = self.predictor.windows(known)
        tokens = self._tokens(known)
        answers = [best[0] if best else None for best in self.predictor.candidates(windows, known)]
        spans = self._spans(windows, answers)
        for chosen in by_length([len(windows[span.window].columns) for span in spans], self.predictor.batch_size):
            best = [spans[item] for item in chosen]
            own = [tokens[span.window] for span in best]
            values, errors = self._attributions([windows[span.window] for span in best], own, best)
            for number, span in enumerate(best):
                pair, answer = known[span.question], answers[span.question]
                assert answer is not None
                words = _words(pair, own[number], values[number].tolist())
                explanation = Explanation(ANSWER, answer.text, words, errors[number], "\n".join(pair))
                result[places[span.question]] = [explanation]
        return result

    def _tokens(self, pairs: Sequence[tuple[str, str]]) -> list[TokenPlaces]:
        """The places of the tokens of each window, in the order of the predictor's windows."""
        questions, contexts = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        spec, stride = self.model.spec, self.predictor.data.stride
        per_pair = self.tokenizer.pair_places(questions, contexts, spec.max_length, stride)
        return [window for windows in per_pair for window in windows]

    @torch.no_grad()
    def _spans(self, windows: Sequence[PairWindow], answers: Sequence[Candidate | None]) -> list[_Span]:
        """Of each answer, its best span in any window; of "no answer" its least likely window, which decides.

        A question without an answer (None) has no span."""
        spans: dict[int, _Span] = {}
        for chosen in by_length([len(window.columns) for window in windows], self.predictor.batch_size):
            logs = self.model(self.predictor.batch([windows[place] for place in chosen])).cpu()
            for place, own in zip(chosen, logs, strict=True):
                question = windows[place].question
                answer = answers[question]
                if answer is None:
                    continue
                if answer.start < 0:
                    candidates = [_Span(place, 0, 0, -float(own[0].sum()), question)]
                else:
                    candidates = _spans_of(windows[place], answer, own, place)
                if question in spans:
                    candidates.append(spans[question])
                if candidates:  # a window without the answer has none
                    spans[question] = max(candidates, key=_score)
        return [spans[question] for question in sorted(spans)]

    def _attributions(
        self, windows: Sequence[PairWindow], tokens: Sequence[TokenPlaces], spans: Sequence[_Span]
    ) -> tuple[Tensor, list[float]]:
        batch = self.predictor.batch(windows)
        inside = torch.zeros_like(batch.mask)
        for number, places in enumerate(tokens):
            inside[number, : len(places)] = torch.tensor([part >= 0 for part, *_ in places])
        ends = torch.tensor([[span.first, span.last] for span in spans], device=batch.ids.device)
        with torch.no_grad():
            vectors = self.table(batch.ids)
            baselines = self.table(batch.ids.masked_fill(inside, self.model.spec.pad_id))

        def score(vectors: Tensor, ids: Tensor, mask: Tensor, segments: Tensor, places: Tensor, ends: Tensor) -> Tensor:
            rows = torch.arange(len(ids), device=ids.device)
            own = QuestionBatch(ids, mask, segments, places, torch.zeros_like(ends), rows, torch.tensor(len(ids)))
            with output_of(self.table, vectors):
                logs: Tensor = self.model(own)
            return logs.gather(1, ends.unsqueeze(1)).sum((1, 2))

        others = (batch.ids, batch.mask, batch.segments, batch.places, ends)
        result = attributions(score, vectors, baselines, others, self.predictor.batch_size)
        return result.values, result.errors


def _score(span: _Span) -> float:
    return span.score


def _spans_of(window: PairWindow, answer: Candidate, logs: Tensor, number: int) -> list[_Span]:
    """All spans of a window with the characters of an answer. Several tokens may stand for one character."""
    starts = (window.columns[:, 2] == answer.start).nonzero()[0].tolist()
    ends = (window.columns[:, 3] == answer.end).nonzero()[0].tolist()
    pairs = ((first, last) for first in starts for last in ends if first <= last)
    return [_Span(number, first, last, float(logs[first, 0] + logs[last, 1]), window.question) for first, last in pairs]


def _words(pair: tuple[str, str], tokens: TokenPlaces, values: Sequence[float]) -> tuple[tuple[str, float], ...]:
    """The words of question and context with their attributions."""
    pairs: list[tuple[str, float]] = []
    for part, text in enumerate(pair):
        words = word_places(text)
        own: list[Place] = [(start, end) if number == part else (-1, -1) for number, start, end in tokens]
        summed = joined(words, own, values[: len(own)])
        pairs += [(text[start:end], value) for (start, end), value in zip(words, summed, strict=True)]
    return tuple(pairs)
