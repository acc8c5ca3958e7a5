"""New rows in, the same rows with predictions out: the command `predict.py`, piece by piece in constant memory.

Every input column is carried through as text; predictions are `predicted_<head>`. Rows without a text keep their place
with empty predictions and are listed in NAME.rejected.csv. Where the label columns are there too, the predictions are
scored.
"""

import csv
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from lab.config.schema import Columned, Config, Labelled
from lab.config.schema.predict import PredictRequest
from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import Mistake, RequestError, listed, nearest, refuse_if_any
from lab.core.hydra_quoting import quoted
from lab.data.progress_lines import ticker
from lab.data.readers import text_files
from lab.data.readers.row_file import FileSettings
from lab.data.readers.text_table import BATCH, Table
from lab.data.text.text_columns import join_columns, without_markers
from lab.inference.prediction_file import STANDARD_OUTPUT, PredictionFile, open_predictions, refuse_output
from lab.inference.run_folders import run_of
from lab.inference.text_predictor import TextPredictor, predicted_name
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.training.build.tokenizer import load_tokenizer
from lab.training.evaluation.classification import score_labels
from lab.training.tasks.saved_model import load_model, read_config

log = logging.getLogger(__name__)
STANDARD_INPUT = "-"


@dataclass
class Outcome:
    """What a prediction came to. scores: of the rows with labels, empty without any; rejected: (row, reason)."""

    num_rows: int = 0
    scores: dict[str, float] = field(default_factory=dict)
    rejected: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _TextColumns:
    """The columns of a run's texts by their names in the input, and how its cells become a text."""

    text: tuple[str, ...]
    separator: str
    missing: tuple[str, ...]

    def texts(self, cells: dict[str, Any]) -> list[str | None]:
        """The text of each row; None where all its cells are missing or blank."""
        joined = join_columns([without_markers(cells[name], self.missing) for name in self.text], self.separator)
        return [text if text and text.strip() else None for text in joined.to_pylist()]


def predict(request: PredictRequest) -> Outcome:
    """Label the rows of the inputs and write the output. Raises RequestError for everything that is wrong with the
    request, the run or the files; nothing is left half-written then."""
    run = run_of(request.run)
    if request.output != STANDARD_OUTPUT:
        refuse_output(Path(request.output).expanduser(), request.resume_output)
    config = read_config(run)
    if not isinstance(config.data, Labelled):
        problem = f"was trained on data of kind {config.data.kind}; predictions are made for labelled texts so far"
        raise RequestError(Mistake("run", problem, "a run on texts with label columns", request.run))
    if request.threads is not None:
        torch.set_num_threads(request.threads)
    with _inputs(request) as tables:
        columns = _columns(config, tables, request)
        model = load_model(run.path)
        assert isinstance(model, MultitaskTextClassifier), f"{type(model).__name__} reads no texts"
        predictor = TextPredictor(model, load_tokenizer(run.tokenizer), request.batch_size, _device(request))
        _refuse_clashes(predictor, tables, request)
        return _predicted(predictor, columns, tables, request)


def _predicted(
    predictor: TextPredictor, columns: _TextColumns, tables: Sequence[Table], request: PredictRequest
) -> Outcome:
    output, outcome = open_predictions(request.output, request.resume_output, request.safe_csv), Outcome()
    total = sum(map(len, tables))
    tick = ticker("predicting", total, "rows")
    if output.num_written:
        log.info("%d of %d rows are written already", output.num_written, total)
    truth: dict[str, list[np.ndarray[Any, Any]]] = {}
    guesses: dict[str, list[np.ndarray[Any, Any]]] = {}
    for cells in _pieces(tables, output.num_written):
        texts = columns.texts(cells)
        begun = output.num_written + outcome.num_rows
        outcome.rejected += [(begun + place, "no text") for place, text in enumerate(texts) if text is None]
        predicted = predictor.columns(texts, request.top_k)
        _collect(predictor.spec.heads, cells, predicted, request, truth, guesses)
        output.write(pa.table({**cells, **predicted}))
        outcome.num_rows += len(texts)
        tick(len(texts))
    output.close()
    _write_rejected(output, outcome)
    heads = tuple(head for head in predictor.spec.heads if head.name in truth)
    if heads:
        joined = [{name: np.concatenate(parts) for name, parts in each.items()} for each in (guesses, truth)]
        outcome.scores = score_labels(joined[0], joined[1], heads)
    return outcome


def _pieces(tables: Sequence[Table], start: int) -> Iterator[dict[str, Any]]:
    """The cells of all tables from row `start` on, a few thousand rows at a time."""
    for table in tables:
        names = table.columns
        narrowed = table.narrow(names)
        for first in range(min(start, len(table)), len(table), BATCH):
            yield narrowed.read(slice(first, min(first + BATCH, len(table))))
        start = max(0, start - len(table))


