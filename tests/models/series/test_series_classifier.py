"""The classifier over nets in real Trainer runs. What every net must do: `tests/contracts`."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from lab.callbacks.freeze import apply
from lab.models.classifier import predictions
from lab.models.series.interfaces import Net, padded_left
from lab.models.series.series_classifier import joined

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers.*", "ignore:.*smaller than the logging interval.*"
)


@pytest.mark.parametrize("name", ["inception_time", "patchtst", "timer_xl", "minirocket"])
def test_every_net_learns_a_bump(name: str, classifier_of: Any, windows: Any, fit: Any, batches: Any) -> None:
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


@torch.no_grad()
@pytest.mark.parametrize("name", ["inception_time", "patchtst"])
def test_heads_read_the_newest_values_beside_the_features(name: str, classifier_of: Any, windows: Any) -> None:
    """`model.linear_skip`: with heads of the skip alone, logits are a linear function of the newest values."""
    model = classifier_of(name, linear_skip=3).eval()
    given = windows()
    (heads,) = model.heads
    (head,) = heads
    width = 3 * given.values.shape[2]
    head.weight[:, :-width] = 0.0
    newest = given.values[:, -3:].flip(1).flatten(1)
    assert head.in_features == model.nets[0].dimension + width
    torch.testing.assert_close(model(given)[0], newest @ head.weight[:, -width:].T + head.bias)


@torch.no_grad()
def test_the_skip_of_a_window_is_the_same_in_whatever_company(classifier_of: Any, windows: Any) -> None:
    model = classifier_of("inception_time", linear_skip=7).eval()
    given = windows()
    short = replace(given, values=given.values[:, -5:], observed=given.observed[:, -5:])
    values, observed = padded_left(short.values, short.observed, given.values.shape[1])
    torch.testing.assert_close(model(short)[0], model(replace(given, values=values, observed=observed))[0])
