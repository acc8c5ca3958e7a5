"""The run folder: the contract on disk between a run and everything that reads it later. Its only reader and writer.

Each file is written under another name and renamed: no reader sees half a file, and a full disk keeps the old file.
A run locks its folder and records the status `running` at its start. A killed run keeps that record: `running` in a
folder that is not locked is read as `interrupted`. Imports no torch.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from lab.core.files import (
    Unreadable,
    read_json,
    read_json_lines,
    read_text,
    read_yaml,
    write_csv,
    write_whole,
    yaml_text,
)
from lab.core.locks import is_locked
from lab.core.masking import masked
from lab.core.record.calibration_fields import calibration_faults
from lab.core.record.fields import FIELDS, SCHEMA_VERSION, Status, faults, row_faults
from lab.core.record.reference_fields import reference_faults
from lab.core.record.seal import is_sealed
from lab.core.record.spec_fields import spec_faults

ROW_COLUMNS = ("row", "text")
HEAD_SUFFIXES = ("_predicted", "_probability", "_probabilities")
"""Columns of test_predictions.parquet: those of the row, and the suffixes of each head's columns."""
RUNNING: Mapping[str, object] = {"status": "running", "reason": None, "failure": None}
"""The fields of run.json that say that a process works on the run."""
UNENDED = "no end was recorded: the process was killed, or it runs where the file system has no locks"
"""The reason of a run whose status is `running` and whose folder is not locked."""

MOST_FAULTS = 3
"""Largest number of faults of a damaged file in a message."""


class OtherVersion(Unreadable):
    """A record of another version of this contract."""

    def __init__(self, path: Path, version: str) -> None:
        super().__init__(path, f"has schema version {version}, and this program reads {SCHEMA_VERSION}")
        self.version = version


