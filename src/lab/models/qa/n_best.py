"""The best answers to each question, from the best spans of its windows.

Overlapping windows contain equal spans of the context; such a span is one candidate with its best score. Probabilities
are a softmax over the candidates of a question, including "no answer" if that is allowed. These are pure functions.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lab.core.batches import References
from lab.models.qa.extractive_qa import Outputs


@dataclass(frozen=True)
class Candidate:
    """An answer: its text, its characters [start, end) in the context (-1 for no answer), its score and probability."""

    text: str
    start: int
    end: int
    score: float
    probability: float


def ranked(
    outputs: Iterable[Outputs], references: References, num: int, no_answer: bool, temperature: float = 1.0
) -> list[tuple[Candidate, ...]]:
    """The `num` best candidates of each question, best first, in the order of the questions.

    temperature: divides the scores before the softmax.
    """
    pools: list[dict[tuple[int, int], float]] = [{} for _ in references.answers]
    for batch in outputs:
        rows = zip(batch.rows.tolist(), batch.scores.tolist(), batch.places.tolist(), batch.none.tolist(), strict=True)
        for row, scores, places, none in rows:
            pool = pools[row]
            for score, (start, end) in zip(scores, places, strict=True):
                if score > -math.inf:
                    pool[start, end] = max(score, pool.get((start, end), -math.inf))
            if no_answer:  # the least score counts, because every window must agree
                pool[-1, -1] = min(none, pool.get((-1, -1), math.inf))
    contexts = [references.contexts[place] for place in references.context_of]
    return [_candidates(pool, context, num, temperature) for pool, context in zip(pools, contexts, strict=True)]


def with_temperature(candidates: Sequence[Candidate], temperature: float) -> tuple[Candidate, ...]:
    """The candidates of one question with the probabilities of a temperature."""
    probabilities = _softmax([each.score / temperature for each in candidates])
    return tuple(replace(each, probability=value) for each, value in zip(candidates, probabilities, strict=True))


def _candidates(
    pool: dict[tuple[int, int], float], context: str, num: int, temperature: float
) -> tuple[Candidate, ...]:
    best = sorted(pool.items(), key=lambda item: (-item[1], item[0] == (-1, -1), item[0]))[:num]
    probabilities = _softmax([score / temperature for _, score in best])
    return tuple(
        Candidate("" if start < 0 else context[start:end], start, end, score, probability)
        for ((start, end), score), probability in zip(best, probabilities, strict=True)
    )


def _softmax(scores: Sequence[float]) -> list[float]:
    if not scores:
        return []
    exponentials = [math.exp(score - max(scores)) for score in scores]
    return [value / sum(exponentials) for value in exponentials]
