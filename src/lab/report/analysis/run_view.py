"""A run as the rules of the diagnosis see it, and the type of a rule."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from lab.config.schema.report import Thresholds
from lab.report.analysis import advice
from lab.report.findings import Floats, History, Sentence
from lab.report.sources.record_columns import num_epochs


class RunView(NamedTuple):
    """One run as the rules see it.

    values: by column of the table; config: by dotted key; history: as recorded; linear: test score of the
    report's linear run on the same data, NaN if there is none.
    """

    values: Mapping[str, Any]
    config: Mapping[str, Any]
    history: History
    metric: str
    goal: str
    linear: float = math.nan

    @property
    def score(self) -> str:
        """The objective without its split."""
        return self.metric.partition("/")[2] or self.metric

    def number(self, name: str) -> float:
        """Return a column's number, NaN if unknown."""
        value = self.values.get(name)
        return math.nan if value is None else float(value)

    def setting(self, key: str) -> float:
        """Return a config key's number, NaN if it has none."""
        return advice.number(self.config, key)

    def curve(self, name: str) -> Floats:
        """Return a metric by epoch, empty if it was not recorded."""
        return self.history.get(name, np.empty(0))

    @property
    def epochs(self) -> int:
        """Return how many epochs have a validation, of which an epoch may have several."""
        return num_epochs(self.history) if "epoch" in self.history else len(self.curve(self.metric))


Diagnosis = tuple[Sentence, str] | None
Rule = Callable[[RunView, Thresholds], Diagnosis]
