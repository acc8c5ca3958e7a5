"""Time series with a class each: windows or cases, loaders and a net, and what their test is compared with.

Everything that is fitted to data (scales, classes, a rule's windows) follows from the data and the config alone, so a
resumed or tested run makes it again; weights come from the checkpoint.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import torch

from lab.callbacks.gradient_accumulation import accumulation
from lab.config.schema import Config, Series, SeriesNet
from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import listed
from lab.data.series.datamodule import SeriesData, SeriesRows
from lab.data.series.dataset import SeriesSet, load
from lab.data.series.panel import Cut
from lab.models.classifier import Classifier, predictions
from lab.models.metrics import auroc
from lab.models.series.interfaces import Net
from lab.models.series.series_classifier import TimeSeriesClassifier
from lab.models.task_module import Training
from lab.training.build.series_model import build_series_classifier
from lab.training.build.trainer import Hardware, pinned
from lab.training.evaluation.classification import Classified, classified, majority, metric_names, score_labels
from lab.training.tasks.base import Material, check_metrics, ends_of_epochs

log = logging.getLogger(__name__)


@dataclass
class LabelledSeries(Material):
    """Classification of windows or cases."""

    found: SeriesSet
    data: SeriesData
    model: Classifier

    def __post_init__(self) -> None:
        self.name, self.fingerprint = self.found.name, self.found.fingerprint

    @property
    def facts(self) -> dict[str, object]:
        return self.found.facts

    def metric_names(self) -> Iterator[str]:
        return metric_names((self.found.head,))

    @property
    def cuttable(self) -> tuple[Net, Mapping[str, SeriesRows]] | None:
        if not isinstance(self.model, TimeSeriesClassifier) or len(self.model.nets) > 1:
            return None
        net = self.model.nets[0]
        assert isinstance(net, Net)
        return net, self.data.rows

    def tested(self) -> Classified:
        cut, heads = self.found.splits["test"], (self.found.head,)
        _, probabilities = predictions(self.model.test_outputs)
        labels = {heads[0].name: cut.labels.astype(np.int64)}
        return classified(
            self.model.metrics["test"].compute(),
            probabilities,
            labels,
            heads,
            identity=identity(self.found, cut),
            baselines={"majority": majority(labels, heads)} | persistence(cut, heads[0]),
        )


def prepare_series(config: Config, where: Hardware, fresh: bool) -> Material:
    """Raises RequestError for whatever is wrong with data, weights or what the two ask of each other."""
    assert isinstance(config.data, Series)
    assert isinstance(config.model, SeriesNet)
    pretrain = bool(getattr(config.model, "pretrain", False))
    found = load(config.data, labelled=not pretrain)
    for note in found.notes:
        log.info("%s", note)
    log.info("%s", sizes_line(found))
    steps = config.callbacks.accumulate
    accumulate = partial(accumulation, batches=steps.batches, schedule=steps.schedule)
    data = SeriesData(found, config.data, accumulate, config.seed, pinned(config, where))
    training = Training(config.optimizer, config.scheduler, ends_of_epochs(config, data.num_batches()), config.seed)
    if pretrain:
        from lab.training.tasks.series_pretraining import prepare_pretraining

        return prepare_pretraining(config, found, data, training, fresh)
    check_metrics(config, metric_names((found.head,)))
    sample = data.sample if fresh else None
    model = build_series_classifier(config.model, config.loss, data.spec, training, sample)
    return LabelledSeries(found, data, model)


def sizes_line(found: SeriesSet) -> str:
    """One line on how many windows there are and how often each class comes."""
    rows = ", ".join(f"{split} {len(cut)}" for split, cut in found.splits.items())
    train = found.splits["train"]
    classes = zip(found.head.classes, found.head.counts, strict=True)
    shares = listed([f"{name} {count / len(train):.1%}" for name, count in classes])
    lengths = sorted({int(train.lengths.min()), int(train.lengths.max())})
    return (
        f"{rows} windows of {' to '.join(map(str, lengths))} steps, {len(found.channels)} channels; "
        f"{found.head.name} in training: {shares}"
    )


def identity(found: SeriesSet, cut: Cut) -> dict[str, object]:
    """Which test row is which: its place, and for windows the group and time of its newest sample."""
    rows = np.arange(len(cut))
    if not found.timed:
        return {"row": rows}
    names = pa.array(found.panel.groups, pa.string()).take(pa.array(found.panel.group_of(cut.ends)))
    return {"row": rows, "group": names, "time": pa.array(found.panel.times(cut.ends).astype("datetime64[us]"))}


def persistence(cut: Cut, head: HeadSpec) -> dict[str, dict[str, float]]:
    """Scores of "it stays as it is now"; none where labels follow no rule. Not observed: the commonest class."""
    if cut.now is None:
        return {}
    guess = np.where(cut.now == MISSING, int(np.argmax(head.counts)), cut.now).astype(np.int64)
    truth = cut.labels.astype(np.int64)
    scores = score_labels({head.name: guess}, {head.name: truth}, (head,))
    return {"persistence": scores | {"auc": auroc(torch.from_numpy(guess).double(), torch.from_numpy(truth))}}
