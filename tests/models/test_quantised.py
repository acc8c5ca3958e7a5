"""NF4 layers: as near as 4 bits are, the same in train and eval mode, in autocast's arithmetic, and small."""

import pytest
import torch
from torch import nn

pytest.importorskip("bitsandbytes")

from lab.models.quantised import QuantisedLinear, dequantised, quantise


@pytest.fixture
def pair() -> tuple[nn.Linear, QuantisedLinear]:
    torch.manual_seed(0)
    layer = nn.Linear(128, 192)
    return layer, QuantisedLinear(layer)


def test_the_weight_is_near_and_takes_an_eighth(pair: tuple[nn.Linear, QuantisedLinear]) -> None:
    layer, packed = pair
    error = (dequantised(packed) - layer.weight).abs().max()
    assert 0 < error < 0.16 * layer.weight.abs().max()  # half the widest gap between NF4's levels is .152
    assert packed.weight.numel() * packed.weight.element_size() == layer.weight.numel() / 2
    assert packed.weight.quant_state.absmax.dtype == torch.uint8, "scales are quantised as well"
    assert packed.weight.quant_state.quant_type == "nf4"


def test_forward_and_backward_are_those_of_the_unpacked_weight(pair: tuple[nn.Linear, QuantisedLinear]) -> None:
    layer, packed = pair
    inputs = torch.randn(5, 7, 128, requires_grad=True)
    plain = nn.functional.linear(inputs, dequantised(packed), layer.bias)
    assert torch.equal(packed(inputs), plain)
    (wanted,) = torch.autograd.grad(plain.square().sum(), inputs)
    (found,) = torch.autograd.grad(packed(inputs).square().sum(), inputs)
    torch.testing.assert_close(found, wanted)


def test_eval_mode_and_the_arithmetic_of_a_call_leave_no_trace(pair: tuple[nn.Linear, QuantisedLinear]) -> None:
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


def test_quantised_twice_alike(pair: tuple[nn.Linear, QuantisedLinear]) -> None:
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
