"""Encoder layers in 4 bits: NF4 with double quantisation (QLoRA, arXiv 2305.14314), by bitsandbytes.

A matrix is quantised where it stands, one after the other, and is made whole again for each product that needs it, and
only for as long; nothing ever dequantises the whole model. Embeddings, norms, biases, adapters and heads stay fp32.
Memory: .52 bytes a weight instead of 4. Time: each product first unpacks its matrix, forward and backward.
"""

from typing import Any, cast

import bitsandbytes
import torch
from bitsandbytes.nn import Linear4bit
from peft.tuners.lora.dora import DoraLinearLayer
from torch import Tensor, nn

BLOCK = 64
"""Weights that share a scale."""


class QuantisedLinear(Linear4bit):  # type: ignore[misc]  # the library is not typed
    """A linear layer (D in, E out) that never trains, its weight in NF4; `layer` gives weight and bias.

    As in any linear layer the arithmetic is autocast's, where that is on. bitsandbytes' own forward would fix it at the
    first call, round the bias to it for good, and in eval mode on CPUs with AVX-512 BF16 repack the weights with loss:
    then neither would training go on exactly after a resume, nor would what is trained be what is tested.
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__(
            layer.in_features, layer.out_features, layer.bias is not None, compress_statistics=True, quant_type="nf4",
            device=torch.device("meta"),
        )  # fmt: skip
        device = layer.weight.device
        weight = bitsandbytes.nn.Params4bit(
            layer.weight.data, requires_grad=False, blocksize=BLOCK, compress_statistics=True, quant_type="nf4",
            module=self,
        )  # fmt: skip
        self.weight = weight.to(device)
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.data, requires_grad=False)
        self.support_avx512bf16_for_cpu = False
        self.train(layer.training)

    def forward(self, x: Tensor) -> Tensor:
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        bias = None if self.bias is None else self.bias.to(dtype)
        state = self.weight.quant_state
        return cast(Tensor, bitsandbytes.matmul_4bit(x.to(dtype), self.weight, quant_state=state, bias=bias))


class PackedDora(DoraLinearLayer):  # type: ignore[misc]
    """DoRA beside a packed matrix. With dropout in front of an adapter, PEFT's own multiplies by a dequantised copy,
    which autograd keeps for the backward pass: copies of all adapted matrices at once."""

    def forward(self, x: Tensor, *, base_layer: nn.Module, base_result: Tensor | None = None, **rest: Any) -> Tensor:
        """What is to be added to the base's output (..., E) for x (..., D)."""
        if base_result is None:
            base_result = base_layer(x)  # its bias is taken off again
        return cast(Tensor, super().forward(x, base_layer=base_layer, base_result=base_result, **rest))


def quantise(layers: nn.Module) -> None:
    """Replace every linear layer below `layers`; each fp32 weight is freed before the next one is looked at."""
    for module in list(layers.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear:
                setattr(module, name, QuantisedLinear(child))


def dequantised(layer: nn.Linear) -> Tensor:
    """The weight (E, D) of a linear layer; of a quantised one a copy in fp32."""
    if not isinstance(layer, QuantisedLinear):
        return layer.weight.detach()
    return cast(Tensor, bitsandbytes.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state))
