"""An encoder that is cut between layers computes the same numbers; its fingerprint changes when its numbers change."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch

from lab.callbacks.freeze import apply
from lab.models.pooling import pool
from lab.models.text import frozen_prefix
from lab.models.text.families import FAMILIES
from lab.models.text.frozen_prefix import FrozenPrefix, refusal
from lab.models.text.interfaces import TextEncoder
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer

CUT = [name for name, family in FAMILIES.items() if family.whole is None]
TEXTS = ["fuga por el sello de la bomba", "ruido", "alta temperatura en el rodamiento del motor, se ajusta"]


@pytest.fixture
def built(shipped: Any, small: Any, texts: Any, tmp_path: Any) -> Callable[..., tuple[Any, Any]]:
    def make(name: str, **replaced: Any) -> tuple[Any, Any]:
        model = shipped("ngram", buckets=512, dimension=32) if name == "ngram" else small(name, **replaced)
        tokenizer = build_tokenizer(model, texts)
        torch.manual_seed(0)
        return tokenizer, build_encoder(model, tokenizer, tmp_path)

    return make


class EncoderModule(torch.nn.Module):
    """The part of a task module that freezing needs."""

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def freezable(self) -> Any:
        return self.encoder.embeddings, self.encoder.layers


def prefix_of(
    encoder: Any, num_layers: int = 1, autocast: Any = nullcontext, pooling: str | None = None
) -> FrozenPrefix:
    apply(EncoderModule(encoder), True, num_layers)
    return FrozenPrefix(encoder, num_layers, autocast, pooling)


def bf16() -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16)


def test_families_that_can_be_cut() -> None:
    assert {"bert", "camembert", "distilbert", "electra", "roberta", "xlm-roberta"} == set(CUT)


@pytest.mark.parametrize("name", CUT)
def test_in_bf16_the_parts_make_the_whole(name: str, built: Any, batch: Any) -> None:
    """ELECTRA keeps bf16 between layers where it projects its embeddings."""
    tokenizer, encoder = built(name)
    encoder.eval()
    ids, mask = batch(tokenizer.encode(TEXTS, 64), tokenizer.pad_id)
    with torch.no_grad(), bf16():
        whole = encoder(ids, mask).float()
        for num_layers in range(3):
            cut = encoder.forward_above(encoder.forward_below(ids, mask, num_layers), mask, num_layers)
            torch.testing.assert_close(cut.float(), whole, rtol=0, atol=0.05 if name == "electra" else 0)


def test_other_layers_give_another_result(built: Any, batch: Any) -> None:
    tokenizer, encoder = built("bert")
    encoder.eval()
    ids, mask = batch(tokenizer.encode(TEXTS, 64), tokenizer.pad_id)
    states = encoder.forward_below(ids, mask, 1)
    assert not torch.allclose(encoder.forward_above(states, mask, 2), encoder.forward_above(states, mask, 1), atol=1e-3)


@pytest.mark.parametrize("tokens_per_batch", [1, 25, 4096])
def test_states_do_not_depend_on_the_batch_size(
    tokens_per_batch: int, built: Any, batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen_prefix, "TOKENS_PER_BATCH", tokens_per_batch)
    tokenizer, encoder = built("bert")
    rows = [np.array(ids, np.int32) for ids in tokenizer.encode(TEXTS, 64)]
    lengths = np.array([len(row) for row in rows])
    prefix = prefix_of(encoder)
    states_of = {}
    for chosen, states in prefix.states(rows.__getitem__, lengths, np.array([0, 2]), tokenizer.pad_id):
        parts = states.split(lengths[chosen].tolist())
        states_of |= dict(zip(chosen.tolist(), parts, strict=True))
    assert list(states_of) == [2, 0], "the longest first"
    encoder.eval()
    for row, states in states_of.items():
        ids, mask = batch([rows[row].tolist()], tokenizer.pad_id)
        torch.testing.assert_close(states, encoder.forward_below(ids, mask, 1)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_pooled_states_are_the_pooled_vector_of_each_text(pooling: str, built: Any, batch: Any) -> None:
    tokenizer, encoder = built("bert")
    rows = [np.array(ids, np.int32) for ids in tokenizer.encode(TEXTS, 64)]
    lengths = np.array([len(row) for row in rows])
    prefix = prefix_of(encoder, len(encoder.layers), pooling=pooling)
    vectors = {}
    for chosen, states in prefix.states(rows.__getitem__, lengths, np.arange(3), tokenizer.pad_id):
        vectors |= dict(zip(chosen.tolist(), states, strict=True))
    encoder.eval()
    for row, vector in vectors.items():
        ids, mask = batch([rows[row].tolist()], tokenizer.pad_id)
        torch.testing.assert_close(vector, pool(encoder(ids, mask), mask, pooling)[0], rtol=0, atol=1e-6)


def test_dropout_is_off_below_the_cut_and_on_above_it(built: Any) -> None:
    tokenizer, encoder = built("bert")
    rows = [np.array(ids, np.int32) for ids in tokenizer.encode(TEXTS, 64)]
    prefix = prefix_of(encoder)
    encoder.train()

    def computed() -> torch.Tensor:
        lengths = np.array([len(row) for row in rows])
        return torch.cat([states for _, states in prefix.states(rows.__getitem__, lengths, np.arange(3), 1)])

    assert torch.equal(computed(), computed())
    assert encoder.layers[1].training


def test_the_fingerprint_changes_when_the_states_change(built: Any) -> None:
    _, encoder = built("bert")
    plain = prefix_of(encoder).fingerprint()
    assert prefix_of(encoder).fingerprint() == plain
    with torch.no_grad():
        encoder.layers[1].get_parameter("output.dense.weight").add_(1)
    assert prefix_of(encoder).fingerprint() == plain, "layers above the cut are not covered"
    others = {
        "layers": prefix_of(encoder, 2).fingerprint(),
        "precision": prefix_of(encoder, 1, bf16).fingerprint(),
    }
    with torch.no_grad():
        encoder.layers[0].get_parameter("output.dense.weight")[0, 0] += 1e-3
    others["weights"] = prefix_of(encoder).fingerprint()
    with torch.no_grad():
        encoder.layers[0].get_parameter("output.dense.weight")[0, 0] -= 1e-3
        encoder.transformer.get_input_embeddings().weight[3, 3] += 1e-3
    others["embeddings"] = prefix_of(encoder).fingerprint()
    encoder.transformer.config.hidden_act = "relu"
    others["architecture"] = prefix_of(encoder).fingerprint()
    assert len({plain, *others.values()}) == 6, others


def test_a_rebuilt_encoder_has_the_same_fingerprint(built: Any, small: Any, tmp_path: Any) -> None:
    tokenizer, encoder = built("roberta")
    encoder.save_architecture(tmp_path)
    again = build_encoder(small("roberta"), tokenizer, tmp_path, load_weights=False)
    again.load_state_dict(encoder.state_dict())
    assert prefix_of(again).fingerprint() == prefix_of(encoder).fingerprint()


@pytest.mark.parametrize("name", [*(name for name in FAMILIES if name not in CUT), "ngram"])
def test_an_encoder_that_cannot_be_cut_gives_the_reason(name: str, built: Any) -> None:
    _, encoder = built(name)
    apply(EncoderModule(encoder), True, 1)
    reason = refusal(encoder, 1)
    assert reason is not None
    assert {"albert": "share", "ngram": "no layers"}.get(name, "also read") in reason
    with pytest.raises(ValueError, match="layers"):
        FrozenPrefix(encoder, 1, nullcontext)


def test_weights_that_train_below_the_cut_are_refused(built: Any) -> None:
    _, encoder = built("bert")
    apply(EncoderModule(encoder), True, 1)
    assert refusal(encoder, 1) is None
    assert "train" in str(refusal(encoder, 2))
    encoder.layers[0].register_parameter("adapter", torch.nn.Parameter(torch.zeros(3)))
    assert refusal(encoder, 1) == "3 parameters below layer 1 train"


@pytest.mark.parametrize("arithmetic", [nullcontext, bf16])
def test_states_of_a_text_do_not_depend_on_the_other_texts(built: Any, arithmetic: Any) -> None:
    """Matrix products of other sizes may round differently, so a half-filled cache could give other states."""
    tokenizer, encoder = built("bert")
    prefix = prefix_of(encoder, 2, arithmetic)
    random = np.random.default_rng(0)
    rows = [random.integers(5, 50, length).astype(np.int32) for length in random.integers(1, 61, 200)]
    lengths = np.array([len(row) for row in rows])

    def computed(chosen: Any) -> dict[int, torch.Tensor]:
        states_of = {}
        for batch, states in prefix.states(rows.__getitem__, lengths, chosen, tokenizer.pad_id):
            states_of |= dict(zip(batch.tolist(), states.split(lengths[batch].tolist()), strict=True))
        return states_of

    whole = computed(np.arange(200))
    for some in (np.array([7]), np.arange(0, 200, 3), np.arange(199, 0, -1)):
        part = computed(some)
        assert sorted(part) == sorted(some.tolist())
        assert all(torch.equal(states, whole[row]) for row, states in part.items())
