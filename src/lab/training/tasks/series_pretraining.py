"""Next-patch prediction on series without looking at a class: what a run of it works on and what its test came to.

Its checkpoint is what `model.checkpoint=` of a classifier begins with.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lab.config.schema import Config, TimerXL
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.tables import Column, Table
from lab.data.series.datamodule import SeriesData
from lab.data.series.dataset import SeriesSet
from lab.models.series.timer_xl.pretraining import NextPatch, build_pretraining
from lab.models.task_module import Training
from lab.training.evaluation.base import Tested
from lab.training.tasks.base import Material, check_metrics

NAMES = ("loss",)
"""What a validation logs: the mean squared error of the next patch."""


@dataclass(frozen=True)
class Foretold(Tested):
    """The error on test windows; predictions are empty, there is one for each patch of each channel."""

    def write(self, folder: RunFolder) -> None:
        """Nothing but what the record holds."""

    def table(self) -> Table:
        cells = tuple(f"{value:.4f}" for value in self.metrics.values())
        return Table([Column(name, right=True) for name in self.metrics], [cells], more="run.json")


@dataclass
class UnlabelledSeries(Material):
    """Windows whose next patch is to be foretold."""

    found: SeriesSet
    data: SeriesData
    model: NextPatch

    def __post_init__(self) -> None:
        self.name, self.fingerprint = self.found.name, self.found.fingerprint

    @property
    def facts(self) -> dict[str, object]:
        return self.found.facts

    def metric_names(self) -> Iterator[str]:
        return iter(NAMES)

    def tested(self) -> Foretold:
        return Foretold(self.model.metrics["test"].compute(), {}, None, {})


def prepare_pretraining(
    config: Config, found: SeriesSet, data: SeriesData, training: Training, fresh: bool
) -> UnlabelledSeries:
    """Raises RequestError where the network does not fit the data."""
    assert isinstance(config.model, TimerXL)
    check_metrics(config, NAMES)
    return UnlabelledSeries(found, data, build_pretraining(config.model, data.spec, training, fresh))
