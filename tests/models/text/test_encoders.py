"""Tests for every encoder: shapes, independence of padding, parts for freezing, rebuilding from a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.models.pooling import pool
from lab.models.text.interfaces import BagEncoder, TextEncoder
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer, load_tokenizer

FAMILIES = (
    "albert", "bert", "camembert", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet", "roberta",
    "xlm-roberta",
)  # fmt: skip
ALL = (*FAMILIES, "ngram")
NUM_LAYERS = {"albert": 1, "ngram": 0}
TEXTS = ["fuga por el sello de la bomba", "ruido", "alta temperatura en el rodamiento del motor, se ajusta"]


@pytest.fixture
def built(shipped: Callable[..., Any], small: Callable[..., Any], texts: Any, tmp_path: Path) -> Callable[..., Any]:
    def make(name: str, **replaced: Any) -> tuple[Any, Any, TextEncoder]:
        model = shipped("ngram", buckets=512, dimension=32) if name == "ngram" else small(name, **replaced)
        tokenizer = build_tokenizer(model, texts)
        return model, tokenizer, build_encoder(model, tokenizer, tmp_path)

    return make


def _pooled(encoder: TextEncoder, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    vectors: torch.Tensor = encoder(ids, mask)
    return vectors if isinstance(encoder, BagEncoder) else pool(vectors, mask, "mean")


@pytest.mark.parametrize("name", ALL)
def test_the_vector_of_a_text_does_not_depend_on_padding(name: str, built: Any, batch: Any) -> None:
    _, tokenizer, encoder = built(name)
    assert encoder.training
    encoder.eval()
    rows = tokenizer.encode(TEXTS, 64)
    with torch.no_grad():
        pooled = _pooled(encoder, *batch(rows, tokenizer.pad_id))
        wider = _pooled(encoder, *batch(rows, tokenizer.pad_id, extra=9))
        alone = torch.cat([_pooled(encoder, *batch([row], tokenizer.pad_id)) for row in rows])
    assert pooled.shape == (3, encoder.dimension) == (3, 32)
    assert torch.isfinite(pooled).all()
    torch.testing.assert_close(wider, pooled, rtol=0, atol=1e-6)
    torch.testing.assert_close(alone, pooled, rtol=0, atol=1e-6)
    assert (pooled[0] - pooled[2]).abs().max() > 1e-4


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_trains_and_the_frozen_part_is_a_fixed_function(name: str, built: Any, batch: Any) -> None:
    _, tokenizer, encoder = built(name)
    assert len(encoder.layers) == NUM_LAYERS.get(name, 2)
    ids, mask = batch(tokenizer.encode(TEXTS, 64), tokenizer.pad_id)
    encoder(ids, mask).square().sum().backward()
    untrained = [key for key, parameter in encoder.named_parameters() if parameter.grad is None]
    assert untrained == []
    frozen = {id(parameter) for module in encoder.embeddings for parameter in module.parameters()}
    frozen |= {id(parameter) for layer in encoder.layers for parameter in layer.parameters()}
    left = [key for key, parameter in encoder.named_parameters() if id(parameter) not in frozen]
    # ModernBERT has a norm above its layers; no other parameter may train when all layers are frozen
    assert [key for key in left if "final_norm" not in key] == []


@pytest.mark.parametrize("name", ALL)
def test_an_encoder_is_rebuilt_from_its_folder(name: str, built: Any, batch: Any, tmp_path: Path) -> None:
    model, tokenizer, encoder = built(name)
    tokenizer.save(tmp_path)
    encoder.save_architecture(tmp_path)
    again = load_tokenizer(tmp_path)
    rebuilt = build_encoder(model, again, tmp_path, load_weights=False)
    assert rebuilt.training
    rebuilt.load_state_dict(encoder.state_dict())
    ids, mask = batch(again.encode(TEXTS, 64), again.pad_id)
    with torch.no_grad():
        assert torch.equal(rebuilt.eval()(ids, mask), encoder.eval()(ids, mask))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_longest_text_fits_the_position_table(name: str, built: Any, batch: Any) -> None:
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
def test_attention_dropout_acts_only_in_training(name: str, small: Any, texts: Any, batch: Any, tmp_path: Path) -> None:
    tokenizer = build_tokenizer(small(name), texts)
    ids, mask = batch(tokenizer.encode(TEXTS, 64), tokenizer.pad_id)
    outputs = {}
    for share in (0.0, 0.9):
        torch.manual_seed(0)
        encoder = build_encoder(small(name, attention_dropout=share), tokenizer, tmp_path)
        encoder.save_architecture(tmp_path)
        for module in encoder.modules():
            if isinstance(module, torch.nn.Dropout) and module.p not in (0.0, 0.9):
                module.p = 0.0
        with torch.no_grad():
            trained, evaluated = encoder(ids, mask), encoder.eval()(ids, mask)
        outputs[share] = trained, evaluated, (tmp_path / "architecture.json").read_text()
    assert torch.equal(outputs[0.0][1], outputs[0.9][1])
    torch.testing.assert_close(outputs[0.0][0], outputs[0.0][1])
    assert (outputs[0.9][0] - outputs[0.9][1]).abs().max() > 1e-3
    assert outputs[0.0][2] != outputs[0.9][2], "a rebuilt encoder has the same dropout"
