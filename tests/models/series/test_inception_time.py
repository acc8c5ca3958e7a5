"""InceptionTime: number of parameters and depth."""

from typing import Any

import pytest
import torch

from lab.models.series.inception_time import InceptionTimeNet


def test_the_net_has_the_published_size(shipped: Any) -> None:
    """Parameters of six modules with four branches of 32 filters on one channel, counted by hand."""
    net = InceptionTimeNet(shipped("inception_time"), 1)
    first = 32 * (39 + 19 + 9) + 32
    later = 128 * 32 + 32 * 32 * (39 + 19 + 9) + 128 * 32
    norms = 2 * 128 * 8
    around = 128 + 128 * 128
    assert sum(p.numel() for p in net.parameters()) == first + 5 * later + norms + around
    assert (net.dimension, len(net.layers)) == (128, 2)


@pytest.mark.parametrize("depth", [1, 3, 4, 7])
def test_every_depth_works(depth: int, small_net: Any) -> None:
    net = InceptionTimeNet(small_net("inception_time", depth=depth), 2)
    values = torch.randn(3, 20, 2)
    assert net(values, torch.ones_like(values, dtype=torch.bool)).shape == (3, 16)
