"""Attention of one layer is compared with its formula, computed in loops."""

import math
from typing import Any

import torch

from lab.models.series.timer_xl.attention import BASE, OTHER, OWN, VariateAttention, layout, rotated


@torch.no_grad()
def test_scores_follow_the_formula_token_by_token(small_net: Any) -> None:
    torch.manual_seed(0)
    config = small_net("timer_xl", causal=True, rope_position="flat", attention="fused")
    net = VariateAttention(config)
    channels, patches, width = 2, 3, 8
    tokens = torch.randn(1, channels * patches, 32)
    output = net(tokens, layout(config, channels, patches, None, tokens.device))
    parts = [part(tokens)[0].view(-1, 4, width) for part in (net.query, net.key, net.value)]
    expected = torch.zeros(channels * patches, 4, width)
    assert net.variate_bias is not None
    for head in range(4):
        for i in range(channels * patches):
            scores = torch.full((channels * patches,), -math.inf)
            for j in range(channels * patches):
                if j % patches <= i % patches:
                    own = OWN if i // patches == j // patches else OTHER
                    product = rotate(parts[0][i, head], i) @ rotate(parts[1][j, head], j)
                    scores[j] = (product + net.variate_bias[own, head]) / math.sqrt(width)
            expected[i, head] = scores.softmax(0) @ parts[2][:, head]
    torch.testing.assert_close(output[0], net.out(expected.flatten(1)), atol=1e-5, rtol=1e-5)


def rotate(head: torch.Tensor, position: int) -> torch.Tensor:
    """Rotate pairs of neighbours in the first half of a head of width 8; the frequencies are those of width 4."""
    output = head.clone()
    for pair in range(2):
        angle = position * BASE ** (-2 * pair / 4)
        a, b = head[2 * pair], head[2 * pair + 1]
        output[2 * pair] = a * math.cos(angle) - b * math.sin(angle)
        output[2 * pair + 1] = b * math.cos(angle) + a * math.sin(angle)
    return output


def test_split_rotation_rotates_the_whole_head() -> None:
    angles = torch.tensor([[0.0, 0.0], [math.pi / 2, math.pi]])
    heads = torch.tensor([[1.0, 2.0, 3.0, 4.0]]).expand(1, 1, 2, 4)
    output = rotated(heads, angles, "split_full")[0, 0]
    torch.testing.assert_close(output, torch.tensor([[1.0, 2, 3, 4], [-3, -2, 1, -4]]), atol=1e-6, rtol=0)
