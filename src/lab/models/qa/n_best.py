"""The answers to each question, best first, from what its windows gave: overlapping windows find the same ones twice.

A question's candidates are the different stretches of its context that any of its windows holds among its best; equal
ones keep their best score. Probabilities are of these candidates among themselves (and of "no answer", where it may
be). Pure; Q questions.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.core.batches import References
from lab.models.qa.extractive_qa import Outputs


@dataclass(frozen=True)
class Candidate:
    """An answer: its text, the characters [start, end) of the context (-1 for no answer), and how likely it is."""

    text: str
    start: int
    end: int
    score: float
    probability: float


def ranked(
    outputs: Iterable[Outputs], references: References, num: int, no_answer: bool
) -> list[tuple[Candidate, ...]]:
    """Of each question its `num` best candidates, best first, in the order of the questions."""
    pools: list[dict[tuple[int, int], float]] = [{} for _ in references.answers]
    for batch in outputs:
        rows = zip(batch.rows.tolist(), batch.scores.tolist(), batch.places.tolist(), batch.none.tolist(), strict=True)
        for row, scores, places, none in rows:
            pool = pools[row]
            for score, (start, end) in zip(scores, places, strict=True):
                if score > -math.inf:
                    pool[start, end] = max(score, pool.get((start, end), -math.inf))
            if no_answer:  # said only where every window says so
                pool[-1, -1] = min(none, pool.get((-1, -1), math.inf))
    contexts = [references.contexts[place] for place in references.context_of]
    return [_candidates(pool, context, num) for pool, context in zip(pools, contexts, strict=True)]


def _candidates(pool: dict[tuple[int, int], float], context: str, num: int) -> tuple[Candidate, ...]:
    best = sorted(pool.items(), key=lambda item: (-item[1], item[0] == (-1, -1), item[0]))[:num]
    chances = _softmax([score for _, score in best])
    return tuple(
        Candidate("" if start < 0 else context[start:end], start, end, score, chance)
        for ((start, end), score), chance in zip(best, chances, strict=True)
    )


def _softmax(scores: Sequence[float]) -> list[float]:
    if not scores:
        return []
    raised = [math.exp(score - max(scores)) for score in scores]
    return [one / sum(raised) for one in raised]
