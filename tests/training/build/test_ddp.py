"""Means of whole numbers over processes; tests/distributed trains with this strategy."""

from typing import Any

import pytest
import torch
from lightning.pytorch.strategies import DDPStrategy
from torch import nn

from lab.core.errors import RequestError
from lab.models.series.interfaces import MaskedBatchNorm
from lab.training.build import ddp
from lab.training.build.ddp import Ddp, SyncedNorms


@pytest.mark.parametrize(
    ("tensor", "op", "dtype"),
    [
        (torch.tensor(23), "mean", torch.float64),
        (torch.tensor(23), "sum", torch.int64),
        (torch.tensor(0.5), "mean", torch.float32),
    ],
)
def test_only_a_mean_of_whole_numbers_is_taken_in_double(
    tensor: torch.Tensor, op: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(DDPStrategy, "reduce", lambda self, tensor, group, reduce_op: given.append((tensor, reduce_op)))
    Ddp().reduce(tensor, reduce_op=op)
    assert (given[0][0].dtype, float(given[0][0]), given[0][1]) == (dtype, float(tensor), op)


def test_a_norm_of_torch_on_a_cpu_is_refused() -> None:
    with pytest.raises(RequestError, match=r"trainer\.sync_batchnorm=false"):
        SyncedNorms().apply(nn.Sequential(nn.BatchNorm1d(2)))


def test_masked_norms_stay_and_are_told_to_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ddp, "refuse_on_cpu", lambda norm: None)
    model = nn.Sequential(nn.Linear(2, 2), nn.ModuleList([MaskedBatchNorm(2), nn.BatchNorm1d(2)]))
    synced = SyncedNorms().apply(model)
    kinds = [type(each).__name__ for each in synced[1]]  # type: ignore[index]
    assert kinds == ["MaskedBatchNorm", "SyncBatchNorm"]
    assert synced[1][0].is_synced  # type: ignore[index]
    back = SyncedNorms().revert(synced)
    assert not back[1][0].is_synced  # type: ignore[index]
    assert not isinstance(back[1][1], nn.SyncBatchNorm)  # type: ignore[index]
