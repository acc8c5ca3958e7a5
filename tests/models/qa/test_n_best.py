"""Answers of overlapping windows become one list for each question, best first."""

import math

import pytest
import torch

from lab.core.batches import References
from lab.models.qa.extractive_qa import Outputs
from lab.models.qa.n_best import ranked

CONTEXT = "the pump leaks oil"
REFERENCES = References((CONTEXT,), (0,), (("oil",),))


def outputs(*windows: tuple[list[float], list[tuple[int, int]], float]) -> list[Outputs]:
    return [
        Outputs(torch.tensor([0]), torch.tensor([scores]), torch.tensor([places]), torch.tensor([none]))
        for scores, places, none in windows
    ]


def test_the_same_place_of_two_windows_counts_once_with_its_best_score() -> None:
    result = outputs(([1.0, -math.inf], [(4, 8), (0, 3)], 0.0), ([3.0, 2.0], [(4, 8), (15, 18)], 0.0))
    (answers,) = ranked(result, REFERENCES, 5, no_answer=False)
    assert [(answer.text, answer.score) for answer in answers] == [("pump", 3.0), ("oil", 2.0)]
    assert sum(answer.probability for answer in answers) == pytest.approx(1)
    assert answers[0].probability == pytest.approx(1 / (1 + math.exp(-1)))


def test_no_answer_is_said_only_where_every_window_says_so() -> None:
    result = outputs(([1.0], [(4, 8)], 9.0), ([1.0], [(4, 8)], 0.5))
    (answers,) = ranked(result, REFERENCES, 5, no_answer=True)
    assert [(answer.text, answer.score) for answer in answers] == [("pump", 1.0), ("", 0.5)]


def test_the_list_is_as_long_as_requested_and_empty_without_a_window() -> None:
    (answers,) = ranked(outputs(([2.0, 1.0], [(4, 8), (15, 18)], 0.0)), REFERENCES, 1, no_answer=False)
    assert [answer.text for answer in answers] == ["pump"]
    assert ranked([], REFERENCES, 3, no_answer=False) == [()]
