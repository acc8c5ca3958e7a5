"""Explanations of texts: they sum to the difference of logits, are those of the row alone, and name the right words."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.cli import optional_packages
from lab.core.batches import TextBatch
from lab.core.errors import RequestError
from lab.inference import predict as predict_module
from lab.inference.explain.interface import TOLERANCE
from lab.inference.explain.select import explainer_of
from lab.inference.texts import TextPredictor
from lab.models.pooling import TokenPooling
from lab.models.text.interfaces import TextEncoder
from lab.models.text.multitask_classifier import MultitaskTextClassifier

from ..conftest import predictor_of_run as predictor
from ..conftest import write_csv

ROWS: list[dict[str, Any]] = [
    {"title": "pump 3", "text": "drips puddle, DRIPS"}, {"title": "", "text": ""},
    {"title": "pump 4", "text": "shakes " * 9}, {"title": "?", "text": None},
]  # fmt: skip


def logit(made: TextPredictor, ids: Sequence[int], head: int, label: str) -> float:
    tensor = torch.tensor([list(ids)], dtype=torch.long).reshape(1, -1)
    batch = TextBatch(tensor, torch.ones_like(tensor, dtype=torch.bool), {}, torch.zeros(1), {})
    with torch.inference_mode():
        return float(made.model(batch)[head][0, made.heads[head].classes.index(label)])


@pytest.mark.parametrize(
    "name", ["ngram", "linear", "encoder", "lora", "conv", "qlora", pytest.param("qdora", marks=pytest.mark.slow)]
)
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
            empty = [] if name in ("ngram", "linear") else [ids[0], *[made.tokenizer.pad_id] * (len(ids) - 2), ids[-1]]
            difference = logit(made, ids, head, each.label) - logit(made, empty, head, each.label)
            assert sum(value for _, value in each.words) == pytest.approx(difference, rel=TOLERANCE, abs=1e-5)
            assert each.completeness_error is not None
            assert each.is_complete


@pytest.mark.parametrize("name", ["ngram_on_base", "encoder_on_base"])
def test_words_of_a_network_on_a_simple_model_have_the_attributions_of_both(
    trained: Callable[[str], Path], name: str
) -> None:
    made = predictor(trained(name))
    assert isinstance(made, TextPredictor)
    (explanations,) = explainer_of(made).explain(ROWS[:1])
    text = explanations[0].text
    ids = [made.tokenizer.encode([each], made.model.spec.max_length)[0] for each in (text, "")]
    if name == "encoder_on_base":  # its empty text is padding
        ids[1] = [ids[0][0], *[made.tokenizer.pad_id] * (len(ids[0]) - 2), ids[0][-1]]
    whole, empty = (made.logits([row], [words]) for row, words in zip(ids, (text, ""), strict=True))
    for head, each in enumerate(explanations):
        best = int(whole[head][0].argmax())
        assert each.label == made.heads[head].classes[best]
        difference = float(whole[head][0, best] - empty[head][0, best])
        assert sum(value for _, value in each.words) == pytest.approx(difference, rel=TOLERANCE, abs=1e-4)


@pytest.mark.parametrize("name", ["ngram", "encoder", "ngram_on_base"])
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


@pytest.mark.parametrize("how", ["cls", "mean", "max", "attention"])
def test_every_pooling_is_explained(trained: Callable[[str], Path], how: str) -> None:
    made = predictor(trained("encoder"))
    assert isinstance(made, TextPredictor)
    torch.manual_seed(3)
    made.model.pooling = TokenPooling(how, made.model.encoder.dimension, len(made.heads)).eval()
    for weights in made.model.pooling.parameters():
        torch.nn.init.normal_(weights)
    explained = explainer_of(made).explain(ROWS)
    assert all(each.is_complete for row in explained for each in row)
    assert any(value for row in explained for each in row for _, value in each.words)


class _Counted(TextEncoder):
    """Counts ids without an embedding."""

    dimension = 16

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(ids % 16, 16).float() * mask[..., None]


def test_an_encoder_without_an_embedding_is_refused_before_anything_is_written(
    predict_with: Callable[..., Any], trained: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_model = predict_module.load_model

    def changed(*arguments: Any) -> Any:
        config, model = load_model(*arguments)
        assert isinstance(model, MultitaskTextClassifier)
        model.encoder = _Counted()
        return config, model

    monkeypatch.setattr(predict_module, "load_model", changed)
    file = write_csv(tmp_path / "new.csv", [("title", "text"), ("pump", "drips")])
    before = set(tmp_path.iterdir())
    with pytest.raises(RequestError, match=r"cannot be explained: its encoder _Counted (.|\n)*explain=false"):
        predict_with("encoder", input=file, explain=True)
    assert set(tmp_path.iterdir()) == before
    predict_with("encoder", input=file)
