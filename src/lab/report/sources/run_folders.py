"""Finds run folders, checks their records and flattens them. Unreadable folders are named, not dropped.

All files are read through `lab.core.record.run_folder`. Cost: about 2 ms for a run with 50 history rows, mostly JSON.
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
from lab.report.sources.configs import ConfigReader
from lab.report.sources.expected_runs import CONFIRMATION, sweep_of
from lab.report.sources.record_columns import history_columns, num_epochs, record_values


class SourceRun(NamedTuple):
    """One run as every source returns it.

    values: by column of `Runs.frame` (IDENTITY except `run` and `configuration`, OUTCOME, COSTS, metrics, `data/...`);
    config: by dotted key, with the values that ran; history: as in `Runs`; requested: by key, the requested value where
    a finder set another value. Runs with equal requested values have the same configuration.
    """

    path: str
    values: dict[str, Any]
    config: dict[str, Any]
    history: History
    requested: Mapping[str, Any] = {}


@dataclass
class SourceRuns:
    """All runs and sweeps of a source, what was excluded, and warnings."""

    runs: list[SourceRun] = field(default_factory=list)
    sweeps: list[SweepSummary] = field(default_factory=list)
    exclusions: list[Exclusion] = field(default_factory=list)
    warnings: list[Sentence] = field(default_factory=list)

    def exclude(self, folder: Path, key: str, error: Exception) -> None:
        """Record a folder that cannot be read. key: of the sentence that contains the error."""
        path = str(folder).encode("utf-8", "backslashreplace").decode()
        self.exclusions.append(Exclusion(path, Sentence(key, {"error": _first_line(error)})))


MAX_DEPTH = 50
"""Folders are searched to this depth below a requested folder."""


class _RunPlace(NamedTuple):
    run: RunFolder
    study: str | None


def read(folders: Iterable[Path]) -> SourceRuns:
    """Return every run in and below the folders, each once."""
    source, configs, seen = SourceRuns(), ConfigReader(), set[str]()
    for folder in folders:
        for place in _find_runs(folder, None, source, seen):
            _read_run(place, configs, source)
    return source


def _find_runs(
    folder: Path, study: str | None, source: SourceRuns, seen: set[str], depth: int = 0
) -> Iterator[_RunPlace]:
    """Yield runs in the order of their numbers and add sweeps to `source`. seen: real paths, which are skipped."""
    path = os.path.realpath(folder)
    if path in seen:
        return
    seen.add(path)
    entries = _entries(folder, source, depth)
    names = {entry.name for entry in entries}
    if "run.json" in names:
        yield _RunPlace(RunFolder(folder), study)
        return
    below = sorted((entry.name for entry in entries if _may_contain_runs(entry)), key=_numeric_first)
    if {"multirun.yaml", "study.yaml"} & names:
        try:
            sweep = sweep_of(StudyFolder(folder), [name for name in below if name.isdigit()])
            study = sweep.name
            source.sweeps.append(sweep)
        except (OSError, ValueError) as error:
            source.exclude(folder, "excluded_sweep", error)
    elif ".hydra" in names:
        source.exclusions.append(Exclusion(str(folder), Sentence("excluded_without_record")))
    for name in below:
        is_confirmation = name == "confirm" and "study.yaml" in names
        yield from _find_runs(
            folder / name, f"{study}{CONFIRMATION}" if is_confirmation else study, source, seen, depth + 1
        )


def _entries(folder: Path, source: SourceRuns, depth: int) -> list[os.DirEntry[str]]:
    """Return the entries of a folder; none if it cannot be read, is too deep or has a name that is not UTF-8."""
    try:
        str(folder).encode("utf-8")
        if depth > MAX_DEPTH:
            raise ValueError(f"it is more than {MAX_DEPTH} folders deep")
        with os.scandir(folder) as entries:
            return list(entries)
    except (OSError, ValueError) as error:
        source.exclude(folder, "excluded_folder", error)
        return []


def _may_contain_runs(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False) and entry.name != "checkpoints"


def _numeric_first(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdecimal() else (1 << 62, name)


def _read_run(place: _RunPlace, configs: ConfigReader, source: SourceRuns) -> None:
    path = str(place.run.path)
    try:
        record = _read_record(place.run)
        values = record_values(record)
    except _UnusableRecord as error:
        source.exclusions.append(Exclusion(path, error.sentence))
        return
    config, requested = dict[str, Any](), dict[str, Any]()
    try:
        text = read_text(place.run.config, MOST_YAML_BYTES)
        config, requested = _as_run(configs.read(text, place.run.config), record.get("requested"))
    except (OSError, ValueError) as error:
        source.warnings.append(Sentence("config_unread", {"path": path, "error": _first_line(error)}))
    history: History = {}
    try:
        history = history_columns(place.run.history(), values["metric"])
    except (OSError, ValueError) as error:
        source.warnings.append(Sentence("history_unread", {"path": path, "error": _first_line(error)}))
    values |= {"path": path, "epochs": num_epochs(history)}
    values["study"] = place.study or values["study"]
    source.runs.append(SourceRun(path, values, config, history, requested))


PRECISIONS = {"32-true": 32, "32": 32, "16-mixed": 16, "16": 16, "bf16-mixed": "bf16", "64-true": 64, "64": 64,
              "16-true": "16-true", "bf16-true": "bf16-true"}  # fmt: skip
"""Precisions as a person types them."""
FINDER_KEYS = ("optimizer.lr", "optimizer.head_lr", "data.batch_size")
"""Keys that a finder may have set to a different value for each seed of one configuration."""


def _as_run(config: dict[str, Any], requested: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the config with the values that ran, and the requested values where a finder set other values.

    The precisions `auto` and 16 depend on the machine. The learning rate and the batch size are those that a finder
    set.
    """
    kept = requested if isinstance(requested, Mapping) else {}
    by_key = {key: values for key, values in kept.items() if isinstance(values, Mapping)}
    set_by_finder = {
        key: by_key[key]["used"] for key in FINDER_KEYS if isinstance(by_key.get(key, {}).get("used"), int | float)
    }
    used = str(by_key.get("trainer.precision", {}).get("used", config.get("trainer.precision")))
    precision = {"trainer.precision": PRECISIONS[used]} if used in PRECISIONS else {}
    return config | set_by_finder | precision, {key: config.get(key) for key in set_by_finder}


class _UnusableRecord(ValueError):
    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(key)
        self.sentence = Sentence(key, values)


def _read_record(run: RunFolder) -> dict[str, Any]:
    """Return run.json if it has what every reader relies on."""
    try:
        record = run.read()
    except Unreadable as error:
        raise _unusable(error) from error
    except OSError as error:
        raise _UnusableRecord("excluded_unreadable", error=error.strerror or str(error)) from error
    if record.get("objective") is None:
        raise _UnusableRecord("excluded_foreign", error="no objective")
    return record


def _unusable(error: Unreadable) -> _UnusableRecord:
    """Return why a record cannot be read, in the report's words."""
    if isinstance(error.__cause__, json.JSONDecodeError | UnicodeDecodeError):
        return _UnusableRecord("excluded_half_written", error=error.reason)
    if isinstance(error, OtherVersion):
        return _UnusableRecord("excluded_version", version=error.version, known=SCHEMA_VERSION)
    return _UnusableRecord("excluded_foreign", error=error.reason)


def _first_line(error: Exception) -> str:
    """Return the first line of an error as valid UTF-8, which a path need not be."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return first.encode("utf-8", "backslashreplace").decode()
