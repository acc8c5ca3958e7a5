"""`model=logistic_lags`: logistic regression on the last values of each channel, trained in one pass.

The net standardises the last values, marks the missing ones, and summarises the classes of past steps; the solver of
`lab.models.linear.series` fills scale, weights and temperature. Shapes: B windows, T time steps, C channels, L lags, H
columns of class history, D features, K classes.
"""

import logging
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lab.config.schema import AnyLoss, LogisticLags
from lab.core.batches import SeriesBatch, SeriesSpec
from lab.core.errors import Mistake, RequestError
from lab.core.registry import SERIES_NETS
from lab.models.linear.class_history import class_history, width_of
from lab.models.linear.series import LAGS, PENALTIES, SeriesLinear
from lab.models.linear.solved import FittedHead, Part, SolvedClassifier
from lab.models.linear.solver import Floats, Rows
from lab.models.linear.window_features import lag_features
from lab.models.series.interfaces import Net, padded_left
from lab.models.series.series_classifier import TimeSeriesClassifier
from lab.models.task_module import Training

log = logging.getLogger(__name__)


class LagNet(Net):
    """The last `num_lags` values of each channel, newest first: standardised, 0 where missing, and the missing marks.

    Features (B, H + 2 L C): the class history of the channel `past_labels` (H = 0 without one), then for each lag the
    values of all channels and their marks.
    """

    centre: Tensor
    """(H + L C) of the training rows."""
    spread: Tensor

    def __init__(self, num_lags: int, num_channels: int, past_labels: int | None = None) -> None:
        super().__init__()
        self.num_lags, self.past_labels = num_lags, past_labels
        self.history = 0 if past_labels is None else width_of(num_lags)
        self.dimension = self.history + 2 * num_lags * num_channels
        self.register_buffer("centre", torch.zeros(self.history + num_lags * num_channels))
        self.register_buffer("spread", torch.ones(self.history + num_lags * num_channels))

    def forward(self, values: Tensor, observed: Tensor) -> Tensor:
        if values.shape[1] < self.num_lags:
            values, observed = padded_left(values, observed, self.num_lags)
        shape = (values.shape[0], self.num_lags, values.shape[2])
        newest = values[:, -self.num_lags :].flip(1)
        known = observed[:, -self.num_lags :].flip(1)
        centre, spread = self.centre[self.history :], self.spread[self.history :]
        scaled = torch.where(known, (newest - centre.reshape(shape[1:])) / spread.reshape(shape[1:]), 0.0)
        pairs = torch.cat([scaled, (~known).to(scaled.dtype)], 2).reshape(shape[0], -1)
        if self.past_labels is None:
            return pairs
        history = class_history(newest[:, :, self.past_labels], known[:, :, self.past_labels])
        return torch.cat([(history - self.centre[: self.history]) / self.spread[: self.history], pairs], 1)


class LagClassifier(SolvedClassifier, TimeSeriesClassifier):
    """Logistic regression on the features of a `LagNet`; validation rows choose C and the number of lags.

    c, lags: None: chosen.
    """

    def __init__(
        self, spec: SeriesSpec, net: LagNet, loss: AnyLoss, c: float | None, lags: int | None, training: Training
    ) -> None:
        super().__init__(spec, [net], loss, 0.0, training)
        self.net = net
        self.penalties = PENALTIES if c is None else (c,)
        self.lags = LAGS if lags is None else (lags,)

    def collect(self, batch: SeriesBatch) -> Part:
        """The last values (B, L C), NaN where missing."""
        values, observed = batch.values.cpu().numpy(), batch.observed.cpu().numpy()
        return {"features": torch.from_numpy(lag_features(values, observed, self.net.num_lags))}

    def features(self, parts: Sequence[Part], order: Tensor) -> Floats:
        """(N, L C), NaN where missing."""
        features: Floats = torch.cat([part["features"] for part in parts])[order].numpy()
        return features

    def fit_heads(self, train: Mapping[str, Rows], val: Mapping[str, Rows] | None) -> list[FittedHead]:
        fitted = []
        for index, spec in enumerate(self.head_specs):
            num_channels, rows = len(self.spec.channels), train[spec.name]
            held_out = None if val is None else (val[spec.name].features, val[spec.name].labels)
            penalties, lags = self._candidates(index)
            weights, seed = self.class_weights(index), self.training_plan.seed
            model = SeriesLinear.fit(
                "lags", rows.features, rows.labels, spec.num_classes, num_channels, held_out, penalties, lags, weights,
                seed, self.net.past_labels,
            )  # fmt: skip
            head, used = model.head, model.used_lags
            log.info("logistic regression of %s: %s", spec.name, head.note or f"C={head.choice.c:g}, {used} lags")
            self._fill(index, model)
            fitted.append(FittedHead(head.choice.c, used, model.scored))
        return fitted

    def _candidates(self, index: int) -> tuple[tuple[float, ...], tuple[int, ...]]:
        """Penalties and numbers of lags to choose from."""
        if (fixed := self.fixed_choice(index)) is None:
            return self.penalties, self.lags
        return (fixed[0],), (fixed[1],)

    def _fill(self, index: int, model: SeriesLinear) -> None:
        self.net.centre.copy_(torch.from_numpy(model.centre))
        self.net.spread.copy_(torch.from_numpy(model.spread))
        (heads,) = self.heads
        assert isinstance(heads, nn.ModuleList)
        layer = heads[index]
        assert isinstance(layer, nn.Linear)
        shape = (len(model.head.bias), self.net.num_lags, -1)
        history, lags = torch.from_numpy(model.head.weight).tensor_split([self.net.history], 1)
        weight = lags.reshape(shape)
        if not model.masked:
            weight = torch.cat([weight, torch.zeros_like(weight)], 2)
        layer.weight.copy_(torch.cat([history, weight.reshape(shape[0], -1)], 1))
        layer.bias.copy_(torch.from_numpy(model.head.bias))


def classifier(model: LogisticLags, loss: AnyLoss, spec: SeriesSpec, training: Training) -> LagClassifier:
    """The classifier of `model=logistic_lags`, not fitted."""
    return LagClassifier(spec, for_data(model, spec), loss, model.c, model.lags, training)


@SERIES_NETS.register("logistic_lags")
def for_data(model: LogisticLags, spec: SeriesSpec) -> LagNet:
    """The net for the channels and windows of the data. Raises RequestError for more lags than a window has."""
    if model.lags is not None and model.lags > spec.length:
        problem = f"the windows have {spec.length} time steps"
        raise RequestError(Mistake("model.lags", problem, f"model.lags={spec.length}", model.lags))
    most = model.lags or max(LAGS)
    past_labels = spec.past_labels if model.class_history else None
    return LagNet(min(most, spec.length), len(spec.channels), past_labels)
