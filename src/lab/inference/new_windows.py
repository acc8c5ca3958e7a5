"""Windows of a new table for a trained model: every window of each group, with or without a label.

Columns, log1p, filling, past labels, calendar and scale are those of the run; the scale is the one that the run
recorded. The newest window of a group ends at its last row, and the others lie `data.stride` steps before one another.
Shapes: N rows, C columns, W windows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.config.schema import Ahead, Table, Windowed
from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import Mistake, RequestError
from lab.data.series import missing_values, windows
from lab.data.series.datamodule import SeriesRows
from lab.data.series.dataset import apply_log1p, apply_scaling, with_calendar
from lab.data.series.long_table import read_panel
from lab.data.series.missing_values import Interpolation
from lab.data.series.panel import Cut, Panel

OWN_COLUMNS = {"time": "time", "group": "group"}
"""Columns of time stamps and groups in a new table for a run on generated weather."""


@dataclass(frozen=True)
class NewWindows:
    """rows: the windows, in the order of group and time; panel: their table. usable: (W,) whether a window has the
    values that the model needs. labels: (W,) class, `MISSING` where unknown. short: groups with too few rows. missing:
    per measured column the number of missing values, before they were filled."""

    rows: SeriesRows
    panel: Panel
    usable: npt.NDArray[np.bool_]
    labels: npt.NDArray[np.int16]
    short: tuple[str, ...]
    missing: Mapping[str, int]


def table_settings(
    data: Windowed, path: str, features: Sequence[str], columns: Mapping[str, str], delimiter: str | None, encoding: str
) -> Table:
    """Return the settings of a new table like that of a run. features: input columns of the run; columns: for columns
    of the run, their names in the new table."""

    def named(name: Any) -> Any:
        return columns.get(name, name) if isinstance(name, str) else tuple(columns.get(each, each) for each in name)

    own: dict[str, Any] = {"sort": False, "resample": None, "sheet": None, **OWN_COLUMNS}
    own |= {name: getattr(data, name) for name in type(data).model_fields if name in Table.model_fields}
    own |= {"kind": "series_table", "path": path, "delimiter": delimiter, "encoding": encoding}
    own |= {"time": named(own["time"]), "group": named(own["group"]) if own["group"] else None}
    own |= {"features": named(features), "log1p": named(data.log1p)}
    if isinstance(data.label, Ahead):
        own["label"] = data.label.model_copy(update={"feature": named(data.label.feature)})
    else:
        own["label"] = named(data.label)
    return Table(**own)


def new_windows(
    data: Table, head: HeadSpec, scaling: Mapping[str, Sequence[float]] | None, step_s: float
) -> NewWindows:
    """Read a new table. scaling: as `scaling_of` returns it; step_s: seconds between rows of the run's table.

    Raises RequestError for a table that cannot be read, has other steps, or has no group of `data.window` rows.
    """
    _, panel = read_panel(data, new=True)
    if not len(panel.values):
        raise RequestError(Mistake("input", "has no rows", value=data.path))
    actual = float(panel.step / np.timedelta64(1, "s"))
    if data.step == "time" and data.resample is None and panel.row_times is None and actual != step_s:
        problem = f"{data.path} has a row every {actual:g} s, and the run was trained on a row every {step_s:g} s"
        raise RequestError(Mistake("input", problem, "a table of the same step"))
    labels, current = _labels(panel, data, head)
    missing = missing_values.counts(panel)
    apply_log1p(panel, data)
    if data.missing_values == "ffill":
        missing_values.fill_forward(panel)
    ends, usable, short = _ends(panel, data)
    if not len(ends):
        problem = f"no group of {data.path} has the {data.window} rows of a window"
        raise RequestError(Mistake("input", problem, "a table with more rows of each group"))
    if scaling is not None:
        apply_scaling(panel, scaling)
    measured = len(panel.columns)
    if current is not None and windows.has_past_labels(data):
        panel = windows.with_past_labels(panel, current, data)
    panel = with_calendar(panel, data) if data.calendar else panel
    lengths = np.broadcast_to(np.int32(data.window), len(ends))
    cut = Cut(ends.astype(np.int32), lengths, labels[ends])
    interpolation = Interpolation(panel.values, panel.starts) if data.missing_values == "interpolate" else None
    flags = measured if data.missing_values == "mask" else 0
    rows = SeriesRows(panel.values, cut, head, interpolation, flags)
    return NewWindows(rows, panel, usable, labels[ends], short, missing)


def _labels(panel: Panel, data: Table, head: HeadSpec) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16] | None]:
    """(N,) label of each row in the numbering of `head`, `MISSING` where the table does not have it; and (N,) the class
    of the row itself under the rule of labels, None without one."""
    if isinstance(data.label, Ahead):
        return windows.rule_codes(panel, data.label)
    if panel.codes is None:
        return np.full(len(panel.values), MISSING, np.int16), None
    known = {name: code for code, name in enumerate(head.classes)}
    codes = np.array([*(known.get(name, MISSING) for name in panel.classes), MISSING], np.int16)
    labels: npt.NDArray[np.int16] = codes[np.where(panel.codes == MISSING, len(panel.classes), panel.codes)]
    return labels, None


def _ends(panel: Panel, data: Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], tuple[str, ...]]:
    """The newest row of each window, whether the window can be used, and the groups that are shorter than one."""
    ends, usable, short = [np.zeros(0, np.int64)], [np.zeros(0, np.bool_)], []
    for name, part in panel.parts():
        values = panel.values[part]
        if len(values) < data.window:
            short.append(name)
            continue
        if data.missing_values == "mask":
            good = np.ones(len(values) - data.window + 1, np.bool_)
        elif data.missing_values == "interpolate":
            good = ~missing_values.windows_with_empty_column(values, data.window)[0]
        else:
            good = missing_values.complete_windows(values, data.window)
        kept = np.arange(len(good) - 1, -1, -data.stride)[::-1]
        ends.append(part.start + kept + data.window - 1)
        usable.append(good[kept])
    return np.concatenate(ends), np.concatenate(usable), tuple(short)
