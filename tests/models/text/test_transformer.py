"""Encoders of transformers: layers, longest text, dropout. What every encoder must do: `tests/contracts`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.models.text.families import FAMILIES
from lab.models.text.interfaces import TextEncoder
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer

TEXTS = ["fuga por el sello de la bomba", "ruido", "alta temperatura en el rodamiento del motor, se ajusta"]


@pytest.fixture
def built(shipped: Callable[..., Any], small: Callable[..., Any], texts: Any, tmp_path: Path) -> Callable[..., Any]:
    def make(name: str, **replaced: Any) -> tuple[Any, Any, TextEncoder]:
        model = shipped("ngram", buckets=512, dimension=32) if name == "ngram" else small(name, **replaced)
        tokenizer = build_tokenizer(model, texts)
        return model, tokenizer, build_encoder(model, tokenizer, tmp_path)

    return make


@pytest.mark.parametrize("name", [*FAMILIES, "ngram"])
def test_the_layers_that_freezing_counts(name: str, built: Any) -> None:
    assert len(built(name)[2].layers) == {"albert": 1, "ngram": 0}.get(name, 2), "ALBERT's layers share their weights"


@pytest.mark.parametrize("name", FAMILIES)
def test_the_longest_text_fits_the_positions(name: str, built: Any, batch: Any) -> None:
    _, tokenizer, encoder = built(name)
    row = tokenizer.encode(["fuga " * 600], tokenizer.longest)[0]
    assert len(row) == tokenizer.longest
    with torch.no_grad():
        assert torch.isfinite(encoder.eval()(*batch([row], tokenizer.pad_id))).all()


def test_dropout_acts_in_training_mode(built: Any, batch: Any) -> None:
    _, tokenizer, encoder = built("bert")
    ids, mask = batch(tokenizer.encode(TEXTS, 64), tokenizer.pad_id)
    assert not torch.equal(encoder(ids, mask), encoder(ids, mask))


@pytest.mark.parametrize("name", FAMILIES)
def test_attention_dropout_acts_in_training_alone(
    name: str, small: Any, texts: Any, batch: Any, tmp_path: Path
) -> None:
    tokenizer = build_tokenizer(small(name), texts)
    ids, mask = batch(tokenizer.encode(TEXTS, 64), tokenizer.pad_id)
    result = {}
    for share in (0.0, 0.9):
        torch.manual_seed(0)
        encoder = build_encoder(small(name, attention_dropout=share), tokenizer, tmp_path)
        encoder.save_architecture(tmp_path)
        for module in encoder.modules():
            if isinstance(module, torch.nn.Dropout) and module.p not in (0.0, 0.9):
                module.p = 0.0
        with torch.no_grad():
            trained, evaluated = encoder(ids, mask), encoder.eval()(ids, mask)
        result[share] = trained, evaluated, (tmp_path / "architecture.json").read_text()
    assert torch.equal(result[0.0][1], result[0.9][1])
    torch.testing.assert_close(result[0.0][0], result[0.0][1])
    assert (result[0.9][0] - result[0.9][1]).abs().max() > 1e-3
    assert result[0.0][2] != result[0.9][2], "a rebuilt encoder has it too"
