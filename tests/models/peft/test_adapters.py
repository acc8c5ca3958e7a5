"""Adapters for every family: their layers, what trains, what a checkpoint contains, and refusals."""

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

from peft.tuners.lora.dora import DoraLinearLayer
from transformers import AutoModel, BertConfig

from lab.callbacks.freeze import apply, trainable
from lab.config.schema import Adapters
from lab.core.errors import RequestError
from lab.models.parameters import parameter_counts
from lab.models.peft.adapters import AdaptedTransformer, adapted
from lab.models.text.frozen_prefix import refusal
from lab.models.text.interfaces import is_adapter
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer

METHODS = ("lora", "dora", "qlora", "qdora")
# number of adapted matrices in 2 small layers with the default targets, with `attention` and with `all`
TARGETS = {
    "albert": (2, 4, 6), "bert": (4, 8, 12), "camembert": (4, 8, 12), "deberta-v2": (4, 8, 16),
    "distilbert": (4, 8, 12), "electra": (4, 8, 12), "modernbert": (2, 4, 8), "mpnet": (4, 8, 12),
    "roberta": (4, 8, 12), "xlm-roberta": (4, 8, 12),
}  # fmt: skip
TEXTS = ["fuga por el sello de la bomba", "ruido", "alta temperatura en el rodamiento del motor, se ajusta"]


def method(kind: str = "lora", **replaced: Any) -> Adapters:
    values = {"kind": kind, "lr": 1e-3, "r": 4, "alpha": 8, "dropout": 0.1, "targets": "query_value", "layers": None,
              "merge": False}  # fmt: skip
    return Adapters.model_validate(values | replaced)


@pytest.fixture
def built(small: Callable[..., Any], texts: Any, tmp_path: Path) -> Callable[..., Any]:
    def make(family: str, peft: Adapters, folder: Path = tmp_path) -> tuple[Any, Any, Any]:
        model = small(family)
        tokenizer = build_tokenizer(model, texts)
        torch.manual_seed(3)
        encoder = build_encoder(model, tokenizer, folder, peft=peft)
        assert isinstance(encoder, AdaptedTransformer)
        return model, tokenizer, encoder

    return make


class Task(nn.Module):
    """The part of a task that freezing needs."""

    def __init__(self, encoder: AdaptedTransformer) -> None:
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(encoder.dimension, 3)

    def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
        return self.encoder.embeddings, self.encoder.layers

    def frozen_base_parameters(self) -> list[nn.Parameter]:
        return self.encoder.frozen_base_parameters()


@pytest.mark.parametrize("family", TARGETS)
@pytest.mark.parametrize("place", range(3))
def test_targets_match_in_every_family(family: str, place: int, built: Any) -> None:
    _, _, encoder = built(family, method(targets=("query_value", "attention", "all")[place]))
    assert len(list(adapted(encoder.transformer))) == TARGETS[family][place]


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("family", TARGETS)
def test_only_adapters_train_and_only_adapters_are_saved(family: str, kind: str, built: Any, batch: Any) -> None:
    _, tokenizer, encoder = built(family, method(kind, dropout=0.0))
    encoder.eval()  # the same mode as below, which matters for 4-bit bases
    ids, mask = batch(tokenizer.encode(TEXTS, 64), tokenizer.pad_id)
    before = encoder(ids, mask)
    optimizer = torch.optim.SGD([parameter for parameter in encoder.parameters() if parameter.requires_grad], 0.1)
    for _ in range(2):
        optimizer.zero_grad()
        encoder(ids, mask).mean(1).square().sum().backward()
        optimizer.step()
    assert (encoder(ids, mask) - before).abs().max() > 1e-6
    names = [name for name, parameter in encoder.named_parameters() if parameter.requires_grad]
    assert all(is_adapter(name) for name in names)
    assert set(encoder.state_dict()) == set(names)
    assert {id(p) for p in encoder.frozen_base_parameters()} == {
        id(p) for p in encoder.parameters() if not p.requires_grad
    }


@pytest.mark.parametrize("kind", METHODS)
def test_an_encoder_rebuilt_from_its_checkpoint_is_the_same(kind: str, built: Any, batch: Any, tmp_path: Path) -> None:
    model, tokenizer, encoder = built("bert", method(kind))
    encoder.save_architecture(tmp_path)
    for parameter in encoder.parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter, std=0.3)
    again = build_encoder(model, tokenizer, tmp_path, load_weights=False, peft=method(kind))
    again.load_state_dict(encoder.state_dict())
    ids, mask = batch(tokenizer.encode(TEXTS, 64), tokenizer.pad_id)
    with torch.no_grad():
        assert torch.equal(again.eval()(ids, mask), encoder.eval()(ids, mask))


