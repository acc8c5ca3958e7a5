"""Explanations of texts: they sum to the difference of logits, are those of the row alone, and name the right words."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.cli import optional_packages
from lab.core.batches import TextBatch
from lab.core.errors import RequestError
from lab.inference.explain.interface import TOLERANCE
from lab.inference.explain.select import explainer_of
from lab.inference.texts import TextPredictor

from ..conftest import predictor_of_run as predictor

ROWS: list[dict[str, Any]] = [
    {"title": "pump 3", "text": "drips puddle, DRIPS"}, {"title": "", "text": ""},
    {"title": "pump 4", "text": "shakes " * 9}, {"title": "?", "text": None},
]  # fmt: skip


def logit(made: TextPredictor, ids: Sequence[int], head: int, label: str) -> float:
    tensor = torch.tensor([list(ids)], dtype=torch.long).reshape(1, -1)
    batch = TextBatch(tensor, torch.ones_like(tensor, dtype=torch.bool), {}, torch.zeros(1), {})
    with torch.inference_mode():
        return float(made.model(batch)[head][0, made.heads[head].classes.index(label)])


@pytest.mark.parametrize("name", ["ngram", "encoder", "lora"])
def test_attributions_sum_to_the_difference_of_logits(trained: Callable[[str], Path], name: str) -> None:
    made = predictor(trained(name))
    assert isinstance(made, TextPredictor)
    explained = explainer_of(made).explain(ROWS)
    assert [len(row) for row in explained] == [2, 0, 2, 2]
    for row, explanations in zip(ROWS, explained, strict=True):
        for head, each in enumerate(explanations):
            assert each.head == made.heads[head].name
            assert each.text == made.text_of(row)
            assert [word for word, _ in each.words] == each.text.replace(",", " ,").split()
            ids = made.tokenizer.encode([each.text], made.model.spec.max_length)[0]
            empty = [] if name == "ngram" else [ids[0], *[made.tokenizer.pad_id] * (len(ids) - 2), ids[-1]]
            difference = logit(made, ids, head, each.label) - logit(made, empty, head, each.label)
            assert sum(value for _, value in each.words) == pytest.approx(difference, rel=TOLERANCE, abs=1e-5)
            assert each.completeness_error is not None
            assert each.is_complete


@pytest.mark.parametrize("name", ["ngram", "encoder"])
def test_a_row_alone_and_in_any_batch_has_one_explanation(trained: Callable[[str], Path], name: str) -> None:
    explainer = explainer_of(predictor(trained(name)))
    together = explainer.explain(ROWS)
    alone = [explainer.explain([row])[0] for row in ROWS]
    for one, other in zip(together, alone, strict=True):
        assert [each.label for each in one] == [each.label for each in other]
        for each, twin in zip(one, other, strict=True):
            assert [value for _, value in each.words] == pytest.approx([value for _, value in twin.words], abs=1e-5)


def test_words_behind_the_longest_input_have_no_attribution(trained: Callable[[str], Path]) -> None:
    made = predictor(trained("encoder"))
    assert isinstance(made, TextPredictor)
    (explanations,) = explainer_of(made).explain([{"title": "pump", "text": "drips " * 5000}])
    values = [value for _, value in explanations[0].words]
    assert len(values) == 5002
    assert values[1] != 0
    assert set(values[made.model.spec.max_length :]) == {0.0}


def test_without_captum_only_encoders_are_refused(
    trained: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = optional_packages.is_installed
    monkeypatch.setattr(optional_packages, "is_installed", lambda name: name != "captum" and installed(name))
    explainer_of(predictor(trained("ngram")))
    with pytest.raises(RequestError, match="pip install 'captum>="):
        explainer_of(predictor(trained("encoder")))
