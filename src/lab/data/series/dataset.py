"""A checked set of time series: values, windows or cases of each split, classes, and facts for the run record.

Order: read, count missing values, labels (from the original values), log1p, forward fill, windows, scaling by the
training rows, past labels, calendar. The same content and settings give the same set and fingerprint, whatever the
files' names.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.config.schema import Ahead, Rainfall, Series, Table, Ucr, Windowed
from lab.config.validation_rows import AUTO_SHARE, LEAVE_ONE_OUT
from lab.core.batches import HeadSpec
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.hydra_quoting import quoted
from lab.data.series import missing_values, windows
from lab.data.series.panel import Cut, Panel, concatenated
from lab.data.series.target_leakage import leaking_columns
from lab.data.stratified_split import capped

_UNLABELLED = "any"
"""The single class of windows that are used without classes."""
_HEAD = "class"
"""Name of the head of cases, whose classes have no column name."""


@dataclass(frozen=True)
class SeriesSet:
    """Panel, splits and head of a request. facts: for the run record; notes: lines for the terminal.

    channels: names of an input's columns, with those that mark gaps. missing_values: how `SeriesRows` fills gaps, None
    to leave them. has_times: whether the times and groups of rows are meaningful. num_measured: number of the panel's
    columns that are data; past labels and calendar columns follow them. leave_one_out: whether `val` has the rows of
    `train`, which the model has to score without themselves. row_classes: (N,) class of each row of the panel under the
    rule of labels, `MISSING` where it was not observed; None without a rule. horizon: steps from a window's newest
    sample to its label. purge: steps between the newest samples of two splits, at least window + horizon. past_labels:
    place of the column of past labels, None without one.
    """

    name: str
    panel: Panel
    splits: dict[str, Cut]
    head: HeadSpec
    missing_values: str | None
    channels: tuple[str, ...]
    facts: dict[str, object]
    notes: tuple[str, ...]
    fingerprint: str
    has_times: bool
    num_measured: int
    leave_one_out: bool = False
    row_classes: windows.Codes | None = None
    horizon: int = 0
    purge: int = 0
    past_labels: int | None = None


def load(data: Series, labelled: bool = True) -> SeriesSet:
    """Read, check, cut and scale the requested series. Raises RequestError with all mistakes.

    labelled=False: classes are ignored, and rows without a class also make windows.
    """
    return SOURCES[type(data)](data, labelled)


def _from_archive(data: Ucr, labelled: bool) -> SeriesSet:
    from lab.data.series.ucr import cases

    panel, splits, notes = cases(data)
    rows = _case_rows(splits["train"]) + (_case_rows(splits["val"]) if data.split.val == LEAVE_ONE_OUT else [])
    return _finished(data.name, data, panel, splits, rows, _HEAD, {}, notes, labelled)


def _from_generator(data: Rainfall, labelled: bool) -> SeriesSet:
    from lab.data.series.rainfall import generate

    panel = generate(data.stations, data.hours, data.gap_share, data.generator_seed)
    return _windowed("rainfall", data, panel, labelled)


def _from_table(data: Table, labelled: bool) -> SeriesSet:
    from lab.data.series.long_table import read_panel

    name, panel = read_panel(data)
    return _windowed(name, data, panel, labelled)


SOURCES: Mapping[type[Series], Callable[..., SeriesSet]] = {
    Ucr: _from_archive, Rainfall: _from_generator, Table: _from_table,
}  # fmt: skip
"""How the series of each config class are read."""


def _windowed(name: str, data: Windowed, panel: Panel, labelled: bool) -> SeriesSet:
    if mistakes := list(_unknown_columns(panel, data)):
        raise RequestError(mistakes)
    if isinstance(data.label, Ahead):
        labels, current = windows.rule_codes(panel, data.label)
        head, horizon = data.label.feature, data.label.horizon
        panel.classes = (f"< {data.label.threshold:g}", f">= {data.label.threshold:g}")
    else:
        assert panel.codes is not None
        labels, current, head, horizon = panel.codes, None, data.label, 0
    if not labelled:
        labels, current, horizon, panel.classes = np.zeros(len(panel.values), np.int16), None, 0, (_UNLABELLED,)
    notes = list(_leaking_columns(panel, head)) if labelled and panel.codes is not None else []
    missing = missing_values.counts(panel)
    apply_log1p(panel, data)
    if data.missing_values == "ffill":
        missing_values.fill_forward(panel)
    cuts = windows.cut(panel, data, labels, current, horizon)
    facts = {
        "table_rows": len(panel.values), "groups": len(panel.groups), "columns": list(panel.columns),
        "step_s": float(panel.step / np.timedelta64(1, "s")), "window": data.window, "horizon": horizon,
        "missing": missing, "left_out": cuts.counts, "split": cuts.bounds,
    }  # fmt: skip
    shares = [f"{column} {count} ({count / len(panel.values):.1%})" for column, count in missing.items() if count]
    notes += [f"missing values: {listed(shares)}; missing_values={data.missing_values}"] if shares else []
    notes += [f"windows left out: {', '.join(f'{count} {reason}' for reason, count in cuts.counts.items())}"]
    made = _finished(name, data, panel, cuts.splits, cuts.train_rows, head, facts, notes, labelled, current)
    return replace(made, row_classes=current, horizon=horizon, purge=cuts.purge)


def _finished(
    name: str, data: Series, panel: Panel, splits: dict[str, Cut], train_rows: list[slice], head_name: str,
    facts: dict[str, object], notes: list[str], labelled: bool, current: windows.Codes | None = None,
) -> SeriesSet:  # fmt: skip
    """Apply caps, join train and val if requested, check, scale. `data.split` has `seed` and `train_on_val`.

    current: (N,) class of each row under the rule of labels, None without one.
    """
    split = data.split  # type: ignore[attr-defined]
    for part, cut in splits.items():
        most = getattr(data.max_rows, part)
        if most is not None:
            order = [cut.labels.astype(np.int64)] if part == "train" else []
            splits[part] = cut.at(capped(np.arange(len(cut)), most, split.seed, order))
    drawn = splits
    leave_one_out = split.val == LEAVE_ONE_OUT
    if leave_one_out:
        whole = concatenated(splits["train"], splits["val"])
        splits = splits | {"train": whole, "val": whole}
        notes = [f"validation: leave-one-out over the {len(whole)} training cases; no case is held out"]
    mistakes = [*(_one_class(splits, panel.classes, data) if labelled else ()), *_constant_cases(panel, data)]
    if mistakes:
        raise RequestError(mistakes)
    if split.train_on_val:
        splits = splits | {"train": concatenated(splits["train"], splits["val"])}
        notes = [
            *notes,
            "train_on_val: val rows are trained on, so their scores mean nothing and the last epoch is kept",
        ]
    counts = np.bincount(splits["train"].labels, minlength=len(panel.classes))
    head = HeadSpec(head_name, panel.classes, tuple(counts.tolist()))
    scaling = None
    if data.scale == "standard":
        scaling = scaling_of(panel, train_rows)
        apply_scaling(panel, scaling)
    timed, measured, past_labels = isinstance(data, Windowed), panel.columns, None
    if current is not None and isinstance(data, Windowed) and windows.has_past_labels(data):
        panel, past_labels = windows.with_past_labels(panel, current, data), len(measured)
    if isinstance(data, Windowed) and data.calendar:
        panel = with_calendar(panel, data)
    filling = data.missing_values if isinstance(data, Windowed) else None
    channels = panel.columns + (tuple(f"{column} missing" for column in measured) if filling == "mask" else ())
    facts = {
        "rows": {part: len(cut) for part, cut in splits.items()},
        "classes": {head.name: head.num_classes},
        "heads": {head.name: list(head.classes)},
        "labels": {part: np.bincount(cut.labels, minlength=head.num_classes).tolist() for part, cut in splits.items()},
        "channels": list(channels), "scaling": scaling, **facts,
    }  # fmt: skip
    key = _fingerprint(panel, splits, head, filling)
    if leave_one_out:
        facts |= {"validation": LEAVE_ONE_OUT, "compared_as": _fingerprint(panel, drawn, head, filling)}
    if isinstance(data, Ucr) and data.split.folds is not None:
        pool = {"train": concatenated(splits["train"], splits["val"]), "test": splits["test"]}
        facts |= {"validation": f"fold {data.split.fold} of {data.split.folds}"}
        facts |= {"compared_as": _fingerprint(panel, pool, head, filling)}
    return SeriesSet(
        name, panel, splits, head, filling, channels, facts, tuple(notes), key, timed, len(measured), leave_one_out,
        past_labels=past_labels,
    )  # fmt: skip


def scaling_of(panel: Panel, train_rows: list[slice]) -> dict[str, list[float]]:
    """Return the `mean` and the standard deviation (`sd`) of each column over the training rows.

    The deviation of a column that is constant there is given as 1. Missing values are not counted.
    """
    means, deviations = list[float](), list[float]()
    for place in range(panel.values.shape[1]):
        known = [column[~np.isnan(column)] for column in (panel.values[rows, place] for rows in train_rows)]
        count = sum(len(part) for part in known)
        mean = sum(float(part.sum(dtype=np.float64)) for part in known) / max(count, 1)
        spread = sum(float(np.square(part - mean, dtype=np.float64).sum()) for part in known) / max(count, 1)
        largest = max((float(np.abs(part).max()) for part in known if len(part)), default=0.0)
        means.append(float(np.float32(mean)))
        deviations.append(float(np.float32(np.sqrt(spread) if spread > (1e-6 * largest) ** 2 else 1.0)))
    return {"mean": means, "sd": deviations}


def apply_scaling(panel: Panel, scaling: Mapping[str, Sequence[float]]) -> None:
    """Standardise each column in place. Missing values stay missing. scaling: as `scaling_of` returns it."""
    panel.values -= np.array(scaling["mean"], np.float32)
    panel.values /= np.array(scaling["sd"], np.float32)


def _case_rows(train: Cut) -> list[slice]:
    """The rows of each training case; validation cases are between them."""
    starts = train.ends.astype(np.int64) - train.lengths + 1
    return [slice(start, end + 1) for start, end in zip(starts.tolist(), train.ends.tolist(), strict=True)]


def _unknown_columns(panel: Panel, data: Windowed) -> Iterator[Mistake]:
    """Settings that name a column that the panel does not have, or the same column twice."""
    named = {"data.log1p": list(data.log1p)}
    if isinstance(data.label, Ahead):
        named["data.label.feature"] = [data.label.feature]
    for key, names in named.items():
        for name in names:
            if name not in panel.columns:
                close = nearest(name, panel.columns)
                problem = f"no column of this name; there are {listed(panel.columns)}"
                corrected = close if key == "data.label.feature" else [close]
                yield Mistake(key, problem, quoted(key, corrected) if close else "", name)
    repeated = sorted({name for name in data.log1p if data.log1p.count(name) > 1})
    if repeated:
        remedy = quoted("data.log1p", list(dict.fromkeys(data.log1p)))
        yield Mistake("data.log1p", f"names {listed(repeated)} more than once", remedy, list(data.log1p))


def _leaking_columns(panel: Panel, label: str) -> Iterator[str]:
    """Notes on columns from which the label may have been made. Raises RequestError for copies of the label."""
    assert panel.codes is not None
    leaks = list(leaking_columns(panel.values, panel.columns, panel.codes))
    copies = [leak.column for leak in leaks if leak.copy]
    if copies:
        rest = [name for name in panel.columns if name not in copies]
        problem = f"{listed(copies)}: a copy of the label {label!r}, one value for each class in all rows"
        raise RequestError(Mistake("data.features", problem, quoted("data.features", rest) if rest else ""))
    for leak in leaks:
        problem = f"{leak.column} alone decides {label!r} in every row"
        yield f"{problem}: if the label was made from it, take it out of data.features"


def apply_log1p(panel: Panel, data: Windowed) -> None:
    """Replace the columns of `data.log1p` by log(1 + value), in place. Raises RequestError for values below 0."""
    for name in data.log1p:
        column = panel.values[:, panel.columns.index(name)]
        if np.nanmin(column) < 0:
            problem = f"column {name!r} has values below 0, down to {np.nanmin(column):g}"
            raise RequestError(Mistake("data.log1p", problem, "leave it out of data.log1p", list(data.log1p)))
        np.log1p(column, out=column)


def with_calendar(panel: Panel, data: Windowed) -> Panel:
    """Add two columns for each period: its sine and cosine at each row. Meanwhile the panel is in memory twice."""
    length = {"day": 86_400e6, "year": 365.2425 * 86_400e6}
    names = tuple(f"{period} {wave}" for period in data.calendar for wave in ("sine", "cosine"))
    num_rows, measured = panel.values.shape
    values = np.empty((num_rows, measured + len(names)), np.float32)
    for start in range(0, num_rows, 1_000_000):
        rows = np.arange(start, min(start + 1_000_000, num_rows))
        values[rows, :measured] = panel.values[rows]
        moments = panel.times(rows).astype("datetime64[us]").astype(np.int64)
        for place, period in enumerate(data.calendar):
            angle = 2 * np.pi * (moments % length[period]) / length[period]
            values[rows, measured + 2 * place] = np.sin(angle)
            values[rows, measured + 2 * place + 1] = np.cos(angle)
    return replace(panel, values=values, columns=panel.columns + names)


def _one_class(splits: dict[str, Cut], classes: tuple[str, ...], data: Series) -> Iterator[Mistake]:
    """Splits with a single class; allowed for validation if its rows are trained on, or are one of several folds."""
    for split, cut in splits.items():
        codes = np.unique(cut.labels)
        chosen = data.split  # type: ignore[attr-defined]
        is_one_of_many = isinstance(data, Ucr) and data.split.folds is not None
        is_fitted = chosen.train_on_val or chosen.val == LEAVE_ONE_OUT
        if len(codes) > 1 or (split == "val" and (is_fitted or is_one_of_many)):
            continue
        problem = f"{split} has only one class, {classes[int(codes[0])]!r} in all of its {len(cut)} rows"
        if isinstance(data, Windowed):
            yield Mistake("data.label", problem, "another threshold or column, or other moments of the split")
        elif split == "val":
            given = data.split.val  # type: ignore[attr-defined]
            share = AUTO_SHARE if isinstance(given, str) else given
            remedy = f"data.split.val={min(0.5, 2 * share):g}, or data.split.train_on_val=true for the last epoch"
            yield Mistake("data.split.val", problem, remedy, share)
        else:
            yield Mistake("data.name", problem, "a problem with two classes or more in both files", data.name)  # type: ignore[attr-defined]


def _constant_cases(panel: Panel, data: Series) -> Iterator[Mistake]:
    """Cases that all have one and the same value in every dimension; a table is checked when it is read."""
    known = panel.values[~np.isnan(panel.values).any(1)]
    if isinstance(data, Ucr) and len(known) and (known == known[0]).all():
        yield Mistake(
            "data.name", "every case has one value at all steps: nothing to learn", "another problem", data.name
        )


def _fingerprint(panel: Panel, splits: dict[str, Cut], head: HeadSpec, filling: str | None) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((panel.columns, panel.groups if len(panel.groups) < 10_000 else None, head.classes)).encode())
    step = float(panel.step / np.timedelta64(1, "s"))
    digest.update(repr((panel.first[:1].tolist(), int(step) if step.is_integer() else step, filling)).encode())
    if panel.row_times is not None:
        digest.update(np.ascontiguousarray(panel.row_times.astype(np.int64)).data)
    digest.update(np.ascontiguousarray(panel.values).data)
    for name, cut in splits.items():
        digest.update(name.encode())
        for part in (cut.ends, cut.lengths, cut.labels):
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
