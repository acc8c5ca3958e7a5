"""`model=logistic_lags` in one pass: it is the logistic regression of `lab.models.linear.series`, in torch."""

from dataclasses import replace
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from lab.config import schema
from lab.core.batches import HeadSpec, SeriesBatch, SeriesSpec
from lab.core.errors import RequestError
from lab.models.linear.class_history import width_of
from lab.models.linear.series import SeriesLinear
from lab.models.linear.window_features import lag_features
from lab.models.series.logistic_lags import LagClassifier, LagNet, classifier

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers.*", "ignore:.*smaller than the logging interval.*"
)
SPEC = SeriesSpec((HeadSpec("class", ("dry", "wet"), (40, 40)),), ("rain", "wind"), 10)
LOSS = schema.LossConfig(
    kind="cross_entropy", label_smoothing=0.0, gamma=2.0, class_weights="none", head_weights={}, head_weighting="fixed"
)


def batch(num: int, seed: int, gaps: bool) -> SeriesBatch:
    """Windows whose class is that of the last value but one of the first channel."""
    random = torch.Generator().manual_seed(seed)
    values = torch.randn(num, SPEC.length, 2, generator=random) * 3 + 5
    observed = torch.rand(values.shape, generator=random) > (0.1 if gaps else -1)
    labels = (values[:, -2, 0] > 5).long()
    counts = {"class": torch.ones(2, dtype=torch.long)}
    return SeriesBatch(values * observed, observed, {"class": labels}, torch.arange(num), counts)


@pytest.fixture
def made(shipped: Any, training: Any) -> Any:
    def make(**replaced: Any) -> LagClassifier:
        return classifier(shipped("logistic_lags", **replaced), LOSS, SPEC, training())

    return make


def made_without_past(shipped: Any, training: Any) -> LagClassifier:
    return classifier(shipped("logistic_lags"), LOSS, SPEC, training())


def fitted(model: LagClassifier, train: SeriesBatch, val: SeriesBatch) -> LagClassifier:
    trainer = pl.Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu",
        enable_model_summary=False,
    )  # fmt: skip
    loaders: Any = [DataLoader([each], batch_size=None) for each in (train, val)]  # type: ignore[arg-type]
    trainer.fit(model, *loaders)
    return model.eval()


@pytest.mark.parametrize("past_labels", [None, 1])
@pytest.mark.parametrize("gaps", [False, True])
def test_it_is_the_logistic_regression_on_lags(
    shipped: Any, training: Any, gaps: bool, past_labels: int | None
) -> None:
    train, val, new = batch(80, 0, gaps), batch(40, 1, gaps), batch(20, 2, gaps)
    if past_labels is not None:
        for each in (train, val, new):
            each.values[:, :, past_labels] = (each.values[:, :, past_labels] > 5).float()
    spec = replace(SPEC, past_labels=past_labels)
    model = fitted(classifier(shipped("logistic_lags"), LOSS, spec, training()), train, val)
    features = [lag_features(each.values.numpy(), each.observed.numpy(), 10) for each in (train, val)]
    labels = [each.labels["class"].numpy() for each in (train, val)]
    reference = SeriesLinear.fit(
        "lags", features[0], labels[0], 2, 2, (features[1], labels[1]), seed=3, past_labels=past_labels
    )
    expected = reference.logits(new.values.numpy(), new.observed.numpy())
    with torch.no_grad():
        (logits,) = model(new)
    np.testing.assert_allclose(logits.numpy(), expected, atol=1e-4)
    assert (logits.argmax(1) == new.labels["class"]).float().mean() > 0.8
    assert model.choices[0, 0] == reference.head.choice.c
    assert model.choices[0, 1] == reference.used_lags
    assert model.choices[0, 1] in (2, 3, 7)


def test_a_run_of_an_older_version_has_lags_alone(shipped: Any, training: Any) -> None:
    spec = replace(SPEC, past_labels=1)
    old = classifier(shipped("logistic_lags", class_history=False), LOSS, spec, training())
    new = classifier(shipped("logistic_lags"), LOSS, spec, training())
    assert schema.LogisticLags.model_fields["class_history"].default is False
    assert {name: tuple(each.shape) for name, each in old.state_dict().items()} == {
        name: tuple(each.shape) for name, each in made_without_past(shipped, training).state_dict().items()
    }
    assert new.net.dimension - old.net.dimension == width_of(10)


def test_the_choice_of_another_fit_is_kept_where_validation_rows_are_trained_on(made: Any) -> None:
    train, val = batch(80, 0, False), batch(40, 1, False)
    first, second = fitted(made(c=0.1, lags=3), train, val), made()
    assert first.choices[0].tolist() == [0.1, 3]
    second.take_choice(first)
    assert isinstance(second.net, LagNet)
    assert second.net.num_lags == 10
    second.chooses = False
    assert fitted(second, train, val).choices[0].tolist() == [0.1, 3]


def test_more_lags_than_a_window_has_are_refused(made: Any) -> None:
    with pytest.raises(RequestError, match="the windows have 10 time steps"):
        made(lags=11)
