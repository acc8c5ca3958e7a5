"""Integrated gradients: exact for a linear score, complete for a smooth one, marked where the steps do not suffice."""

import pytest
import torch
from torch import Tensor, nn

from lab.core.errors import RequestError
from lab.inference.explain.gradients import attributions, output_of, token_table

pytest.importorskip("captum")
VECTORS = torch.linspace(0, 2, 24).reshape(2, 4, 3)


def test_a_linear_score_has_its_weights() -> None:
    weights = torch.arange(12.0).reshape(4, 3)
    result = attributions(lambda vectors: (vectors * weights).sum((1, 2)), VECTORS, torch.zeros_like(VECTORS), (), 2)
    assert torch.allclose(result.values, (VECTORS * weights).sum(-1).double(), atol=1e-5)
    assert max(result.errors) < 1e-5


def test_more_steps_are_used_only_for_the_rows_that_need_them() -> None:
    sizes = list[int]()

    def score(vectors: Tensor, sharpness: Tensor) -> Tensor:
        sizes.append(len(vectors))
        return (vectors.sum((1, 2)) * sharpness).sigmoid()

    sharpness = torch.tensor([0.02, 2.0])
    start = torch.full_like(VECTORS, -3.0)
    result = attributions(score, VECTORS, start, (sharpness,), 64, steps=(2, 64))
    assert max(result.errors) <= 0.01
    assert sum(sizes) < 2 + 2 + 2 * 2 + 64 * 2
    marked = attributions(score, VECTORS, start, (sharpness,), 64, steps=(2,))
    assert marked.errors[0] <= 0.01 < marked.errors[1]


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.positions, self.words = nn.Embedding(9, 2), nn.Embedding(9, 2)

    def forward(self, ids: Tensor) -> Tensor:
        order: Tensor = self.positions(torch.arange(ids.shape[1]).expand_as(ids))
        return order + self.words(ids)


def test_the_embedding_that_reads_the_ids() -> None:
    encoder, ids = _Encoder(), torch.tensor([[3, 1]])
    table = token_table(encoder, ids, lambda: encoder(ids))
    assert table is encoder.words
    with output_of(table, torch.zeros(1, 2, 2)):
        assert torch.equal(encoder(ids)[0], encoder.positions.weight[:2])
    assert not torch.equal(encoder(ids)[0], encoder.positions.weight[:2])
    with pytest.raises(RequestError, match="cannot be explained"):
        token_table(nn.Linear(2, 2), ids, lambda: None)
