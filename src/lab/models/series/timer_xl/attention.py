"""Attention of Timer-XL (arXiv 2410.04803): causal in time over all channels, rotary positions, a bias per channel.

Tokens are ordered by channel (B, C N, D); token (c, t) attends to every channel at t' <= t. Weights are
softmax((q k + bias) / sqrt(E)). Plain and fused (torch's scaled_dot_product_attention) attention give the same numbers.
The bias has one value for the own channel and one for the others. Softmax ignores constants, so only beta = own - other
matters: fused attention adds C columns, beta at the query's channel and 1 at the key's, because a bias matrix with a
gradient would exclude the fast kernels. Shapes: B rows, C channels, N patches, S = C N tokens, H heads, E head width.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lab.config.schema import TimerXL

BASE = 10000.0
"""Base of the rotary frequencies."""
OTHER, OWN = 0, 1
"""Rows of the variate bias: for keys of other channels, and for keys of the query's own channel."""


@dataclass(frozen=True)
class Layout:
    """The positions, channels and mask of all tokens, computed once for all layers.

    angles: (S, R / 2) for the R rotated columns of a head. channel: (S,) int64. allowed: the keys to which a query
    attends, (S, S) bool, or (B, 1, S, S) with padding; None for all keys. causal: the mask is the plain causal mask,
    for which kernels have a fast path; `allowed` is None then.
    """

    angles: Tensor
    channel: Tensor
    allowed: Tensor | None
    causal: bool
    num_channels: int


def layout(config: TimerXL, num_channels: int, num_patches: int, kept: Tensor | None, device: torch.device) -> Layout:
    """The layout of all tokens. kept (B, S) bool: tokens with observed values; None for all.

    A token always attends to itself, so that no row of the mask is empty.
    """
    time = torch.arange(num_patches, device=device).repeat(num_channels)
    channel = torch.arange(num_channels, device=device).repeat_interleave(num_patches)
    position = time if config.rope_position == "per_variate" else torch.arange(len(time), device=device)
    width = config.width // config.num_heads
    rotated = width // 2 if config.rope == "interleaved_half" else width
    rates = BASE ** (-torch.arange(0, rotated, 2, device=device, dtype=torch.float32) / rotated)
    angles = position[:, None].float() * rates
    restricted = config.causal or (config.covariate and num_channels > 1)
    if kept is None and (not restricted or num_channels == 1):
        return Layout(angles, channel, None, config.causal, num_channels)
    allowed = torch.ones(len(time), len(time), dtype=torch.bool, device=device)
    if config.causal:
        allowed &= time[:, None] >= time
    if config.covariate:
        own = channel[:, None] == channel
        allowed = (own & allowed) | (~own & (channel == num_channels - 1)[:, None])
    if kept is not None:
        allowed = allowed & kept[:, None, None, :] | torch.eye(len(time), dtype=torch.bool, device=device)
    return Layout(angles, channel, allowed, False, num_channels)


def rotated(heads: Tensor, angles: Tensor, how: Literal["interleaved_half", "split_full"]) -> Tensor:
    """heads (B, H, S, E), rotated by the angles (S, R / 2) of their positions (RoPE, arXiv 2104.09864)."""
    cos, sin = angles.cos().to(heads.dtype), angles.sin().to(heads.dtype)
    if how == "split_full":
        first, second = heads.chunk(2, -1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
    size = 2 * angles.shape[-1]
    first, second = heads[..., 0:size:2], heads[..., 1:size:2]
    pairs = torch.stack([first * cos - second * sin, second * cos + first * sin], -1).flatten(-2)
    return torch.cat([pairs, heads[..., size:]], -1)


class VariateAttention(nn.Module):
    """Multi-head attention over the tokens of all channels: (B, S, D) -> (B, S, D)."""

    def __init__(self, config: TimerXL) -> None:
        super().__init__()
        width, biased = config.width, config.biases == "all"
        self.num_heads, self.rope, self.fused = config.num_heads, config.rope, config.attention == "fused"
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width, bias=biased)
        self.variate_bias = nn.Parameter(torch.randn(2, config.num_heads)) if config.variate_bias else None

    def forward(self, tokens: Tensor, where: Layout) -> Tensor:
        query, key, value = (self._heads(part(tokens)) for part in (self.query, self.key, self.value))
        query, key = rotated(query, where.angles, self.rope), rotated(key, where.angles, self.rope)
        mixed = (self._fused if self.fused else self._plain)(query, key, value, where)
        output: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return output

    def _heads(self, tokens: Tensor) -> Tensor:
        num_rows, num_tokens, width = tokens.shape
        return tokens.view(num_rows, num_tokens, self.num_heads, width // self.num_heads).transpose(1, 2)

    def _plain(self, query: Tensor, key: Tensor, value: Tensor, where: Layout) -> Tensor:
        scores = query @ key.transpose(-1, -2)
        if self.variate_bias is not None:
            own = where.channel[:, None] == where.channel
            scores = scores + self.variate_bias[own.long()].permute(2, 0, 1)
        allowed = where.allowed
        if allowed is None and where.causal:
            allowed = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        if allowed is not None:
            scores = scores.masked_fill(~allowed, -torch.inf)
        return (scores / math.sqrt(query.shape[-1])).softmax(-1) @ value

    def _fused(self, query: Tensor, key: Tensor, value: Tensor, where: Layout) -> Tensor:
        width = query.shape[-1]
        if self.variate_bias is not None and where.num_channels > 1:
            # `one_hot` reads the least and the greatest number on a CPU
            numbers = torch.arange(where.num_channels, device=query.device)
            place = (where.channel[:, None] == numbers).to(query.dtype)
            beta = (self.variate_bias[OWN] - self.variate_bias[OTHER]).to(query.dtype)
            shape = (*query.shape[:-1], where.num_channels)
            query = torch.cat([query, (beta[:, None, None] * place).expand(shape)], -1)
            key = torch.cat([key, place.expand(shape)], -1)
            value = functional.pad(value, (0, where.num_channels))  # the kernels need equal widths
        mixed = functional.scaled_dot_product_attention(
            query, key, value, where.allowed, is_causal=where.causal and where.allowed is None, scale=width**-0.5
        )
        return mixed[..., :width]
