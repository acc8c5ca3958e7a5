"""The best spans equal those of an exhaustive search, and only context tokens are in a span."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lab.models.qa.spans import best_spans, log_probabilities, span_loss


def case(seed: int = 0, length: int = 12) -> tuple[Tensor, Tensor]:
    """Logits (2, L, 2) of two windows, and their context: tokens 4 to 10, and 6 to 8."""
    torch.manual_seed(seed)
    possible = torch.zeros(2, length, dtype=torch.bool)
    possible[0, 4:11] = True
    possible[1, 6:9] = True
    return torch.randn(2, length, 2) * 3, possible


@pytest.mark.parametrize("max_answer", [1, 3, 50])
@pytest.mark.parametrize("seed", range(3))
def test_the_best_spans_equal_those_of_an_exhaustive_search(seed: int, max_answer: int) -> None:
    logits, possible = case(seed)
    logs = log_probabilities(logits, possible)
    candidates = best_spans(logs, possible, max_answer, 5)
    for window in range(2):
        inside = torch.nonzero(possible[window]).flatten().tolist()
        every = [
            (float(logs[window, i, 0] + logs[window, j, 1]), i, j)
            for i in inside
            for j in inside
            if i <= j < i + max_answer
        ]
        expected = sorted(every, reverse=True)[:5]
        num = len(expected)
        assert candidates.scores[window][:num].tolist() == pytest.approx([score for score, _, _ in expected])
        spans = zip(candidates.first[window].tolist(), candidates.last[window].tolist(), strict=True)
        assert list(spans)[:num] == [(i, j) for _, i, j in expected]
        assert all(score == -math.inf for score in candidates.scores[window][num:].tolist())
        assert float(candidates.none[window]) == pytest.approx(float(logs[window, 0].sum()))


def test_a_question_token_is_never_in_an_answer() -> None:
    logits, possible = case()
    logits[:, 2] = 50.0
    logits[:, 11] = 50.0
    candidates = best_spans(log_probabilities(logits, possible), possible, 30, 20)
    real = candidates.scores > -math.inf
    assert possible.gather(1, candidates.first)[real].all()
    assert possible.gather(1, candidates.last)[real].all()


def test_probabilities_are_over_the_context_and_the_first_token() -> None:
    logits, possible = case()
    chances = log_probabilities(logits, possible).exp()
    allowed = possible.clone()
    allowed[:, 0] = True
    assert chances[~allowed].max() == 0
    assert torch.allclose(chances.sum(1), torch.ones(2, 2))


def test_the_loss_is_the_mean_cross_entropy_of_start_and_end() -> None:
    logits, possible = case()
    spans = torch.tensor([[5, 7], [0, 0]])
    allowed = possible.clone()
    allowed[:, 0] = True
    for smoothing in (0.0, 0.2):
        losses = span_loss(log_probabilities(logits, possible), spans, possible, smoothing)
        for window in range(2):
            kept = torch.nonzero(allowed[window]).flatten()
            expected = [
                functional.cross_entropy(
                    logits[window, kept, side],
                    torch.nonzero(kept == spans[window, side]).squeeze(),
                    label_smoothing=smoothing,
                )
                for side in range(2)
            ]
            assert float(losses[window]) == pytest.approx(float(sum(expected)) / 2, rel=1e-5)


def test_a_context_may_be_shorter_than_the_longest_answer() -> None:
    possible = torch.tensor([[False, True]])
    candidates = best_spans(log_probabilities(torch.zeros(1, 2, 2), possible), possible, 30, 20)
    assert candidates.scores.shape == (1, 4)
    assert (candidates.first[0, 0], candidates.last[0, 0]) == (1, 1)
