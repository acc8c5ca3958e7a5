"""Predictions of a classifier of series: one row per window of a new table, with its group and the time of its end.

A new table stays in memory, as in training, because windows overlap. Shapes: B windows, T steps, C channels, K classes.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lab.config.schema import Config, Windowed
from lab.core.batches import SeriesBatch, SeriesSpec
from lab.core.errors import Mistake, RequestError, listed
from lab.core.record.run_folder import RunFolder
from lab.core.reference.content import VALUE
from lab.core.terminal.tables import Table
from lab.data.readers.timestamps.parsing import time_names
from lab.data.series.panel import iso_text
from lab.inference.inputs.interface import STANDARD, Input, Settings
from lab.inference.inputs.own_settings import settings_of
from lab.inference.new_windows import NewWindows, new_windows, table_settings
from lab.inference.predictor import UNCALIBRATED, Predicted, Predictor, Row
from lab.inference.ranking import ClassCounts, class_fields, ranked_classes
from lab.models.calibration import NO_OFFSETS, calibrated, decision_scores
from lab.models.classifier import Classifier
from lab.models.linear.series import SeriesLinear
from lab.training.doubt.novelty import energies, window_measures

log = logging.getLogger(__name__)
PLACE = "\0window"
"""Key of a row's number of file and window; it is no column."""
RECORDED = ("columns", "step_s", "scaling")
"""Facts of the data in run.json that a predictor reads."""
OTHER_RUN = "train the run again with this version, which records it"


class SeriesPredictor(Predictor):
    """Classes of windows. Raises RequestError for a run whose record lacks what a new table needs."""

    needed = ()

    def __init__(
        self, config: Config, model: Classifier, spec: SeriesSpec, run: RunFolder, top_k: int, batch_size: int,
        device: torch.device, temperatures: Mapping[str, float] = UNCALIBRATED,
        offsets: Mapping[str, Sequence[float]] = NO_OFFSETS,
    ) -> None:  # fmt: skip
        if not isinstance(config.data, Windowed):
            problem = "its cases are a problem of the UCR/UEA archive; new rows are read from tables only"
            raise RequestError(Mistake("run", problem, "a run of data=series_table", run.path))
        self.data, self.model, self.device, self.batch_size = config.data, model.to(device), device, batch_size
        self.temperature = temperatures.get(spec.heads[0].name, 1.0)
        self.offsets = offsets.get(spec.heads[0].name)
        self.head, facts = spec.heads[0], run.read().get("data") or {}
        self.scaling = _scaling(facts, config.data.scale, run)
        self.features, self.step_s = tuple(facts["columns"]), float(facts["step_s"])
        self.kept = min(top_k, self.head.num_classes)
        self.fields = tuple(class_fields(self.head.name, self.kept))
        self.counts, self.best = ClassCounts(spec.heads), (self.head.name,)
        self.windows: list[NewWindows] = []
        self.lines: list[str] = []

    def open(self, paths: Sequence[str], settings: Settings, columns: Mapping[str, str]) -> list[Input]:
        if STANDARD in paths:
            problem = "is standard input; a table of series is read from a file, because its windows overlap"
            raise RequestError(Mistake("input", problem, "input=new.csv", STANDARD))
        return [self._opened(path, settings, columns) for path in paths]

    def _opened(self, path: str, settings: Settings, columns: Mapping[str, str]) -> Input:
        if (file := Path(path).expanduser()).is_file() and not file.stat().st_size:
            raise RequestError(Mistake("input", "is empty", value=path))
        if file.is_file():
            is_text = file.name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))
            settings = settings_of(file, settings) if is_text else replace(settings, delimiter=None, encoding="utf-8")
        table = table_settings(self.data, path, self.features, columns, settings.delimiter, settings.encoding)
        try:
            windows = new_windows(table, self.head, self.scaling, self.step_s)
        except RequestError as error:
            raise RequestError(_for_new_rows(mistake, path) for mistake in error.mistakes) from error
        if windows.short:
            log.warning("%s: too few rows for a window: %s", path, listed([name or path for name in windows.short]))
        self._watch(windows)
        self._say_rows_without_window(windows, path)
        number, time = len(self.windows), " ".join(time_names(table))
        self.windows.append(windows)
        own = [table.group, time] if table.group else [time]
        return Input(path, own, _rows(windows, own, number))

    def _say_rows_without_window(self, windows: NewWindows, path: str) -> None:
        """Remember a line for the end: how many steps of a table have a prediction, and why the others have none."""
        num, steps, length = len(windows.rows.cut.ends), len(windows.panel.values), self.data.window
        if num == steps:
            return
        groups = sum(1 for _ in windows.panel.parts())
        each = f" of each of {groups} groups" if groups > 1 else ""
        why = f"a prediction needs a window of {length} steps, which the first {length - 1}{each} do not have"
        if self.data.stride > 1:
            why += f", and then every {self.data.stride}th step has one (data.stride of the run)"
        self.lines.append(f"{num:,} of {steps:,} steps of {path} have a prediction: {why}")

    def remarks(self) -> list[str]:
        return self.lines

    def _watch(self, windows: NewWindows) -> None:
        """Count the values of all rows of a table, and how many were missing before they were filled."""
        for place, column in enumerate(windows.missing):
            subject, values = VALUE.format(self.features[place]), windows.panel.values[:, place]
            if self.profile is not None and subject in self.profile.numbers:
                self.profile.add(subject, values[~np.isnan(values)])
                self.profile.numbers[subject].missing += windows.missing[column]

    @torch.inference_mode()
    def predict(self, rows: Sequence[Row]) -> Predicted:
        result = Predicted([(None,) * len(self.fields)] * len(rows))
        by_file: dict[int, list[int]] = {}
        for place, row in enumerate(rows):
            by_file.setdefault(row[PLACE][0], []).append(place)
        for number, places in by_file.items():
            windows = self.windows[number]
            for start in range(0, len(places), self.batch_size):
                chosen = places[start : start + self.batch_size]
                ids = np.array([rows[place][PLACE][1] for place in chosen], np.int64)
                values, observed = windows.rows.arrays(ids)
                batch = SeriesBatch(
                    torch.from_numpy(values), torch.from_numpy(observed), {}, torch.from_numpy(ids), {},
                    base=self.base_logits(values, observed),
                ).to(self.device)  # fmt: skip
                logits = self.model(batch)[0].float().cpu()
                for place, reason in zip(chosen, self._unlike(values, observed, logits), strict=False):
                    result.unlike[place] = reason
                probabilities = calibrated(logits, self.temperature)
                self._count(probabilities, windows.labels[ids].astype(np.int64).tolist())
                ranked = ranked_classes(self.head, probabilities, self.kept, self.offsets)
                for place, cells in zip(chosen, ranked, strict=True):
                    result.cells[place] = cells
        return result

    def _count(self, probabilities: torch.Tensor, labels: Sequence[int]) -> None:
        chosen = decision_scores(probabilities, self.offsets).argmax(-1)
        self.counts.add(0, chosen, labels)
        if self.profile is not None:
            confidence = probabilities.gather(1, chosen[:, None])[:, 0]
            self.profile.add_classes(self.head.name, chosen.numpy(), confidence.numpy(), labels)

    def chosen(self, logits: torch.Tensor) -> torch.Tensor:
        """(B,) the class that is given for logits (B, K)."""
        return decision_scores(calibrated(logits, self.temperature), self.offsets).argmax(-1)

    def base_logits(
        self, values: npt.NDArray[np.float32], observed: npt.NDArray[np.bool_]
    ) -> dict[str, torch.Tensor] | None:
        """The logits (B, K) of the simple model that the network was added to; None without one."""
        base = getattr(self.model, "base", None)  # the graph of an export has none
        if base is None:
            return None
        assert isinstance(base, SeriesLinear), "a simple model of windows"
        return {self.head.name: torch.from_numpy(base.logits(values, observed))}

    def _unlike(
        self, values: npt.NDArray[np.float32], observed: npt.NDArray[np.bool_], logits: torch.Tensor
    ) -> list[str]:
        """Why each window is unlike those of training; empty without limits."""
        if self.novelty is None:
            return []
        ranges = [self.novelty.ranges.get(name, (-np.inf, np.inf)) for name in self.features]
        return self.novelty.reasons(window_measures(values, observed, ranges, energies([logits.numpy()])))

    def scores(self) -> Table | None:
        return self.counts.table()


