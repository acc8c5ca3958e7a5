"""The classifier of a run: one net or an ensemble, fitted to a sample or left for a checkpoint to fill."""

from typing import Any

import pytest

from lab.config.schema import InceptionTime
from lab.core.errors import RequestError
from lab.models.series.ridge import RidgeClassifier
from lab.models.series.series_classifier import TimeSeriesClassifier
from lab.training.build.series_model import build_series_classifier

from ...models.conftest import LOSS, SPEC, bumps, shipped, small_net, training

__all__ = ["shipped", "small_net", "training"]


@pytest.mark.parametrize("ensemble", [1, 2])
def test_an_ensemble_has_nets_of_different_weights(ensemble: int, small_net: Any, training: Any) -> None:
    model = small_net("inception_time", ensemble=ensemble)
    classifier = build_series_classifier(model, LOSS, SPEC, training(), lambda size: bumps())
    assert isinstance(classifier, TimeSeriesClassifier)
    assert classifier.training
    first = [next(net.parameters()) for net in classifier.nets]
    assert len(first) == ensemble
    assert all(not bool((first[0] == other).all()) for other in first[1:])


def test_minirocket_is_fitted_to_a_sample_and_not_without_one(small_net: Any, training: Any) -> None:
    for head, kind in (("ridge", RidgeClassifier), ("logistic", TimeSeriesClassifier)):
        model = small_net("minirocket", head=head)
        fitted = build_series_classifier(model, LOSS, SPEC, training(), lambda size: bumps())
        empty = build_series_classifier(model, LOSS, SPEC, training(), None)
        assert isinstance(fitted, kind)
        assert isinstance(empty, kind)
        biases = [dict(one.named_buffers())["nets.0.biases"] for one in (fitted, empty)]
        assert bool(biases[0].any())
        assert not bool(biases[1].any())


def test_more_values_for_the_heads_than_a_window_has_are_refused(small_net: Any, training: Any) -> None:
    model = small_net("patchtst", linear_skip=SPEC.length + 1)
    with pytest.raises(RequestError) as found:
        build_series_classifier(model, LOSS, SPEC, training(), None)
    (mistake,) = found.value.mistakes
    assert (mistake.key, mistake.remedy) == ("model.linear_skip", f"model.linear_skip={SPEC.length}")
    build_series_classifier(small_net("patchtst", linear_skip=SPEC.length), LOSS, SPEC, training(), None)


def test_settings_of_older_runs_have_no_skip(small_net: Any, training: Any) -> None:
    older = small_net("inception_time").model_dump()
    del older["linear_skip"]
    classifier = build_series_classifier(InceptionTime.model_validate(older), LOSS, SPEC, training(), None)
    assert isinstance(classifier, TimeSeriesClassifier)
    assert classifier.linear_skip == 0
