"""Contradictions about questions: windows, answers, files, and settings that only label columns have.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

from collections.abc import Mapping
from typing import Any

from lab.config.rules.rule import Found, Rule
from lab.config.rules.tasks import GIVES, QUESTIONS
from lab.core.errors import Mistake

NO_LABELS = "has no effect: questions have no label columns"


def _stride(max_length: int, stride: int) -> Found:
    if int(stride) >= int(max_length):
        problem = f"neighbouring windows of data.max_length={max_length} tokens would have the same tokens"
        yield Mistake("data.stride", problem, f"data.stride={int(max_length) // 3}", stride)


def _longest_answer(max_length: int, longest: int) -> Found:
    if int(longest) >= int(max_length):
        problem = f"no window of data.max_length={max_length} tokens has room for such an answer beside its question"
        yield Mistake("data.max_answer", problem, f"data.max_answer={max(1, int(max_length) // 8)}", longest)


def _test_ids(path: str | None, test_ids: str | None) -> Found:
    if test_ids is not None and path is None:
        problem = "names questions of data.path, which is not given"
        yield Mistake("data.test_ids", problem, "data.test_ids=null, or data.path=train-v1.1.json", test_ids)


def _adjusted(kind: str, adjustment: float, of_model: float) -> Found:
    if GIVES[kind] == QUESTIONS and adjustment not in (0.0, of_model):
        yield Mistake("loss.logit_adjustment", NO_LABELS, "loss.logit_adjustment=0", adjustment)


def _heads(kind: str, weights: Mapping[str, float] | None, classes: Any, weighting: str) -> Found:
    if GIVES[kind] != QUESTIONS:
        return
    problem = NO_LABELS
    if weights:
        yield Mistake("loss.head_weights", problem, "loss.head_weights=null", weights)
    if classes not in ("auto", "none"):
        yield Mistake("loss.class_weights", problem, "loss.class_weights=auto", classes)
    if weighting != "fixed":
        yield Mistake("loss.head_weighting", problem, "loss.head_weighting=fixed", weighting)


RULES: tuple[Rule, ...] = (
    (("data.max_length", "data.stride"), _stride),
    (("data.max_length", "data.max_answer"), _longest_answer),
    (("data.path", "data.test_ids"), _test_ids),
    (("data.kind", "loss.head_weights", "loss.class_weights", "loss.head_weighting"), _heads),
    (("data.kind", "loss.logit_adjustment", "model.logit_adjustment"), _adjusted),
)