def _collect(
    heads: Sequence[HeadSpec], cells: dict[str, Any], predicted: dict[str, Any], request: PredictRequest,
    truth: dict[str, list[Any]], guesses: dict[str, list[Any]],
) -> None:  # fmt: skip
    """Add the codes of the labels that the input has, and of the predictions, of rows that have both."""
    for head in heads:
        name = request.columns.get(head.name, head.name)
        if name not in cells:
            continue
        codes = {label: code for code, label in enumerate(head.classes)}
        labels = np.array([codes.get(cell or "", MISSING) for cell in cells[name].to_pylist()], np.int64)
        best = np.array(
            [codes.get(cell or "", MISSING) for cell in predicted[predicted_name(head)].to_pylist()], np.int64
        )
        known = (labels != MISSING) & (best != MISSING)
        if known.any():
            truth.setdefault(head.name, []).append(labels)
            guesses.setdefault(head.name, []).append(np.where(best == MISSING, 0, best))


class _inputs:
    """The tables of the inputs; standard input is copied to a file that goes away afterwards."""

    def __init__(self, request: PredictRequest) -> None:
        self.request, self.folder = request, Path(tempfile.mkdtemp(prefix="lab-predict-"))

    def __enter__(self) -> list[Table]:
        request, mistakes, tables = self.request, list[Mistake](), list[Table]()
        settings = FileSettings(request.delimiter, request.encoding)
        for named in request.input:
            path = Path(named).expanduser()
            if named == STANDARD_INPUT:
                path = self.folder / "standard_input.csv"
                with path.open("wb") as file:
                    shutil.copyfileobj(sys.stdin.buffer, file)
            try:
                tables.append(text_files.open_file(path, "input", settings, Path(request.cache).expanduser()))
            except RequestError as error:
                mistakes += error.mistakes
        refuse_if_any(mistakes)
        return tables

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            shutil.rmtree(self.folder)


def _columns(config: Config, tables: Sequence[Table], request: PredictRequest) -> _TextColumns:
    """Raises RequestError with every text column that an input lacks, and every name that `columns` has in vain."""
    data = config.data
    text = data.text if isinstance(data, Columned) else ("text",)
    separator = data.text_separator if isinstance(data, Columned) else " "
    missing = data.missing_markers if isinstance(data, Columned) else ()
    labels = data.labels if isinstance(data, Columned) else ()
    mistakes = []
    for name in request.columns:
        if name not in (*text, *labels) and isinstance(data, Columned):
            problem = f"is no column of the training data; there are {listed([*text, *labels])}"
            mistakes.append(Mistake(f"columns.{name}", problem, f"leave out columns.{name}", request.columns[name]))
    wanted = tuple(request.columns.get(name, name) for name in text)
    for table, named in zip(tables, request.input, strict=True):
        for name, column in zip(text, wanted, strict=True):
            if column in table.columns:
                continue
            near = nearest(column, table.columns) or table.columns[0]
            problem = f"{named} has no column {column}, which the run was trained on; it has {listed(table.columns)}"
            mistakes.append(Mistake("columns", problem, quoted("columns", {name: near})))
    refuse_if_any(dict.fromkeys(mistakes))
    return _TextColumns(wanted, separator, missing)


def _refuse_clashes(predictor: TextPredictor, tables: Sequence[Table], request: PredictRequest) -> None:
    """Raises RequestError for inputs whose columns differ, or have the name of a column that is written."""
    first, mistakes = tables[0].columns, []
    for table, named in zip(tables, request.input, strict=True):
        if table.columns != first:
            problem = f"{named} has other columns than {request.input[0]}"
            mistakes.append(Mistake("input", problem, "one command per file, each with its own output", named))
    written = {
        name for name in predictor.columns([], request.top_k) if name not in {h.name for h in predictor.spec.heads}
    }
    clashes = sorted(written & set(first))
    if clashes:
        problem = f"has columns that the predictions are written to: {listed(clashes)}"
        mistakes.append(Mistake("input", problem, "another name for them in the file", request.input[0]))
    refuse_if_any(mistakes)


def _write_rejected(output: PredictionFile, outcome: Outcome) -> None:
    """List the rows without a prediction, counted from 0 without the header."""
    if not outcome.rejected or output.path is None:
        return
    path = output.path.with_name(f"{output.path.name}.rejected.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("row", "reason"), *outcome.rejected])


def _device(request: PredictRequest) -> torch.device:
    if request.accelerator == "gpu" and not torch.cuda.is_available():
        raise RequestError(Mistake("accelerator", "torch sees no GPU", "accelerator=auto", "gpu"))
    return torch.device("cuda" if torch.cuda.is_available() and request.accelerator != "cpu" else "cpu")


def summary(outcome: Outcome, request: PredictRequest) -> list[str]:
    """The lines that the command ends with."""
    lines = [f"{outcome.num_rows} rows in {request.output}"]
    if outcome.rejected:
        lines.append(f"{len(outcome.rejected)} rows have no text and no prediction: {request.output}.rejected.csv")
    if outcome.scores:
        shown = {name: value for name, value in outcome.scores.items() if name.endswith(("accuracy", "f1_macro"))}
        lines.append(
            "scores of the labelled rows: " + ", ".join(f"{name} {value:.3f}" for name, value in shown.items())
        )
    return lines