def _rows(windows: NewWindows, own: Sequence[str], file: int) -> Iterator[tuple[dict[str, Any], str | None]]:
    panel, ends = windows.panel, windows.rows.cut.ends.astype(np.int64)
    groups, times = panel.group_of(ends), panel.times(ends)
    for window, (group, time) in enumerate(zip(groups.tolist(), times, strict=True)):
        cells = [panel.groups[group], iso_text(time)][-len(own) :]
        fault = None if windows.usable[window] else "has missing values, which the run leaves out"
        yield {**dict(zip(own, cells, strict=True)), PLACE: (file, window)}, fault


def _scaling(facts: Mapping[str, Any], scale: str, run: RunFolder) -> dict[str, list[float]] | None:
    """The recorded scale of the run's columns; None for a run without scaling. The record is checked: it may be of
    another person."""
    columns, step_s, scaling = (facts.get(name) for name in RECORDED)
    names = [name for name in columns if isinstance(name, str)] if isinstance(columns, list) else []
    if not names or columns != names or not isinstance(step_s, int | float):
        raise RequestError(Mistake("run", "its run.json does not name its input columns", OTHER_RUN, run.path))
    if scale != "standard":
        return None
    parts = [scaling.get(name) for name in ("mean", "sd")] if isinstance(scaling, dict) else []
    numbers = [part for part in parts if isinstance(part, list) and len(part) == len(names)]
    if len(numbers) != 2 or not all(isinstance(value, int | float) for part in numbers for value in part):
        problem = "its run.json does not have the scale of its input columns"
        raise RequestError(Mistake("run", problem, OTHER_RUN, run.path))
    return {"mean": numbers[0], "sd": numbers[1]}


def _for_new_rows(mistake: Mistake, path: str) -> Mistake:
    """A mistake of the run's data settings as one of an input, which has to fit them."""
    if not mistake.key.startswith("data."):
        return mistake
    value = "" if mistake.value is None or mistake.key == "data.path" else f" ({mistake.key}={mistake.value})"
    remedy = "a table like that of the run, or 'columns={its: yours}' for columns of other names"
    if mistake.key == "data.path" and "data.path=" in mistake.remedy:  # another file, which is typed as the input
        remedy = mistake.remedy.replace("data.path=", "input=")
    return Mistake("input", f"{mistake.problem}{value}", remedy, path)
