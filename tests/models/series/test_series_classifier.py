"""Tests for every net, and for the classifier in real Trainer runs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lab.callbacks.freeze import apply
from lab.core.batches import SeriesBatch
from lab.models.classifier import predictions
from lab.models.series.interfaces import Net
from lab.models.series.series_classifier import joined
from lab.training.build.series_model import build_net

NETS = ("inception_time", "patchtst", "timer_xl")
Windows = Callable[..., SeriesBatch]
LENGTH, CHANNELS = 40, 2


pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers.*", "ignore:.*smaller than the logging interval.*"
)


@pytest.fixture
def net(small_net: Any, spec: Any) -> Callable[..., Net]:
    def build(name: str, **changes: Any) -> Net:
        torch.manual_seed(0)
        return build_net(small_net(name, **changes), spec, load_weights=True)

    return build


def short(given: SeriesBatch, steps: int) -> tuple[Tensor, Tensor]:
    return given.values[:, -steps:], given.observed[:, -steps:]


@pytest.mark.parametrize("name", NETS)
def test_the_features_of_a_window_do_not_depend_on_the_batch(name: str, net: Any, windows: Any) -> None:
    built = net(name)
    fit_norms(built, windows)
    values, observed = short(windows(4), 21)
    alone = built(values, observed)
    padded = torch.cat([torch.zeros(4, 19, CHANNELS), values], 1)
    padded_observed = torch.cat([torch.zeros(4, 19, CHANNELS, dtype=torch.bool), observed], 1)
    others = windows(4, seed=1)
    together = built(torch.cat([padded, others.values]), torch.cat([padded_observed, others.observed]))[:4]
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)
    assert alone.shape == (4, built.dimension)


def fit_norms(net: Net, windows: Windows) -> None:
    """Give the norms running statistics that differ from those of a new net."""
    with torch.no_grad():
        for seed in range(3):
            net.train()(*short(windows(seed=seed), LENGTH))
    net.eval()


@pytest.mark.parametrize("name", NETS)
@torch.no_grad()
def test_features_are_finite_with_unobserved_values(name: str, net: Any, windows: Any) -> None:
    built = net(name).eval()
    given = windows(3)
    given.observed[:, 5:9] = False
    given.observed[1, :, 1] = False
    given.observed[2] = False
    values = given.values * given.observed
    features = built(values, given.observed)
    assert features.isfinite().all()
    assert features.std(0).max() > 0


@pytest.mark.parametrize("name", NETS)
def test_every_parameter_of_a_net_gets_a_gradient(name: str, net: Any, windows: Any) -> None:
    built = net(name).eval()
    built(*short(windows(), LENGTH)).square().sum().backward()
    parts = {id(p) for module in [*built.embeddings, *built.layers] for p in module.parameters()}
    assert {id(p) for p in built.parameters()} >= parts
    assert built.layers
    missing = [name for name, p in built.named_parameters() if p.grad is None]
    assert [name for name in missing if "variate_bias" not in name] == []


@pytest.mark.parametrize("name", [*NETS, "minirocket"])
def test_every_net_learns_to_find_a_bump(name: str, classifier_of: Any, windows: Any, fit: Any, batches: Any) -> None:
    torch.manual_seed(0)
    model = classifier_of(name, lr=3e-3)
    trainer = fit(model, 1 if name == "minirocket" else 12, windows(), windows(seed=1))
    trainer.test(model, batches(windows(12, seed=5)), verbose=False)
    assert model.metrics["test"].compute()["accuracy"] == 1.0
    rows, (probabilities,) = predictions(model.test_outputs)
    assert rows.tolist() == list(range(12))
    torch.testing.assert_close(probabilities.sum(1), torch.ones(12))


def test_an_ensemble_predicts_the_mean_probability_of_its_nets(classifier_of: Any, windows: Any) -> None:
    model = classifier_of("inception_time", ensemble=3)
    each = model.eval().each(windows())
    members = torch.stack([logits[0].softmax(-1) for logits in each])
    assert members.std(0).max() > 1e-4
    torch.testing.assert_close(model(windows())[0].softmax(-1), members.mean(0))
    assert joined(each[:1]) is each[0]


def test_each_net_of_an_ensemble_trains_on_its_own_loss(classifier_of: Any, windows: Any, fit: Any) -> None:
    model = classifier_of("inception_time", ensemble=2)
    expected = torch.stack([model.loss_of(windows(), logits, None) for logits in model.eval().each(windows())]).mean()
    torch.testing.assert_close(model.loss(windows()), expected)
    assert model.loss(windows()) > model.loss_of(windows(), model(windows()), None)  # the mean predicts better
    fit(model, 4, windows())
    assert model.metrics["train"].compute()["accuracy"] == 1.0


def test_layer_n_of_an_ensemble_is_layer_n_of_each_net(classifier_of: Any, windows: Any) -> None:
    model = classifier_of("timer_xl", ensemble=2)
    apply(model, True, 1)
    for member in model.nets:
        assert isinstance(member, Net)
        assert not any(p.requires_grad for p in [*member.embeddings[0].parameters(), *member.layers[0].parameters()])
        assert all(p.requires_grad for p in member.layers[1].parameters())
