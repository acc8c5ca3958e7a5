"""Encoder layers in 4 bits: NF4 with double quantisation (QLoRA, arXiv 2305.14314), by bitsandbytes.

Matrices are quantised in place, one after the other. A matrix is dequantised only while a product needs it, never the
whole model at once. Embeddings, norms, biases, adapters and heads stay fp32. Memory: .52 bytes per weight instead of 4.
Time: each product dequantises its matrix, in the forward and in the backward pass.
"""

from typing import Any, cast

import bitsandbytes
import torch
from bitsandbytes.nn import Linear4bit
from peft.tuners.lora.dora import DoraLinearLayer
from torch import Tensor, nn

BLOCK = 64
"""Number of weights that share a scale."""


class QuantisedLinear(Linear4bit):  # type: ignore[misc]  # the library has no types
    """A linear layer (D in, E out) that never trains, with the weight of `layer` in NF4 and its bias.

    Its data type is that of autocast, as in any linear layer. The forward pass of bitsandbytes would keep the type of
    the first call, round the bias to that type, and in eval mode on CPUs with AVX-512 BF16 repack the weights with
    loss. Then a resumed run would differ from an uninterrupted run, and tests would use other weights than training.
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
        """The layer's output (..., out) for x (..., in), in autocast's type if autocast is on, else in that of x."""
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        bias = None if self.bias is None else self.bias.to(dtype)
        state = self.weight.quant_state
        return cast(Tensor, bitsandbytes.matmul_4bit(x.to(dtype), self.weight, quant_state=state, bias=bias))


class PackedDora(DoraLinearLayer):  # type: ignore[misc]
    """DoRA for a quantised matrix.

    If an adapter has dropout, PEFT's class multiplies by a dequantised copy of the matrix. Autograd keeps this copy for
    the backward pass, so copies of all adapted matrices would be in memory at once.
    """

    def forward(self, x: Tensor, *, base_layer: nn.Module, base_result: Tensor | None = None, **rest: Any) -> Tensor:
        """The term to add to the output of the base (..., E), for x (..., D)."""
        if base_result is None:
            base_result = base_layer(x)  # PEFT subtracts its bias
        return cast(Tensor, super().forward(x, base_layer=base_layer, base_result=base_result, **rest))


def quantise(layers: nn.Module) -> None:
    """Replace every linear layer inside `layers`; each fp32 weight is freed before the next layer."""
    for module in list(layers.modules()):
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear:
                setattr(module, name, QuantisedLinear(child))


def dequantised(layer: nn.Linear) -> Tensor:
    """The weight (E, D) of a linear layer, for a quantised layer as a copy in fp32."""
    if not isinstance(layer, QuantisedLinear):
        return layer.weight.detach()
    return cast(Tensor, bitsandbytes.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state))
