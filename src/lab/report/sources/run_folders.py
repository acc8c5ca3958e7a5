"""Run folders become `Read` records: found, held to the contract, flattened. What cannot be read is named, not dropped.

Reads through `lab.core.record.run_folder` alone. About 2 ms a run of 50 history rows, most of it JSON.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lab.core.files import MOST_YAML_BYTES, Unreadable, read_text
from lab.core.record.fields import SCHEMA_VERSION
from lab.core.record.run_folder import OtherVersion, RunFolder, StudyFolder
from lab.report.findings import Exclusion, History, Sentence, SweepSummary
from lab.report.sources.configs import Configs
from lab.report.sources.expected_runs import CONFIRMATION, sweep_of
from lab.report.sources.record_columns import history_columns, record_values


class SourceRun(NamedTuple):
    """One run as any source gives it.

    values: by column of `Runs.frame` (IDENTITY but `run` and `configuration`, OUTCOME, COSTS, metrics, `data/...`);
    config: by dotted key, as it ran; history: as in `Runs`; asked: by key what was asked for where a finder set another
    value, by which runs are of one configuration.
    """

    path: str
    values: dict[str, Any]
    config: dict[str, Any]
    history: History
    asked: Mapping[str, Any] = {}


@dataclass
class SourceRuns:
    """All that was found."""

    runs: list[SourceRun] = field(default_factory=list)
    sweeps: list[SweepSummary] = field(default_factory=list)
    exclusions: list[Exclusion] = field(default_factory=list)
    warnings: list[Sentence] = field(default_factory=list)

    def leave_out(self, folder: Path, key: str, error: Exception) -> None:
        """Name a folder of which nothing is read. key: the sentence, in which the error stands."""
        path = str(folder).encode("utf-8", "backslashreplace").decode()
        self.exclusions.append(Exclusion(path, Sentence(key, {"error": _first_line(error)})))


MOST_DEPTH = 50
"""Folders in one another below one that was given."""


class _Place(NamedTuple):
    run: RunFolder
    study: str | None


def read(folders: Iterable[Path]) -> SourceRuns:
    """Every run in and below the folders, each once."""
    reading, configs, seen = SourceRuns(), Configs(), set[str]()
    for folder in folders:
        for place in _found(folder, None, reading, seen):
            _read_run(place, configs, reading)
    return reading


def _found(folder: Path, study: str | None, reading: SourceRuns, seen: set[str], depth: int = 0) -> Iterator[_Place]:
    """Runs in the order of their numbers; sweeps go on the list on the way. seen: real paths, which are left out."""
    path = os.path.realpath(folder)
    if path in seen:
        return
    seen.add(path)
    found = _entries(folder, reading, depth)
    names = {entry.name for entry in found}
    if "run.json" in names:
        yield _Place(RunFolder(folder), study)
        return
    below = sorted((entry.name for entry in found if _may_hold_runs(entry)), key=_in_order)
    if {"multirun.yaml", "study.yaml"} & names:
        try:
            sweep = sweep_of(StudyFolder(folder), [name for name in below if name.isdigit()])
            study = sweep.name
            reading.sweeps.append(sweep)
        except (OSError, ValueError) as error:
            reading.leave_out(folder, "excluded_sweep", error)
    elif ".hydra" in names:
        reading.exclusions.append(Exclusion(str(folder), Sentence("excluded_without_record")))
    for name in below:
        again = name == "confirm" and "study.yaml" in names
        yield from _found(folder / name, f"{study}{CONFIRMATION}" if again else study, reading, seen, depth + 1)


def _entries(folder: Path, reading: SourceRuns, depth: int) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing of one that cannot be read, is too deep or has a name that no file can hold."""
    try:
        str(folder).encode("utf-8")
        if depth > MOST_DEPTH:
            raise ValueError(f"it lies more than {MOST_DEPTH} folders deep")
        with os.scandir(folder) as entries:
            return list(entries)
    except (OSError, ValueError) as error:
        reading.leave_out(folder, "excluded_folder", error)
        return []


def _may_hold_runs(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False) and entry.name != "checkpoints"


def _in_order(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdecimal() else (1 << 62, name)


def _read_run(place: _Place, configs: Configs, reading: SourceRuns) -> None:
    path = str(place.run.path)
    try:
        record = _checked(place.run)
        values = record_values(record)
    except _Unfit as unfit:
        reading.exclusions.append(Exclusion(path, unfit.sentence))
        return
    config, asked = dict[str, Any](), dict[str, Any]()
    try:
        text = read_text(place.run.config, MOST_YAML_BYTES)
        config, asked = _as_run(configs.read(text, place.run.config), record.get("requested"))
    except (OSError, ValueError) as error:
        reading.warnings.append(Sentence("config_unread", {"path": path, "error": _first_line(error)}))
    history: History = {}
    try:
        history = history_columns(place.run.history(), values["metric"])
    except (OSError, ValueError) as error:
        reading.warnings.append(Sentence("history_unread", {"path": path, "error": _first_line(error)}))
    values |= {"path": path, "epochs": len(history["epoch"]) if history else 0}
    values["study"] = place.study or values["study"]
    reading.runs.append(SourceRun(path, values, config, history, asked))


RAN = {"32-true": 32, "32": 32, "16-mixed": 16, "16": 16, "bf16-mixed": "bf16"}
"""Names of precisions as a person types them."""
FOUND = ("optimizer.lr", "optimizer.head_lr", "data.batch_size")
"""Keys whose value a finder may have set: another for each seed of one configuration."""


def _as_run(config: dict[str, Any], requested: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """The config with what ran, and what was asked for where a finder set another value.

    The precision: `auto` and 16 may be another on another machine. Rate and batch size: as their finders found them.
    """
    kept = requested if isinstance(requested, Mapping) else {}
    met = {key: one for key, one in kept.items() if isinstance(one, Mapping)}
    found = {key: met[key]["used"] for key in FOUND if isinstance(met.get(key, {}).get("used"), int | float)}
    ran = str(met.get("trainer.precision", {}).get("used", config.get("trainer.precision")))
    precision = {"trainer.precision": RAN[ran]} if ran in RAN else {}
    return config | found | precision, {key: config.get(key) for key in found}


class _Unfit(ValueError):
    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.sentence = Sentence(key, values)


def _checked(run: RunFolder) -> dict[str, Any]:
    """run.json, held to what every reader relies on."""
    try:
        record = run.read()
    except Unreadable as error:
        raise _unfit(error) from error
    except OSError as error:
        raise _Unfit("excluded_unreadable", error=error.strerror or str(error)) from error
    if record.get("objective") is None:
        raise _Unfit("excluded_foreign", error="no objective")
    return record


def _unfit(error: Unreadable) -> _Unfit:
    """Why a record cannot be read, as the report says it."""
    if isinstance(error.__cause__, json.JSONDecodeError | UnicodeDecodeError):
        return _Unfit("excluded_half_written", error=error.reason)
    if isinstance(error, OtherVersion):
        return _Unfit("excluded_version", version=error.version, known=SCHEMA_VERSION)
    return _Unfit("excluded_foreign", error=error.reason)


def _first_line(error: Exception) -> str:
    """Of an error, without what could not be written: a path need not be UTF-8."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return first.encode("utf-8", "backslashreplace").decode()
