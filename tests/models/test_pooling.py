"""Pooling of token vectors: each kind, rows without tokens, attention, and precision."""

import pytest
import torch

from lab.models.pooling import AttentionPooling, TokenPooling, pool

HIDDEN = torch.tensor([[[1.0, -2.0], [3.0, -4.0], [100.0, 100.0]]])
MASK = torch.tensor([[True, True, False]])


@pytest.mark.parametrize(("how", "expected"), [("cls", [1.0, -2.0]), ("mean", [2.0, -3.0]), ("max", [3.0, -2.0])])
def test_each_pooling(how: str, expected: list[float]) -> None:
    assert pool(HIDDEN, MASK, how).tolist() == [expected]  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["mean", "max"])
def test_a_row_without_tokens_is_zero(how: str) -> None:
    assert pool(HIDDEN, torch.zeros_like(MASK), how).tolist() == [[0.0, 0.0]]  # type: ignore[arg-type]


@pytest.mark.parametrize(("how", "num_vectors"), [("cls", 1), ("mean", 1), ("max", 1), ("attention", 3)])
def test_attention_gives_each_head_its_own_vector(how: str, num_vectors: int) -> None:
    assert TokenPooling(how, 2, num_heads=3)(HIDDEN, MASK).shape == (1, num_vectors, 2)


def test_attention_starts_as_the_mean_and_follows_its_query() -> None:
    pooling = AttentionPooling(2, num_queries=2)
    torch.testing.assert_close(pooling(HIDDEN, MASK), torch.tensor([[[2.0, -3.0]] * 2]))
    with torch.no_grad():
        pooling.query.weight[0] = torch.tensor([50.0, 0.0])  # selects the largest value of the first dimension
    torch.testing.assert_close(pooling(HIDDEN, MASK), torch.tensor([[[3.0, -4.0], [2.0, -3.0]]]))


def test_attention_ignores_padding_and_gives_zeros_without_tokens() -> None:
    torch.manual_seed(0)
    pooling = AttentionPooling(4, num_queries=2)
    torch.nn.init.normal_(pooling.query.weight)
    hidden, mask = torch.randn(2, 5, 4), torch.tensor([[True] * 5, [True, True, False, False, False]])
    pooled = pooling(hidden, mask)
    torch.testing.assert_close(pooled[1:], pooling(hidden[1:, :2], mask[1:, :2]))
    hidden[~mask] = 1e6
    torch.testing.assert_close(pooling(hidden, mask), pooled)
    assert not pooling(hidden, torch.zeros_like(mask)).any()


def test_attention_keeps_fp32_under_autocast() -> None:
    pooling = AttentionPooling(3)
    hidden, mask = torch.randn(2, 700, 3, generator=torch.Generator().manual_seed(0)), torch.ones(2, 700).bool()
    with torch.autocast("cpu", torch.bfloat16):
        pooled = pooling(hidden, mask)
    assert pooled.dtype == torch.float32
    torch.testing.assert_close(pooled[:, 0], hidden.mean(1))


def test_mean_of_a_long_text_in_bf16_keeps_fp32_accuracy() -> None:
    hidden = torch.full((1, 4096, 1), 1.0, dtype=torch.bfloat16)
    hidden[:, ::2] = 3.0
    pooled = pool(hidden, torch.ones(1, 4096, dtype=torch.bool), "mean")
    assert pooled.dtype == torch.bfloat16
    assert pooled.item() == 2.0  # a sum in bf16 would be far too small


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_attention_pooling_has_the_kind_of_number_of_its_weights(dtype: torch.dtype) -> None:
    hidden, kept = torch.randn(2, 3, 4, dtype=dtype), torch.ones(2, 3, dtype=torch.bool)
    assert AttentionPooling(4).to(dtype)(hidden, kept).dtype == dtype
    with torch.autocast("cpu", torch.bfloat16):
        assert AttentionPooling(4)(hidden.bfloat16(), kept).dtype == torch.float32
