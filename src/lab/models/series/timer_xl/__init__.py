"""Timer-XL (arXiv 2410.04803): the encoder, its classifier, its checkpoints and its pretraining."""

from lab.config.schema import TimerXL
from lab.core.batches import SeriesSpec
from lab.core.registry import SERIES_NETS
from lab.models.series.interfaces import Net


@SERIES_NETS.register("timer_xl")
def for_data(model: TimerXL, spec: SeriesSpec) -> Net:
    """The net for the channels and windows of the data."""
    from lab.models.series.timer_xl.classifier_net import TimerNet

    return TimerNet(model, len(spec.channels), spec.length)
