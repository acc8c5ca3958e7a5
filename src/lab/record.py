"""The run folder: the contract on disk between a run and everything that reads runs later. Its only reader and writer.

Every file is written aside and renamed, so that a reader never sees half of one, and a full disk leaves the old one. A
run that is killed keeps the record of its start, whose status says that no end was recorded. Imports no torch.
"""

import csv
import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import yaml

from lab.masking import masked
from lab.seal import is_sealed, sealed

SCHEMA_VERSION = 1
CHOICES = ("model", "data", "peft", "loss", "optimizer", "scheduler", "callbacks", "trainer", "cache")
"""Groups of conf/ that make a recipe."""
_NAME = re.compile(r"\w[\w.-]*")
Status = Literal["completed", "early_stopped", "terminated", "failed", "interrupted"]
ROW_COLUMNS = ("row", "text")
HEAD_SUFFIXES = ("_predicted", "_probability", "_probabilities")
"""Columns of test_predictions.parquet: a row's own, and what follows the name of a head beside its truth."""
UNENDED = "no end was recorded: the process is still running, or it was killed"

FIELDS = (
    "schema_version", "status", "reason", "failure", "command", "objective", "metrics", "baselines", "reference",
    "parameters", "data", "timing_s", "throughput", "memory", "versions", "git_commit", "seed", "sweep", "model",
    "requested", "resumed", "warnings", "process", "cache",
)  # fmt: skip
"""Top-level keys of run.json. `warnings` are lines the run gave about itself (overfitting). `cache`: what
`cache.frozen` found and made, {layers, dtype, key, entries, hits, bytes, seconds}; empty without it.

`requested` holds what was asked for and met by something else (precision 16 on a CPU).
"""


class RunFolder:
    """One run on disk.

    config.yaml, run.json, history.jsonl, checkpoints/{best,last}.ckpt, tokenizer/, test_predictions.parquet,
    classification_report.txt, figures/*.png; Hydra adds .hydra/ and train.log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def sweep(self) -> None:
        """Take away what a process of this run that was killed left half written."""
        for left in self.path.rglob(".*.part"):
            left.unlink(missing_ok=True)

    @property
    def best(self) -> Path:
        return self.path / "checkpoints" / "best.ckpt"

    @property
    def last(self) -> Path:
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def lock(self) -> Path:
        """Locked by the command that works in the folder."""
        return self.path / ".lock"

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def tokenizer(self) -> Path:
        return self.path / "tokenizer"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def predictions(self) -> Path:
        return self.path / "test_predictions.parquet"

    def read(self) -> dict[str, Any]:
        """run.json. Raises FileNotFoundError where there is none."""
        record: dict[str, Any] = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        return record

    def start(self, **fields: object) -> None:
        """Write the first run.json; its status holds until an end is recorded."""
        self._write(
            {"schema_version": SCHEMA_VERSION, "status": "interrupted", "reason": UNENDED, "failure": None} | fields
        )

    def update(self, **fields: object) -> None:
        """Replace top-level fields of run.json. Raises ValueError for a field or status the contract does not know."""
        self._write(self.read() | fields)

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
        """Rows so far; a last line torn by a kill is left out."""
        path = self.path / "history.jsonl"
        if not path.exists():
            return []
        text = path.read_text(encoding="utf-8")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def cut_history(self, step: int) -> None:
        """Drop rows after optimizer step `step`: a resumed run writes them again."""
        kept = [row for row in self.history() if row["step"] <= step]
        self.write_text("history.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept))

    def write_text(self, name: str, text: str) -> None:
        write_whole(self.path / name, lambda aside: aside.write_text(text, encoding="utf-8"))

    def write_predictions(self, columns: Mapping[str, Any]) -> None:
        """Test rows in input order, one column per name: a list, an Arrow array or a numpy array, (rows,) or (rows, K).

        A matrix becomes a column of lists of K numbers, without a Python object per number.
        """
        import pyarrow
        import pyarrow.parquet

        def column(values: Any) -> Any:
            if not isinstance(values, np.ndarray) or values.ndim == 1:
                return values
            flat = pyarrow.array(np.ascontiguousarray(values).reshape(-1))
            return pyarrow.FixedSizeListArray.from_arrays(flat, values.shape[1])

        table = pyarrow.table({name: column(values) for name, values in columns.items()})
        write_whole(self.predictions, lambda aside: pyarrow.parquet.write_table(table, aside))


class StudyFolder:
    """A sweep on disk: study.yaml, journal.log, trials.csv, summary.json, experiment/best.yaml, a folder a trial."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def journal(self) -> Path:
        return self.path / "journal.log"

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    def trial(self, name: int | str) -> RunFolder:
        return RunFolder(self.path / str(name))

    def read_study(self) -> dict[str, Any] | None:
        """study.yaml, None where the study is new."""
        path = self.path / "study.yaml"
        return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None

    def write_study(self, study: Mapping[str, object]) -> None:
        """What the study is: space, goal, policy, limits, and the fingerprints a resume is held to."""
        text = yaml.safe_dump(plain(study), sort_keys=False, allow_unicode=True)
        write_whole(self.path / "study.yaml", lambda aside: aside.write_text(text, encoding="utf-8"))

    def write_trials(self, rows: Sequence[Mapping[str, object]]) -> None:
        """trials.csv: one row a trial; columns are those of all rows, in the order they come up."""
        names = list(dict.fromkeys(name for row in rows for name in row))

        def write(aside: Path) -> None:
            with aside.open("w", encoding="utf-8", newline="") as file:
                table = csv.DictWriter(file, names, lineterminator="\n")
                table.writeheader()
                table.writerows(rows)

        write_whole(self.path / "trials.csv", write)

    def write_summary(self, summary: Mapping[str, object]) -> None:
        text = json.dumps(plain(summary), indent=2, ensure_ascii=False) + "\n"
        write_whole(self.path / "summary.json", lambda aside: aside.write_text(text, encoding="utf-8"))


def write_best(folder: Path, run: RunFolder, words: str) -> Path:
    """experiment/best.yaml in `folder`: the recipe of `run`, for `--config-dir folder experiment=best`.

    words: one line on why it is the best. What names a run and no model (name, tags, loggers) is left out, and so is
    whatever is no setting and the place of the cache: the run may be anybody's.
    """
    saved = run.config.read_text(encoding="utf-8")
    config = yaml.safe_load(saved)
    hydra = yaml.safe_load((run.path / ".hydra" / "hydra.yaml").read_text(encoding="utf-8"))["hydra"]
    choices = hydra["runtime"]["choices"]
    chosen = {group: choices[group] for group in CHOICES if _NAME.fullmatch(str(choices.get(group) or ""))}
    recipe: dict[str, Any] = {"defaults": [*({f"override /{group}": name} for group, name in chosen.items()), "_self_"]}
    recipe |= {key: config[key] for key in (*CHOICES, "name", "seed", "objective") if key in config}
    recipe["cache"] = {key: value for key, value in (config.get("cache") or {}).items() if key != "dir"}
    said = " ".join(words.split())
    text = f"# @package _global_\n# {said}\n" + yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)
    if is_sealed(saved):
        text = sealed(text)
    path = folder / "experiment" / "best.yaml"
    write_whole(path, lambda aside: aside.write_text(text, encoding="utf-8"))
    return path


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then rename it: readers see the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: numpy and torch scalars as numbers, paths as text, NaN and infinities as null, URLs
    without their user information."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if isinstance(value, np.generic) or (hasattr(value, "item") and hasattr(value, "dtype")):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return masked(str(value)) if isinstance(value, str | Path) else value
