"""What every net for series must do: features that padding and missing samples do not change, parts to freeze, a state.

A plug-in's author subclasses `NetContract`, lists names in `members`, and replaces the fixture `build`, which gives a
net for the member's name. Windows have 40 time steps of two channels, or fewer.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lab.config.schema import MiniRocket
from lab.models.series.interfaces import CuttableNet, Net
from lab.models.series.minirocket import MiniRocketNet
from lab.training.build.series_model import build_net

from ..models.conftest import SPEC, bumps, shipped, small_net
from .contract import Contract

__all__ = ["shipped", "small_net"]
Build = Callable[[bool], Net]
LENGTH, CHANNELS = SPEC.length, len(SPEC.channels)


def newest(steps: int, num_rows: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    """The last `steps` samples of some windows, and which of them were observed."""
    given = bumps(num_rows, seed=seed)
    return given.values[:, -steps:], given.observed[:, -steps:]


def with_norms(net: Net) -> Net:
    """The net in evaluation mode, its running statistics moved away from those of a new net."""
    with torch.no_grad():
        for seed in range(3):
            net.train()(*newest(LENGTH, 20, seed))
    return net.eval()


class NetContract(Contract):
    """Members: names that the fixture `build` knows."""

    @pytest.fixture
    def build(self, member: str) -> Build:
        """build(fresh): the net of that name for `SPEC`, fitted to `bumps` where it is; fresh=False: to be filled."""
        raise NotImplementedError

    def test_a_window_scores_the_same_in_whatever_company(self, build: Build) -> None:
        net = with_norms(build(True))
        values, observed = newest(21)
        with torch.no_grad():
            alone = net(values, observed)
            padding = torch.zeros(4, LENGTH - 21, CHANNELS)
            company = newest(LENGTH, seed=1)
            together = net(
                torch.cat([torch.cat([padding, values], 1), company[0]]),
                torch.cat([torch.cat([padding.bool(), observed], 1), company[1]]),
            )[:4]
        assert alone.shape == (4, net.dimension)
        torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)

    @torch.no_grad()
    @pytest.mark.parametrize("steps", [3, 21, LENGTH])
    def test_a_batch_without_gaps_needs_no_mask(self, build: Build, steps: int) -> None:
        """A net that takes no mask gives the same without it, whatever the length; above a cut, too."""
        net = with_norms(build(True))
        if not net.takes_no_mask:
            return
        values, observed = newest(steps)
        expected = net(values, observed)
        torch.testing.assert_close(net(values, None), expected, rtol=0, atol=1e-6)
        if isinstance(net, CuttableNet):
            above = net.forward_above(net.forward_below(values, observed, 1), values, None, 1)
            torch.testing.assert_close(above, expected, rtol=1e-5, atol=1e-5)

    @torch.no_grad()
    def test_windows_without_any_sample_have_finite_features(self, build: Build) -> None:
        net = build(True).eval()
        given = bumps(3)
        given.observed[:, 5:9] = False
        given.observed[1, :, 1] = False
        given.observed[2] = False
        features = net(given.values * given.observed, given.observed)
        assert features.isfinite().all()
        assert features.std(0).max() > 0

    @torch.no_grad()
    def test_it_is_deterministic_in_evaluation(self, build: Build) -> None:
        net = with_norms(build(True))
        given = newest(LENGTH)
        torch.manual_seed(1)
        first = net(*given)
        torch.manual_seed(2)
        assert torch.equal(net(*given), first)

    def test_freezing_reaches_all_but_the_top(self, build: Build) -> None:
        net = build(True).eval()
        parameters = dict(net.named_parameters())
        parts = {id(p) for module in [*net.embeddings, *net.layers] for p in module.parameters()}
        assert {id(p) for p in parameters.values()} >= parts
        assert bool(net.layers) == bool(parameters), "a net that trains can be frozen from below"
        if parameters:
            net(*newest(LENGTH, 20)).square().sum().backward()
        idle = [name for name, p in parameters.items() if p.grad is None]
        assert [name for name in idle if "variate_bias" not in name] == []  # unused with the flat positions of Timer-XL

    @torch.no_grad()
    def test_a_new_net_filled_with_its_state_is_the_same(self, build: Build, tmp_path: Path) -> None:
        net = with_norms(build(True))
        torch.save(net.state_dict(), tmp_path / "weights.ckpt")
        again = build(False)
        again.load_state_dict(torch.load(tmp_path / "weights.ckpt", weights_only=True))
        given = newest(LENGTH, seed=5)
        assert torch.equal(again.eval()(*given), net(*given))

    @torch.no_grad()
    def test_the_parts_below_and_above_any_cut_make_the_whole(self, build: Build) -> None:
        """A net that offers no cut is no `CuttableNet`."""
        net = build(True).eval()
        if not isinstance(net, CuttableNet):
            assert not hasattr(net, "forward_below")
            return
        given = bumps(5)
        given.observed[1, :17] = False
        values, observed = given.values * given.observed, given.observed
        whole = net(values, observed)
        for num_layers in range(len(net.layers) + 1):
            states = net.forward_below(values, observed, num_layers)
            assert states.shape == (5, net.places, net.width)
            above = net.forward_above(states, values, observed, num_layers)
            torch.testing.assert_close(above, whole, atol=1e-5, rtol=1e-5)


class TestNets(NetContract):
    members = ("inception_time", "logistic_lags", "minirocket", "patchtst", "timer_xl")

    @pytest.fixture
    def build(self, member: str, small_net: Any) -> Build:
        def make(fresh: bool) -> Net:
            torch.manual_seed(0 if fresh else 9)
            model = small_net(member)
            if isinstance(model, MiniRocket):
                return MiniRocketNet.fitted(model, SPEC, 0, (lambda size: bumps(size)) if fresh else None)
            return build_net(model, SPEC, load_weights=fresh)

        return make
