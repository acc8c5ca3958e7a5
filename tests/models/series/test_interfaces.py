"""Masked batch norm, padding, normalisation and the weighted mean."""

import pytest
import torch
from torch import nn

from lab.models.series.interfaces import MaskedBatchNorm, normalised, padded_left, weighed_mean


@pytest.mark.parametrize("training", [True, False])
def test_a_masked_norm_with_all_kept_equals_torch(training: bool) -> None:
    torch.manual_seed(0)
    hidden, kept = torch.randn(4, 3, 5) * 2 + 1, torch.ones(4, 5, dtype=torch.bool)
    ours, theirs = MaskedBatchNorm(3).train(training), nn.BatchNorm1d(3).train(training)
    for _ in range(2):
        torch.testing.assert_close(ours(hidden, kept), theirs(hidden))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


def test_a_masked_norm_equals_the_norm_of_the_kept_steps() -> None:
    torch.manual_seed(0)
    hidden, kept = torch.randn(2, 3, 6), torch.zeros(2, 6, dtype=torch.bool)
    kept[0, 1:], kept[1, 4:] = True, True
    alone = torch.cat([hidden[0, :, 1:], hidden[1, :, 4:]], 1)[None]
    ours, theirs = MaskedBatchNorm(3), nn.BatchNorm1d(3)
    normed = ours(hidden, kept)
    torch.testing.assert_close(torch.cat([normed[0, :, 1:], normed[1, :, 4:]], 1)[None], theirs(alone))
    assert not normed[0, :, 0].any()
    torch.testing.assert_close(ours.running_var, theirs.running_var)


def test_padding_keeps_the_newest_samples_last() -> None:
    values, observed = torch.arange(6.0).view(1, 3, 2), torch.ones(1, 3, 2, dtype=torch.bool)
    padded, still_observed = padded_left(values, observed, 5)
    assert torch.equal(padded[:, 2:], values)
    assert still_observed.any(-1).tolist() == [[False, False, True, True, True]]


def test_normalisation_uses_only_observed_values() -> None:
    values = torch.tensor([[[5.0, 0], [0, 0], [1, 0]]])
    observed = torch.tensor([[[True, False], [False, False], [True, False]]])
    scaled, mean, spread = normalised(values, observed, eps=0.0)
    assert mean[0, 0].tolist() == [3, 0]
    assert spread[0, 0, 0] == 2
    assert scaled[0, :, 0].tolist() == [1, 0, -1]


def test_the_mean_of_nothing_is_zero() -> None:
    hidden = torch.tensor([[[2.0], [4.0]], [[3.0], [3.0]]])
    assert weighed_mean(hidden, torch.tensor([[True, True], [False, False]]), 1).tolist() == [[3], [0]]