class RunFolder:
    """One run on disk.

    config.yaml, run.json, spec.json, history.jsonl, checkpoints/{best,last,refit}.ckpt, refit/, tokenizer/, base/,
    test_predictions.parquet, calibration.json, review.csv, reference.json, classification_report.txt, figures/*.png;
    Hydra adds .hydra/ and train.log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def remove_partial_files(self) -> None:
        """Remove the half-written files of a process of this run that was killed."""
        for file in self.path.rglob(".*.part"):
            file.unlink(missing_ok=True)

    @property
    def best(self) -> Path:
        """Checkpoint of the best epoch."""
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def last(self) -> Path:
        """Checkpoint to resume from."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def refit(self) -> "RunFolder":
        """Folder of a refit (`data.split.refit`) while it trains: its history and its checkpoints."""
        return RunFolder(self.path / "refit")

    @property
    def refitted(self) -> Path:
        """Checkpoint of the finished refit, of a run that has one."""
        return self.path / "checkpoints" / "refit.ckpt"

    @property
    def final(self) -> Path:
        """Checkpoint that is tested and that predicts: the refit's, or else that of the best epoch."""
        return self.refitted if self.refitted.is_file() else self.best

    @property
    def lock(self) -> Path:
        """File that is locked by the process working in the folder."""
        return self.path / ".lock"

    @property
    def config(self) -> Path:
        """File of all settings of the run."""
        return self.path / "config.yaml"

    @property
    def spec(self) -> Path:
        """File that describes the data that the model was built for."""
        return self.path / "spec.json"

    @property
    def tokenizer(self) -> Path:
        """Folder of the vocabulary and the architecture."""
        return self.path / "tokenizer"

    @property
    def base(self) -> Path:
        """Folder of the simple model that the network's logits are added to (`model.base`)."""
        return self.path / "base"

    @property
    def figures(self) -> Path:
        """Folder of the figures."""
        return self.path / "figures"

    @property
    def predictions(self) -> Path:
        """File of the predictions on the test rows."""
        return self.path / "test_predictions.parquet"

    @property
    def fold_predictions(self) -> Path:
        """File of the predictions on the validation rows, of a run on one fold (`data.split.folds`)."""
        return self.path / "val_predictions.parquet"

    @property
    def calibration(self) -> Path:
        """File of the temperatures of the heads."""
        return self.path / "calibration.json"

    @property
    def review(self) -> Path:
        """File of the validation and test rows that a person should look at."""
        return self.path / "review.csv"

    @property
    def reference(self) -> Path:
        """File of what the training and test rows are like, which new rows are compared with."""
        return self.path / "reference.json"

    def read(self) -> dict[str, Any]:
        """Return run.json; the status `running` becomes `interrupted` where no process has locked the folder.

        Raises FileNotFoundError if the file is missing, Unreadable if it is damaged.
        """
        record = self._recorded()
        if record["status"] == "running" and not is_locked(self.lock):
            record |= {"status": "interrupted", "reason": UNENDED}
        return record

    def _recorded(self) -> dict[str, Any]:
        path = self.path / "run.json"
        record = read_json(path, dict)
        version = record.get("schema_version", SCHEMA_VERSION)
        if version != SCHEMA_VERSION:
            raise OtherVersion(path, str(version)[:40])
        _refuse(path, list(faults(record)))
        return record

    def read_spec(self) -> dict[str, Any]:
        """Return spec.json, the data that the model was built for, as `lab.core.batches.spec_fields` gives them.

        Raises as `read`.
        """
        fields = read_json(self.spec, dict)
        _refuse(self.spec, list(spec_faults(fields)))
        return fields

    def write_spec(self, fields: Mapping[str, object]) -> None:
        """Write spec.json."""
        self.write_text(self.spec.name, json.dumps(plain(fields), indent=2, ensure_ascii=False) + "\n")

    def read_calibration(self) -> dict[str, Any] | None:
        """Return calibration.json as `lab.core.record.calibration_fields` describes it; None for a run without it.

        Raises Unreadable if it is damaged.
        """
        try:
            content = read_json(self.calibration, dict)
        except FileNotFoundError:
            return None
        _refuse(self.calibration, list(calibration_faults(content)))
        return content

    def write_calibration(self, content: Mapping[str, object]) -> None:
        """Write calibration.json."""
        self.write_text(self.calibration.name, json.dumps(plain(content), indent=1, ensure_ascii=False) + "\n")

    def read_reference(self) -> dict[str, Any] | None:
        """Return reference.json as `lab.core.record.reference_fields` describes it; None for a run without it.

        Raises Unreadable if it is damaged.
        """
        try:
            content = read_json(self.reference, dict)
        except FileNotFoundError:
            return None
        _refuse(self.reference, list(reference_faults(content)))
        return content

    def write_reference(self, content: Mapping[str, object]) -> None:
        """Write reference.json."""
        self.write_text(self.reference.name, json.dumps(plain(content), ensure_ascii=False) + "\n")

    def read_config(self) -> dict[str, Any]:
        """Return config.yaml with its interpolations unresolved. Raises as `read`."""
        return read_yaml(self.config)

    def is_own(self) -> bool:
        """Return whether this user's `lab` wrote the settings: text of other users' records is not shown as advice."""
        try:
            return is_sealed(read_text(self.config))
        except (OSError, Unreadable):
            return False

    def start(self, **fields: object) -> None:
        """Write the first run.json, with the status `running`."""
        self._write({"schema_version": SCHEMA_VERSION, **RUNNING} | fields)

    def update(self, **fields: object) -> None:
        """Replace top-level fields of run.json. Raises ValueError for an unknown field or status."""
        self._write(self._recorded() | fields)

    def _write(self, record: Mapping[str, object]) -> None:
        unknown = sorted(set(record) - set(FIELDS))
        if unknown:
            raise ValueError(f"run.json has no field {', '.join(unknown)}")
        if record["status"] not in get_args(Status):
            raise ValueError(f"status {record['status']!r} is none of {', '.join(get_args(Status))}")
        self.write_text("run.json", json.dumps(plain(record), indent=2, ensure_ascii=False) + "\n")

    def append_history(self, row: Mapping[str, object]) -> None:
        """Add the row of one validation (`epoch`, `step`, then metrics with their split prefix)."""
        with (self.path / "history.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain(row), ensure_ascii=False) + "\n")

    def history(self) -> list[dict[str, Any]]:
        """One row per validation; lines of the same step are one row, and a last line that a kill left unfinished is
        left out. Raises Unreadable for a wrong line."""
        path = self.path / "history.jsonl"
        if not path.exists():
            return []
        rows = read_json_lines(path)
        for number, row in enumerate(rows, 1):
            if (fault := next(row_faults(row), None)) is not None:
                raise Unreadable(path, f"line {number}: {fault}")
        merged: dict[tuple[int, int], dict[str, Any]] = {}
        for row in rows:
            merged.setdefault((row["epoch"], row["step"]), {}).update(row)
        return list(merged.values())

    def cut_history(self, step: int) -> None:
        """Remove the rows after optimizer step `step`: a resumed run writes them again."""
        kept = [row for row in self.history() if row["step"] <= step]
        self.write_text("history.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept))

    def write_text(self, name: str, text: str) -> None:
        """Write a text file of the folder in one step."""
        write_whole(self.path / name, lambda aside: aside.write_text(text, encoding="utf-8"))

    def write_predictions(self, columns: Mapping[str, Any], path: Path | None = None) -> None:
        """Write the test rows in input order, or other rows to `path`.

        A column is a list, Arrow array or numpy array, (rows,) or (rows, K). A matrix becomes a column of lists of K
        numbers, without a Python object per number.
        """
        import pyarrow
        import pyarrow.parquet

        def column(values: Any) -> Any:
            if not isinstance(values, np.ndarray) or values.ndim == 1:
                return values
            flat = pyarrow.array(np.ascontiguousarray(values).reshape(-1))
            return pyarrow.FixedSizeListArray.from_arrays(flat, values.shape[1])

        table = pyarrow.table({name: column(values) for name, values in columns.items()})
        write_whole(path or self.predictions, lambda aside: pyarrow.parquet.write_table(table, aside))


def _refuse(path: Path, wrong: Sequence[str]) -> None:
    if wrong:
        rest = len(wrong) - MOST_FAULTS
        raise Unreadable(path, "; ".join(wrong[:MOST_FAULTS]) + (f"; and {rest} more" if rest > 0 else ""))


class StudyFolder:
    """A sweep on disk: study.yaml, journal.log, trials.csv, summary.json, experiment/best.yaml, a folder per trial."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def journal(self) -> Path:
        """File of Optuna's record of the trials."""
        return self.path / "journal.log"

    @property
    def lock(self) -> Path:
        """File that is locked by the process working in the folder."""
        return self.path / ".lock"

    def trial(self, name: int | str) -> RunFolder:
        """Return the run folder of a trial."""
        return RunFolder(self.path / str(name))

    def read_study(self) -> dict[str, Any] | None:
        """Return study.yaml; None for a new study. Raises Unreadable if it is damaged."""
        path = self.path / "study.yaml"
        return read_yaml(path) if path.exists() else None

    def write_study(self, study: Mapping[str, object]) -> None:
        """Write study.yaml: search space, goal, policy, limits, and the fingerprints that a resume compares."""
        text = yaml_text(plain(study))
        write_whole(self.path / "study.yaml", lambda aside: aside.write_text(text, encoding="utf-8"))

    def write_trials(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write trials.csv: one row per trial, with the columns of all rows in order of first appearance."""
        write_csv(self.path / "trials.csv", rows)

    def write_summary(self, summary: Mapping[str, object]) -> None:
        """Write summary.json."""
        text = json.dumps(plain(summary), indent=2, ensure_ascii=False) + "\n"
        write_whole(self.path / "summary.json", lambda aside: aside.write_text(text, encoding="utf-8"))


def plain(value: Any) -> Any:
    """Return `value` as JSON can express it: numpy and torch scalars as numbers, paths as text, NaN and infinities as
    null, URLs without their user information."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, np.generic) or (hasattr(value, "item") and hasattr(value, "dtype")):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return masked(str(value)) if isinstance(value, str | Path) else value
