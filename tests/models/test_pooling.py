import pytest
import torch

from lab.models.pooling import pool

HIDDEN = torch.tensor([[[1.0, -2.0], [3.0, -4.0], [100.0, 100.0]]])
MASK = torch.tensor([[True, True, False]])


@pytest.mark.parametrize(("how", "wanted"), [("cls", [1.0, -2.0]), ("mean", [2.0, -3.0]), ("max", [3.0, -2.0])])
def test_each_pooling(how: str, wanted: list[float]) -> None:
    assert pool(HIDDEN, MASK, how).tolist() == [wanted]  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["mean", "max"])
def test_a_row_without_tokens_is_zero(how: str) -> None:
    assert pool(HIDDEN, torch.zeros_like(MASK), how).tolist() == [[0.0, 0.0]]  # type: ignore[arg-type]


def test_mean_of_a_long_text_in_bf16_keeps_fp32_accuracy() -> None:
    hidden = torch.full((1, 4096, 1), 1.0, dtype=torch.bfloat16)
    hidden[:, ::2] = 3.0
    pooled = pool(hidden, torch.ones(1, 4096, dtype=torch.bool), "mean")
    assert pooled.dtype == torch.bfloat16
    assert pooled.item() == 2.0  # summed in bf16 it would stick far below
