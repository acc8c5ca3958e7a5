"""Next-patch prediction on time series: pretraining without classes.

`model.checkpoint=` of a classifier starts from its checkpoint.
"""

from dataclasses import dataclass

from lab.config.schema import Config, TimerXL
from lab.core.batches import SeriesSpec
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.tables import Column, Table
from lab.data.series.datamodule import SeriesDataModule
from lab.models.series.timer_xl.pretraining import NextPatch, build_pretraining
from lab.training.evaluation.base import EvaluationResult
from lab.training.tasks.base import Sample, TaskDefinition, check_metrics, initial_training_plan
from lab.training.tasks.series_classification import load_series

NAMES = ("loss",)
"""Metrics of a validation. The loss is the mean squared error of the next patch."""


@dataclass(frozen=True)
class ForecastErrors(EvaluationResult):
    """The error on the test windows. It has no predictions, which would be one per patch and channel."""

    def write(self, folder: RunFolder) -> None:
        """Write no file: run.json has the scores."""

    def table(self) -> Table:
        cells = tuple(f"{value:.4f}" for value in self.metrics.values())
        return Table([Column(name, right=True) for name in self.metrics], [cells], more="run.json")


class SeriesPretraining(TaskDefinition[SeriesSpec, SeriesDataModule, NextPatch]):
    """Prediction of the next patch of unlabelled windows."""

    spec_type = SeriesSpec

    def load_data(self, config: Config, folder: RunFolder, pin_memory: bool, fresh: bool) -> SeriesDataModule:
        data = load_series(config, pin_memory, labelled=False)
        check_metrics(config, NAMES)
        return data

    def build_model(
        self, config: Config, spec: SeriesSpec, folder: RunFolder, fresh: bool, sample: Sample | None = None
    ) -> NextPatch:
        assert isinstance(config.model, TimerXL), f"model of kind {config.model.kind} has no pretraining"
        return build_pretraining(config.model, spec, initial_training_plan(config), fresh)

    def evaluate(self, model: NextPatch, data: SeriesDataModule) -> ForecastErrors:
        return ForecastErrors(model.metrics["test"].compute(), None, {})
