"""NF4 layers: rounding error, equal numbers in train and eval mode, the arithmetic of autocast, and memory."""

import pytest
import torch
from torch import nn

pytest.importorskip("bitsandbytes")

from transformers import AutoModel, BertConfig

from lab.models.peft.quantization import QuantisedLinear, dequantised, quantise


@pytest.fixture
def pair() -> tuple[nn.Linear, QuantisedLinear]:
    torch.manual_seed(0)
    layer = nn.Linear(128, 192)
    return layer, QuantisedLinear(layer)


def test_the_rounding_error_is_small_and_the_weight_takes_an_eighth(pair: tuple[nn.Linear, QuantisedLinear]) -> None:
    layer, packed = pair
    error = (dequantised(packed) - layer.weight).abs().max()
    assert 0 < error < 0.16 * layer.weight.abs().max()  # half the widest gap between NF4's levels is .152
    assert packed.weight.numel() * packed.weight.element_size() == layer.weight.numel() / 2
    assert packed.weight.quant_state.absmax.dtype == torch.uint8, "scales are quantised as well"
    assert packed.weight.quant_state.quant_type == "nf4"


def test_forward_and_backward_equal_those_of_the_dequantised_weight(pair: tuple[nn.Linear, QuantisedLinear]) -> None:
    layer, packed = pair
    inputs = torch.randn(5, 7, 128, requires_grad=True)
    plain = nn.functional.linear(inputs, dequantised(packed), layer.bias)
    assert torch.equal(packed(inputs), plain)
    (expected,) = torch.autograd.grad(plain.square().sum(), inputs)
    (actual,) = torch.autograd.grad(packed(inputs).square().sum(), inputs)
    torch.testing.assert_close(actual, expected)


def test_eval_mode_and_autocast_do_not_change_the_layer(pair: tuple[nn.Linear, QuantisedLinear]) -> None:
    _, packed = pair
    inputs = torch.randn(5, 128)
    first = packed(inputs)
    before = {name: value.clone() for name, value in packed.state_dict().items()}
    with torch.autocast("cpu", torch.bfloat16):
        assert packed(inputs).dtype == torch.bfloat16
    with torch.no_grad():
        assert torch.equal(packed.eval()(inputs), first)
    assert packed.bias is not None
    assert packed.bias.dtype == torch.float32
    after = packed.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_quantising_twice_gives_equal_weights(pair: tuple[nn.Linear, QuantisedLinear]) -> None:
    layer, packed = pair
    assert torch.equal(QuantisedLinear(layer).weight, packed.weight)


def test_only_linear_layers_are_replaced() -> None:
    layers = nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64), nn.Sequential(nn.Linear(64, 32, bias=False)))
    quantise(layers)
    assert [type(module).__name__ for module in layers.modules() if not list(module.children())] == [
        "QuantisedLinear", "LayerNorm", "QuantisedLinear",
    ]  # fmt: skip
    assert layers(torch.randn(2, 64)).shape == (2, 32)
    assert not any(p.requires_grad for name, p in layers.named_parameters() if name.startswith(("0.", "2.")))


def num_bytes(module: nn.Module) -> int:
    """Bytes of all weights and scales, without buffers."""
    total = 0
    for parameter in module.parameters():
        total += parameter.numel() * parameter.element_size()
        state = getattr(parameter, "quant_state", None)
        while state is not None:
            total += sum(
                t.numel() * t.element_size() for t in (state.absmax, state.code, state.offset) if t is not None
            )
            state = state.state2
    return total


@pytest.mark.parametrize(
    ("width", "num_layers", "limit"), [(384, 6, 0.65), (768, 12, 0.35)], ids=["minilm", "bert-base"]
)
def test_memory_of_a_base_in_four_bits(width: int, num_layers: int, limit: float) -> None:
    """One layer is measured and multiplied by the number of layers, because all have the same shapes."""
    config = BertConfig(hidden_size=width, intermediate_size=4 * width, num_attention_heads=12, num_hidden_layers=1)
    transformer = AutoModel.from_config(config, add_pooling_layer=False)
    layer = transformer.encoder.layer[0]
    embeddings, whole = num_bytes(transformer.embeddings), num_bytes(layer)
    quantise(layer)
    share = (embeddings + num_layers * num_bytes(layer)) / (embeddings + num_layers * whole)
    assert share < limit
