"""PatchTST: patches, channels, normalisation and channels without values."""

from typing import Any

import pytest
import torch

from lab.models.series.patchtst import PatchTstNet, patches_of


@pytest.mark.parametrize(("length", "patches"), [(1, 1), (8, 1), (9, 2), (12, 2), (13, 3), (40, 9)])
def test_patches_cover_every_step(length: int, patches: int, small_net: Any) -> None:
    assert patches_of(length, small_net("patchtst")) == patches


@pytest.mark.parametrize(("pooling", "dimension"), [("concat", 3 * 18), ("mean", 16 + 6)])
@torch.no_grad()
def test_channels_are_read_separately_and_pooled(pooling: str, dimension: int, small_net: Any) -> None:
    torch.manual_seed(0)
    net = PatchTstNet(small_net("patchtst", channel_pooling=pooling), 3, 40).eval()
    values, observed = torch.randn(2, 40, 3), torch.ones(2, 40, 3, dtype=torch.bool)
    features = net(values, observed)
    assert features.shape == (2, dimension)
    changed = values.clone()
    changed[:, 20:, 1] += torch.randn(20)
    other = net(changed, observed)
    if pooling == "concat":
        torch.testing.assert_close(features[:, :16], other[:, :16])
        torch.testing.assert_close(features[:, 32:48], other[:, 32:48])
        assert not torch.allclose(features[:, 16:32], other[:, 16:32], atol=1e-4)


@torch.no_grad()
def test_normalisation_removes_the_scale_and_appends_it(small_net: Any) -> None:
    net = PatchTstNet(small_net("patchtst"), 1, 40).eval()
    values, observed = torch.randn(2, 40, 1), torch.ones(2, 40, 1, dtype=torch.bool)
    plain, scaled = net(values, observed), net(values * 3 + 5, observed)
    torch.testing.assert_close(plain[:, :16], scaled[:, :16], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(scaled[:, 16], values.mean((1, 2)) * 3 + 5)


def test_a_channel_without_values_does_not_count_in_norms(small_net: Any) -> None:
    torch.manual_seed(0)
    net = PatchTstNet(small_net("patchtst"), 2, 40).train()
    for module in net.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    values, observed = torch.randn(4, 40, 2), torch.ones(4, 40, 2, dtype=torch.bool)
    observed[0, :, 1] = False
    values[~observed] = 0.0
    net(values, observed)
    means = [norm.running_mean.clone() for block in net.blocks for norm in (block.norm1, block.norm2)]  # type: ignore[union-attr]
    for block in net.blocks:
        for norm in (block.norm1, block.norm2):
            norm.reset_running_stats()  # type: ignore[operator,union-attr]
    patches = values.transpose(1, 2).flatten(0, 1)
    kept = observed.transpose(1, 2).flatten(0, 1).any(1)
    alone = torch.stack([patches[row] for row in range(8) if kept[row]])[:, :, None]  # one window per channel
    net(alone, torch.ones_like(alone, dtype=torch.bool))
    again = [norm.running_mean for block in net.blocks for norm in (block.norm1, block.norm2)]  # type: ignore[union-attr]
    for one, other in zip(means, again, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
