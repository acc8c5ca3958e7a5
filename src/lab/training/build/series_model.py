"""Builds the classifier of time series from its config: a net or an ensemble of nets, with pretrained weights."""

from importlib import import_module

from lab.config.schema import AnyLoss, LinearSkip, LogisticLags, MiniRocket, SeriesNet, TimerXL
from lab.core.batches import SeriesSpec
from lab.core.errors import Mistake, RequestError
from lab.core.registry import SERIES_NETS
from lab.models import series as nets
from lab.models.classifier import Classifier
from lab.models.series.interfaces import Net
from lab.models.series.series_classifier import Sample, TimeSeriesClassifier
from lab.models.task_module import Training


def build_series_classifier(
    model: SeriesNet, loss: AnyLoss, spec: SeriesSpec, training: Training, sample: Sample | None
) -> Classifier:
    """A classifier in training mode, fp32, on the CPU.

    sample: training windows for the parts that are fitted to data; None: a checkpoint will fill the model, so nothing
    is fitted and no pretrained weights are read. Raises RequestError where net and data do not fit together.
    """
    if isinstance(model, MiniRocket):
        from lab.models.series.minirocket import MiniRocketNet
        from lab.models.series.ridge import RidgeClassifier

        seeds = range(training.seed, training.seed + model.ensemble)
        rockets: list[Net] = [MiniRocketNet.fitted(model, spec, seed, sample) for seed in seeds]
        if model.head == "ridge":
            return RidgeClassifier(spec, rockets, loss, model.alphas, training)
        return TimeSeriesClassifier(spec, rockets, loss, model.dropout, training)
    if isinstance(model, LogisticLags):
        from lab.models.series import logistic_lags

        return logistic_lags.classifier(model, loss, spec, training)
    members = [build_net(model, spec, sample is not None) for _ in range(model.ensemble)]
    return TimeSeriesClassifier(spec, members, loss, model.dropout, training, _linear_skip(model, spec))


def _linear_skip(model: SeriesNet, spec: SeriesSpec) -> int:
    """The last values that the heads read. Raises RequestError for more than a window has."""
    if not isinstance(model, LinearSkip):
        return 0
    if model.linear_skip > spec.length:
        problem = f"the windows have {spec.length} time steps"
        raise RequestError(Mistake("model.linear_skip", problem, f"model.linear_skip={spec.length}", model.linear_skip))
    return model.linear_skip


def build_net(model: SeriesNet, spec: SeriesSpec, load_weights: bool) -> Net:
    """A net with random weights, or with those of `model.checkpoint` if `load_weights` is true."""
    if model.kind not in SERIES_NETS:
        import_module(f"{nets.__name__}.{model.kind}")  # a net of lab, which its module registers
    net: Net = SERIES_NETS[model.kind](model, spec)
    if load_weights and isinstance(model, TimerXL) and model.checkpoint is not None:
        from lab.models.series.timer_xl.checkpoint import load_checkpoint
        from lab.models.series.timer_xl.classifier_net import TimerNet

        assert isinstance(net, TimerNet)
        load_checkpoint(net.encoder, model.checkpoint, model.partial)
    return net
