"""No forward pass of training reads a value of a tensor, for which a GPU must be waited for.

Not run on a GPU here: tensors of the device `meta` have shapes and no values, so whatever reads one raises an error.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.core.batches import HeadSpec, QuestionBatch, QuestionSpec, TextBatch, TextSpec
from lab.models.qa.extractive_qa import ExtractiveQA
from lab.models.series.series_classifier import TimeSeriesClassifier
from lab.models.task_module import Training
from lab.models.text.families import FAMILIES
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer

from .conftest import LOSS, SPEC, bumps

META = torch.device("meta")
HEAD = HeadSpec("modo", ("a", "b"), (5, 5))
IN_TRANSFORMERS = {"modernbert", "mpnet"}
"""Families whose own code in the library reads the mask of a batch with padding."""


@pytest.fixture
def encoder(small: Callable[..., Any], texts: Any, tmp_path: Path) -> Callable[[str], Any]:
    def built(family: str) -> Any:
        model = small(family)
        return build_encoder(model, build_tokenizer(model, texts), tmp_path)

    return built


def text_batch(padded: bool) -> TextBatch:
    mask = torch.ones(3, 6, dtype=torch.bool)
    mask[0, 4:] = not padded
    labels = {"modo": torch.tensor([0, 1, -100])}
    counts = {"modo": torch.tensor([1, 1])}
    return TextBatch(torch.full((3, 6), 7), mask, labels, torch.arange(3), counts, whole=not padded)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_on_texts_reads_nothing(
    family: str, padded: bool, encoder: Callable[[str], Any], training: Callable[..., Training]
) -> None:
    spec = TextSpec((HEAD,), 300, 1, 6)
    model = MultitaskTextClassifier(spec, encoder(family), "mean", LOSS, 0.1, training()).to(META)
    batch = text_batch(padded).to(META)
    if padded and family in IN_TRANSFORMERS:
        with pytest.raises(RuntimeError, match="meta"):
            model.loss(batch)
        return
    loss = model.loss_of(batch, model(batch), model.head_metric("train"))
    loss.backward()


@pytest.mark.parametrize("padded", [False, True])
def test_a_step_on_questions_reads_nothing(
    padded: bool, encoder: Callable[[str], Any], training: Callable[..., Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # torch has none for this device
    text, num = text_batch(padded), 3
    places = torch.stack([torch.arange(6), torch.arange(6) + 1], -1).repeat(num, 1, 1)
    spans = torch.tensor([[1, 2]]).repeat(num, 1)
    batch = QuestionBatch(
        text.ids, text.mask, torch.zeros_like(text.ids), places, spans, text.rows, torch.tensor(num), not padded
    )
    model = ExtractiveQA(QuestionSpec(300, 1, 6, "es", 4, 2, True), encoder("bert"), 0.1, 0.1, training()).to(META)
    losses, _ = model._step(batch.to(META), "train", 1)
    losses.sum().backward()


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("name", ["inception_time", "patchtst", "timer_xl"])
def test_a_step_on_series_reads_nothing(name: str, whole: bool, classifier_of: Callable[..., Any]) -> None:
    model = classifier_of(name, ensemble=2).to(META)
    assert isinstance(model, TimeSeriesClassifier)
    batch = replace(bumps(), whole=whole).to(META)
    assert batch.whole is whole
    model.loss_of(batch, model(batch), model.head_metric("train"))
    model.loss(batch).backward()


def test_a_mask_is_still_read_on_a_cpu_where_that_costs_nothing() -> None:
    from lab.models.series.interfaces import mask_of

    full, gap = torch.ones(2, 3, dtype=torch.bool), torch.tensor([[True, False]])
    assert mask_of(full, whole=False) is None
    assert mask_of(full.to(META), whole=True) is None
    assert mask_of(full.to(META), whole=False) is not None
    assert mask_of(gap, whole=False) is gap
    assert SPEC.length == 40
