"""Classification of time series: windows or cases, a net with a head, and baselines.

Scales and classes are fitted to the data from files and config alone, so a resumed or tested run fits them again.
Weights and the fitted parts of a model come from the checkpoint.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lab.config.schema import Config, SeriesNet
from lab.config.validation_rows import series_request
from lab.core.batches import SeriesSpec
from lab.core.record.run_folder import RunFolder
from lab.core.reference.content import Reference
from lab.data.series.datamodule import SeriesDataModule
from lab.data.series.dataset import SeriesSet, load
from lab.data.series.panel import Cut, time_blocks
from lab.models.classifier import Classifier, Logits, predictions
from lab.models.linear.solved import SolvedClassifier
from lab.models.series.interfaces import Net
from lab.models.series.series_classifier import TimeSeriesClassifier
from lab.training.baselines.base import Baseline, SplitRows
from lab.training.baselines.fitted import SimpleModel
from lab.training.baselines.label_rules import majority, persistence
from lab.training.baselines.seasons import seasonal_persistence
from lab.training.baselines.windows import window_models
from lab.training.build.series_model import build_series_classifier
from lab.training.build.trainer import is_trained_on_val
from lab.training.doubt.fit_novelty import window_novelty
from lab.training.doubt.novelty import Novelty
from lab.training.evaluation.base import HeldOut
from lab.training.evaluation.classification import (
    ClassificationResult,
    classification_result,
    held_out_classes,
    metric_names,
)
from lab.training.reference.series import series_reference
from lab.training.residual.request import base_dropout, confidence_weighting, has_base
from lab.training.tasks.base import Sample, TaskDefinition, accumulation_schedule, check_metrics, initial_training_plan

if TYPE_CHECKING:
    from lab.training.residual.series_base import SeriesBase

log = logging.getLogger(__name__)


class SeriesClassification(TaskDefinition[SeriesSpec, SeriesDataModule, Classifier]):
    """Classification of windows or cases."""

    spec_type = SeriesSpec

    def load_data(self, config: Config, folder: RunFolder, pin_memory: bool, fresh: bool) -> SeriesDataModule:
        data = load_series(config, pin_memory, labelled=True)
        check_metrics(config, metric_names(data.spec.heads, config.metrics.extra))
        return data

    def build_model(
        self, config: Config, spec: SeriesSpec, folder: RunFolder, fresh: bool, sample: Sample | None = None
    ) -> Classifier:
        """fresh: needs `sample`. Otherwise nothing is fitted and no pretrained weights are read."""
        assert isinstance(config.model, SeriesNet), f"model of kind {config.model.kind} reads no series"
        assert (sample is not None) == fresh, "a new model is fitted to a sample, a saved one is not"
        model = build_series_classifier(config.model, config.loss, spec, initial_training_plan(config), sample)
        if isinstance(model, SolvedClassifier):
            model.chooses = not is_trained_on_val(config)
        if has_base(config) and not fresh:
            model.base = _series_base().load(folder)
        return model

    def attach_base(
        self, config: Config, model: Classifier, data: SeriesDataModule, folder: RunFolder, fresh: bool
    ) -> None:
        if has_base(config):
            model.base_dropout, confidence = base_dropout(config), confidence_weighting(config)
            _series_base().attach(model, data, folder, config.cache, fresh, confidence)

    def connect(self, model: Classifier, data: SeriesDataModule) -> None:
        if data.series.leave_one_out:
            from lab.models.series.ridge import RidgeClassifier

            assert isinstance(model, RidgeClassifier), "a rule requires a ridge for leave-one-out"
            model.leave_one_out = True

    def cacheable_part(self, model: Classifier) -> Net | None:
        if not isinstance(model, TimeSeriesClassifier) or len(model.nets) > 1:
            return None
        net = model.nets[0]
        assert isinstance(net, Net)
        return net

    def reference(self, data: SeriesDataModule) -> Reference:
        return series_reference(data)

    def held_out(self, model: Classifier, data: SeriesDataModule, outputs: Sequence[Logits]) -> HeldOut:
        return held_out_classes(outputs, data.spec.heads)

    def novelty(self, data: SeriesDataModule, val: HeldOut) -> Novelty:
        return window_novelty(data, val)

    def identity(
        self, data: SeriesDataModule, split: str, rows: npt.NDArray[np.int64]
    ) -> Mapping[str, Sequence[object]]:
        columns = identity(data.series, data.series.splits[split].at(rows)) | {"row": rows}
        return {name: pa.array(values).to_pylist() for name, values in columns.items()}

    def source_rows(self, data: SeriesDataModule, split: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        ends = data.series.splits[split].ends[rows]
        return ends.astype(np.int64) if data.series.has_times else data.series.panel.group_of(ends).astype(np.int64)

    def time_blocks(
        self, data: SeriesDataModule, split: str, rows: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64] | None:
        series = data.series
        return time_blocks(series.panel, series.splits[split].at(rows)) if series.has_times else None

    def baselines(self, data: SeriesDataModule, rows: SplitRows) -> Iterator[Baseline]:
        head = data.spec.heads[0]
        cuts = {split: data.series.splits[split].at(kept) for split, kept in rows.items()}
        yield majority({split: {head.name: cut.labels.astype(np.int64)} for split, cut in cuts.items()}, (head,))
        yield from persistence(cuts, head)
        yield from seasonal_persistence(data.series, cuts)

    def simple_models(
        self, config: Config, model: Classifier, data: SeriesDataModule, rows: SplitRows
    ) -> Iterator[SimpleModel]:
        yield from window_models(config.baselines, model, data, rows)

    def evaluate(self, model: Classifier, data: SeriesDataModule) -> ClassificationResult:
        heads = data.spec.heads
        tested, probabilities = predictions(model.test_outputs)  # fewer than all with trainer.limit_test_batches
        cut = data.series.splits["test"].at(tested.numpy())
        labels = {heads[0].name: cut.labels.astype(np.int64)}
        return classification_result(
            model.head_metric("test"),
            probabilities,
            labels,
            heads,
            identity=identity(data.series, cut) | {"row": tested.numpy()},
        )


def _series_base() -> "SeriesBase":
    from lab.training.residual.series_base import SeriesBase  # few runs have a base

    return SeriesBase()


def load_series(config: Config, pin_memory: bool, labelled: bool) -> SeriesDataModule:
    """The data module of series. labelled=False: classes are not read, so windows may have rows without a class."""
    request = series_request(config)
    series = load(request, labelled)
    for note in series.notes:
        log.info("%s", note)
    return SeriesDataModule(series, request, accumulation_schedule(config), config.seed, pin_memory)


def identity(series: SeriesSet, cut: Cut) -> dict[str, object]:
    """Columns that identify the test rows: their position, and for windows the group and time of the newest sample."""
    rows = np.arange(len(cut))
    if not series.has_times:
        return {"row": rows}
    names = pa.array(series.panel.groups, pa.string()).take(pa.array(series.panel.group_of(cut.ends)))
    return {"row": rows, "group": names, "time": pa.array(series.panel.times(cut.ends).astype("datetime64[us]"))}