class Saved:
    """Wraps a tensor for as long as autograd keeps it."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


def test_qdora_keeps_no_dequantised_weights_for_the_backward_pass(built: Any, batch: Any) -> None:
    _, tokenizer, encoder = built("bert", method("qdora", targets="all"))
    ids, mask = batch(tokenizer.encode(TEXTS, 64), tokenizer.pad_id)
    modules = [module for _, module in adapted(encoder.transformer)]
    layers = [module.lora_magnitude_vector["default"] for module in modules]
    whole = {(module.out_features, module.in_features) for module in modules}
    results = []
    for kind in (type(layers[0]), DoraLinearLayer):  # ours, then PEFT's own
        for layer in layers:
            layer.__class__ = kind
        kept: list[weakref.ref[Saved]] = []

        def keep(tensor: torch.Tensor, kept: list[weakref.ref[Saved]] = kept) -> Saved:
            saved = Saved(tensor)
            kept.append(weakref.ref(saved))
            return saved

        torch.manual_seed(5)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved.tensor):
            output = encoder.train()(ids, mask)
        shapes = [tuple(saved.tensor.shape) for saved in (reference() for reference in kept) if saved is not None]
        copies = [shape for shape in shapes if shape in whole or shape[::-1] in whole]
        output.square().sum().backward()
        gradients = [parameter.grad.clone() for parameter in encoder.parameters() if parameter.grad is not None]
        results.append((output.detach(), gradients, copies))
        encoder.zero_grad()
    (ours, own_gradients, none), (theirs, their_gradients, copies) = results
    assert copies
    assert not none
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    for own, their in zip(own_gradients, their_gradients, strict=True):
        torch.testing.assert_close(own, their, rtol=1e-3, atol=1e-5)


def test_a_checkpoint_that_lacks_an_adapter_is_refused(built: Any) -> None:
    _, _, encoder = built("bert", method())
    state = encoder.state_dict()
    state.pop(next(iter(state)))
    with pytest.raises(RuntimeError, match="Missing key"):
        encoder.load_state_dict(state)


@pytest.mark.parametrize("kind", METHODS)
def test_freezing_and_unfreezing_change_only_adapters(kind: str, built: Any) -> None:
    _, _, encoder = built("bert", method(kind))
    task = Task(encoder)
    size = 2 * 2 * (4 * 32 + 32 * 4) + (2 * 2 * 32 if "dora" in kind else 0)
    for frozen, share in ((0, 1.0), (1, 0.5), (2, 0.0), (0, 1.0)):
        apply(task, embeddings=frozen > 0, num_layers=frozen)
        assert parameter_counts(encoder)["trainable"] == share * size
        assert [layer.training for layer in encoder.layers] == [number >= frozen for number in range(2)]
    assert trainable(task).startswith(f"{size + 99:,} trainable of ")


def test_four_bit_weights_count_like_other_weights(built: Any, tmp_path: Path) -> None:
    counts = {kind: parameter_counts(built("bert", method(kind), tmp_path / kind)[2]) for kind in METHODS}
    assert counts["lora"] == counts["qlora"]
    assert counts["dora"] == counts["qdora"]


@pytest.mark.parametrize(("dora", "trained"), [(False, 589_824), (True, 589_824 + 18_432)])
def test_trainable_parameters_of_a_bert_base_equal_those_computed_by_hand(dora: bool, trained: int) -> None:
    """12 layers x (query, value) x (16 x 768 + 768 x 16), and DoRA's 12 x 2 rows of 768."""
    with torch.device("meta"):
        transformer = AutoModel.from_config(BertConfig(vocab_size=30522), add_pooling_layer=False)
        encoder = AdaptedTransformer(transformer, method("dora" if dora else "lora", r=16, alpha=32))
    assert parameter_counts(encoder)["trainable"] == trained


def test_adapters_are_added_to_the_given_layers(built: Any) -> None:
    _, _, encoder = built("bert", method(layers=[1]))
    assert {name.split(".")[2] for name, _ in adapted(encoder.transformer)} == {"1"}
    apply(Task(encoder), embeddings=False, num_layers=1)
    assert refusal(encoder, 1) is None
    assert "adapters below layer 2" in str(refusal(encoder, 2))


@pytest.mark.parametrize(
    ("replaced", "key", "says"),
    [
        ({"targets": ["self.query", "q_lin"]}, "peft.targets", "q_lin matches no linear layer"),
        ({"targets": ["LayerNorm"]}, "peft.targets", "LayerNorm matches no linear layer"),
        ({"layers": [0, 2]}, "peft.layers", "the encoder has 2 layers"),
    ],
)
def test_unmatched_targets_and_layers_are_refused_before_anything_is_written(
    replaced: dict[str, Any], key: str, says: str, built: Any, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match=says) as error:
        built("bert", method(**replaced), tmp_path / "run")
    assert [mistake.key for mistake in error.value.mistakes] == [key]
    assert "attention.self.query" in str(error.value) or key == "peft.layers"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["lora", "qdora"])
@pytest.mark.parametrize("family", ["bert", "deberta-v2", "distilbert", "electra", "modernbert", "roberta"])
def test_gradient_checkpointing_changes_no_gradient(family: str, kind: str, built: Any, batch: Any) -> None:
    _, tokenizer, encoder = built(family, method(kind))
    ids, mask = batch(tokenizer.encode(TEXTS, 64), tokenizer.pad_id)

    def gradients() -> dict[str, torch.Tensor]:
        encoder.zero_grad()
        torch.manual_seed(5)
        encoder(ids, mask).mean(1).square().sum().backward()
        return {name: p.grad.clone() for name, p in encoder.named_parameters() if p.grad is not None}

    straight, calls = gradients(), []
    assert encoder.checkpoint_gradients()
    first = next(iter(adapted(encoder.transformer)))[1]
    first.register_forward_hook(lambda *_: calls.append(1))
    again = gradients()
    assert len(calls) == 2, "computed once forward and once more for the backward pass"
    assert straight.keys() == again.keys()
    assert all(torch.equal(straight[name], again[name]) for name in straight)


def test_albert_has_no_gradient_checkpointing(built: Any) -> None:
    assert not built("albert", method())[2].checkpoint_gradients()
