"""The windows of each split. A window is inside one group, has a known label and is on one side of the split's moments.

Splits are by time, at the same moments in all groups. The last windows of the earlier split are left out until its
newest samples and those of the next split are `purge` steps apart, at least window + horizon. So no sample or label of
one split is in the inputs of the other, and the tested rows are the same for every window length.
Shapes: N rows, W windows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from lab.config.schema import Ahead, Windowed
from lab.core.batches import MISSING
from lab.core.errors import Mistake, RequestError, listed, refuse_if_any
from lab.data.series import missing_values
from lab.data.series.panel import Cut, Panel, iso_text

Codes = npt.NDArray[np.int16]
SPLITS = ("train", "val", "test")


@dataclass
class Cuts:
    """Result of `cut`. splits: windows by split; train_rows: rows of the panel before validation, per group; counts:
    windows left out, by reason; bounds: the moments and purge of the split, for the record; purge: steps between the
    newest samples of two splits."""

    splits: dict[str, Cut]
    train_rows: list[slice]
    counts: dict[str, int] = field(default_factory=dict)
    bounds: dict[str, object] = field(default_factory=dict)
    purge: int = 0


def rule_codes(panel: Panel, rule: Ahead) -> tuple[Codes, Codes]:
    """Return the class `horizon` rows after each row and the class of the row itself, both (N,): 1 where the feature is
    at least the threshold, `MISSING` where it was not observed or is outside the group."""
    column = panel.values[:, panel.columns.index(rule.feature)]
    with np.errstate(invalid="ignore"):
        current = (column >= rule.threshold).astype(np.int16)
    current[np.isnan(column)] = MISSING
    ahead = np.full(len(current), MISSING, np.int16)
    for _, part in panel.parts():
        ahead[part][: -rule.horizon] = current[part][rule.horizon :]
    return ahead, current


def with_past_labels(panel: Panel, current: Codes, config: Windowed) -> Panel:
    """Return the panel with one more column, the class of each row under the rule of labels: a lagged target.

    current: (N,), as `rule_codes` returns it. The column is NaN where the class was not observed, and is filled forward
    if the others are. Each row has only what is known at its own time. During the call the panel is in memory twice.
    """
    assert isinstance(config.label, Ahead), "labels follow a rule"
    column = np.where(current == MISSING, np.nan, current).astype(np.float32)[:, None]
    added = replace(panel, values=column, columns=(f"{config.label.feature} >= {config.label.threshold:g}",))
    if config.missing_values == "ffill":
        missing_values.fill_forward(added)
    return replace(panel, values=np.concatenate([panel.values, added.values], 1), columns=panel.columns + added.columns)


def has_past_labels(config: Windowed) -> bool:
    """Return whether classes of the past are an input: wanted, and labels follow a rule."""
    return config.past_labels is not False and isinstance(config.label, Ahead)


def moments(panel: Panel, config: Windowed) -> tuple[np.datetime64, np.datetime64]:
    """Return the moments at which validation and test begin. Raises RequestError for dates that leave a split empty."""
    first, last = panel.span()
    begins = {}
    shares = {"val_from": 1 - config.split.val - config.split.test, "test_from": 1 - config.split.test}
    mistakes = []
    for name, share in shares.items():
        given, key = getattr(config.split, name), f"data.split.{name}"
        try:
            begins[name] = first + (last - first) * share if given is None else np.datetime64(given, "us")
        except ValueError:
            mistakes.append(Mistake(key, "is not a date or time of ISO 8601", f"{key}=2019-01-01", given))
            continue
        if not first < begins[name] <= last:
            problem = f"is outside the table, which goes from {iso_text(first)} to {iso_text(last)}"
            mistakes.append(Mistake(key, problem, f"a moment between them, or {key}=null", given))
    if not mistakes and begins["val_from"] >= begins["test_from"]:
        problem = f"is not before the test, which begins at {iso_text(begins['test_from'])}"
        mistakes.append(
            Mistake("data.split.val_from", problem, "train, val and test follow in time", iso_text(begins["val_from"]))
        )
    if mistakes:
        raise RequestError(mistakes)
    return begins["val_from"], begins["test_from"]


def cut(panel: Panel, config: Windowed, labels: Codes, current: Codes | None, horizon: int) -> Cuts:
    """Return the windows of each split. The gaps in the panel are those that `data.missing_values` did not fill.

    Raises RequestError for groups that are shorter than a window, for gaps that could not be filled, for a purge that
    is too small and for splits without windows.
    """
    length, needed = config.window, config.window + horizon
    purge = needed if config.split.purge == "auto" else config.split.purge
    starts = moments(panel, config)
    shorter = _shorter(panel, starts, horizon)
    refuse_if_any(_too_short(panel, config, purge, needed, shorter))
    cuts = Cuts({}, [], {"no_label": 0, "gaps": 0, "purged": 0}, purge=purge)
    cuts.bounds = {
        "val_from": iso_text(starts[0]),
        "test_from": iso_text(starts[1]),
        "purge_steps": purge,
        "by": "time",
    }
    ends: dict[str, list[npt.NDArray[np.int32]]] = {split: [] for split in SPLITS}
    unfilled: list[Mistake] = []
    for number, (_, part) in enumerate(panel.parts()):
        edges = [part.start + length - 1, *(panel.row_from(number, moment) for moment in starts), part.stop]
        cuts.train_rows.append(slice(part.start, edges[1]))
        usable = _usable(panel, part, config, unfilled)
        for split, start, stop in zip(SPLITS, edges, edges[1:], strict=False):
            start, end = max(start, edges[0]), stop if split == "test" else stop - purge
            candidates = np.arange(start, max(end, start), config.stride, dtype=np.int32)
            cuts.counts["purged"] += len(range(start, max(stop, start), config.stride)) - len(candidates)
            known = labels[candidates] != MISSING
            clean = usable[candidates - part.start - length + 1]
            cuts.counts["no_label"] += int((~known).sum())
            cuts.counts["gaps"] += int((known & ~clean).sum())
            ends[split].append(candidates[known & clean])
    refuse_if_any(unfilled)
    for split, parts in ends.items():
        rows = np.concatenate(parts)
        lengths = np.broadcast_to(np.int32(length), len(rows))  # stores one number
        cuts.splits[split] = Cut(rows, lengths, labels[rows], None if current is None else current[rows])
    refuse_if_any(list(_empty(cuts, config, shorter)))
    return cuts


def _usable(panel: Panel, part: slice, config: Windowed, unfilled: list[Mistake]) -> npt.NDArray[np.bool_]:
    """The windows of one group that may be used; gaps that could not be filled are added to `unfilled`."""
    values, length = panel.values[part], config.window
    if config.missing_values == "drop":
        return missing_values.complete_windows(values, length)
    usable = np.ones(len(values) - length + 1, np.bool_)
    if config.missing_values == "mask":
        return usable
    if config.missing_values == "interpolate":
        empty, column = missing_values.windows_with_empty_column(values, length)
        if empty.any():
            rows = np.flatnonzero(empty)
            where = f"the window of rows {part.start + rows[0]} to {part.start + rows[0] + length - 1}"
            unfilled.append(_unfilled(panel, part, column, f"no value in {where} and {len(rows) - 1} other windows"))
        return usable
    for column in np.flatnonzero(np.isnan(values).any(0))[:3]:
        rows = part.start + np.flatnonzero(np.isnan(values[:, column]))
        problem = f"no value before rows {rows[0]} to {rows[-1]} to fill them from"
        unfilled.append(_unfilled(panel, part, int(column), problem))
    return usable


def _unfilled(panel: Panel, part: slice, column: int, problem: str) -> Mistake:
    group = panel.groups[int(panel.group_of(np.array([part.start]))[0])]
    named = f"column {panel.columns[column]!r}" + (f", group {group!r}" if group else "")
    return Mistake("data.missing_values", f"{named}: {problem} (rows from 0, in the order of group and time)",
                   "data.missing_values=mask or data.missing_values=drop")  # fmt: skip


def _shorter(panel: Panel, starts: tuple[np.datetime64, np.datetime64], horizon: int) -> str:
    """The setting for windows that fit into every group and, with their purge, into train and val of the longest."""
    room = []
    for number, (_, part) in enumerate(panel.parts()):
        val, test = (panel.row_from(number, moment) for moment in starts)
        room.append(min(test - val - horizon - 1, (val - part.start - horizon) // 2))
    longest = min(max(room), int(np.diff(panel.starts).min()) - horizon)
    return f"data.window={longest}" if longest > 0 else "a longer table, or other moments of the split"


def _too_short(panel: Panel, config: Windowed, purge: int, needed: int, shorter: str) -> Iterator[Mistake]:
    if purge < needed:
        problem = f"lets two splits share samples: a window and its horizon span {needed} steps"
        yield Mistake("data.split.purge", problem, "data.split.purge=auto", purge)
    lengths = np.diff(panel.starts)
    short = [f"{name or 'the table'} ({count} rows)" for name, count in zip(panel.groups, lengths.tolist(), strict=True)
             if count < needed]  # fmt: skip
    if short:
        problem = f"with its horizon is {needed} steps, more than {listed(short)} has"
        yield Mistake("data.window", problem, f"{shorter}, or a table without these groups", config.window)


def _empty(cuts: Cuts, config: Windowed, shorter: str) -> Iterator[Mistake]:
    for split, windows in cuts.splits.items():
        if not len(windows):
            reasons = ", ".join(f"{count} {reason}" for reason, count in cuts.counts.items())
            problem = f"leaves {split} without a window (left out: {reasons})"
            gaps_remedy = (
                f"; or another data.missing_values than {config.missing_values}" if cuts.counts["gaps"] else ""
            )
            yield Mistake("data.window", problem, f"{shorter}{gaps_remedy}", config.window)
