"""One request for predictions: the run, its predictor, rows in pieces, the output and what is said at the end.

Everything that can be wrong with the request is checked before a row is predicted. Memory holds one piece of rows.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from lab.config.schema import Config, Files
from lab.config.schema import Table as SeriesTable
from lab.config.schema.predict import PredictRequest
from lab.core.errors import Mistake, RequestError, RunError
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.display import StatusLine
from lab.core.terminal.tables import Table
from lab.data.readers.row_file import FileSettings
from lab.inference.doubt.columns import DoubtingPredictor, refuse_repeated, requested_doubts
from lab.inference.drift.compare import compare
from lab.inference.drift.file import drift_lines, load_reference, refuse_drift, write_drift
from lab.inference.drift.profile import Profile
from lab.inference.explain.columns import explained, page_path
from lab.inference.inputs.interface import Input, NewRow, Settings
from lab.inference.inputs.opened import pieces
from lab.inference.onnx.load import load_model
from lab.inference.outputs import Output, open_output, refuse_output
from lab.inference.predictor import Cells, Field, Predictor
from lab.inference.rejected import Rejected
from lab.inference.tasks import predictor_of
from lab.inference.winner import find_run
from lab.training.doubt.saved import calibration_lines

log = logging.getLogger(__name__)
PIECE_ROWS = 4096
"""Most rows read, predicted and written at a time."""
GIVEN = "_given"
"""Suffix of a column of the input whose name is that of a prediction."""
LINE_EVERY_S = 30.0
DRAW_EVERY_S = 0.2


@dataclass(frozen=True)
class Done:
    """What a request has done: rows written, lines to say, the table of scores if labels were there.

    unpredicted: number of rows of the output without a prediction, which the last line says; newly_unpredicted: of
    them those of this command, and not of one whose output it resumes.
    """

    rows: int
    lines: list[str]
    scores: Table | None
    unpredicted: int = 0
    newly_unpredicted: int = 0


def predict(request: PredictRequest) -> Done:
    """Write the predictions of a request. Raises RequestError for a wrong request, RunError for a failure."""
    refuse_output(request.output, request.resume_output)
    refuse_drift(request)
    page = page_path(request)
    folder = find_run(request.run)
    profile = Profile(load_reference(RunFolder(folder))) if request.drift else None
    config, model = load_model(folder, request.checkpoint)
    log.info("the model is that of the run in %s", folder)
    predictor = predictor_of(config, model, folder, request)
    predictor.profile = profile
    best = predictor.best
    doubts = requested_doubts(request, RunFolder(folder), best)
    predictor.novelty = doubts.novelty
    with ExitStack() as files:
        if request.explain:
            predictor = files.enter_context(explained(predictor, page, request.resume_output))
        if doubts.abstain_below is not None or doubts.novelty is not None:
            predictor = DoubtingPredictor(predictor, best, doubts)
        inputs = predictor.open(request.input, _settings(request, config, files), request.columns)
        refuse_repeated([field.name for field in predictor.fields], request)
        done, last = _done(request, predictor, inputs)
        done = replace(done, lines=[*done.lines, *(calibration_lines(RunFolder(folder)) if best else [])])
    done = done if profile is None else _with_drift(done, request, folder, profile)
    return done if last is None else replace(done, lines=[*done.lines, last])


def _done(request: PredictRequest, predictor: Predictor, inputs: Sequence[Input]) -> tuple[Done, str | None]:
    """Predict; return also the line about rows without a prediction."""
    carried = list(dict.fromkeys(name for source in inputs for name in source.columns))
    columns = given_names(carried, [field.name for field in predictor.fields])
    try:
        with _writing(request, inputs, carried, columns, predictor.fields) as (output, rejected):
            rows = _rows(inputs, output, carried, min(PIECE_ROWS, predictor.piece_rows))
            num = _predict_all(rows, predictor, output, rejected, carried)
    except OSError as error:
        raise RunError(f"the predictions cannot be written: {error}") from error
    lines = [f"{num} rows in {request.output}" + (f" behind {output.done} earlier ones" if output.done else "")]
    renamed = [f"{name} -> {new}" for name, new in zip(carried, columns, strict=False) if name != new]
    lines += [f"columns of the input with the name of a prediction are called: {', '.join(renamed)}"] if renamed else []
    done = Done(num, lines + predictor.remarks(), predictor.scores(), rejected.total, rejected.num)
    return done, rejected.summary(output.done + num)


def _with_drift(done: Done, request: PredictRequest, folder: Path, profile: Profile) -> Done:
    """Write the drift file, and say what shifted."""
    about = {"run": str(folder), "input": list(request.input), "output": request.output, "rows": done.rows}
    content = compare(profile.reference, profile, about)
    try:
        write_drift(request.output, content)
    except OSError as error:
        raise RunError(f"the drift cannot be written: {error}; the predictions are complete") from error
    lines = drift_lines(content, request.output)
    if done.newly_unpredicted:
        lines = [f"drift: {done.newly_unpredicted} of {done.rows} rows have no prediction and are not compared", *lines]
    return replace(done, lines=[*done.lines, *lines])


def _settings(request: PredictRequest, config: Config, files: ExitStack) -> Settings:
    data = config.data
    own = FileSettings()
    if isinstance(data, Files | SeriesTable):
        encoding = data.encoding if request.encoding is None else own.encoding
        own = FileSettings(data.delimiter, encoding, data.quoting if isinstance(data, Files) else own.quoting)
    return Settings(files, request.delimiter, request.encoding or "utf-8", request.quoting or own.quoting, own)


def given_names(carried: Sequence[str], predicted: Sequence[str]) -> list[str]:
    """Return the names of all columns of an output: those of the input, then those of the predictions.

    >>> given_names(["text", "cause"], ["cause", "cause_probability"])
    ['text', 'cause_given', 'cause', 'cause_probability']
    """
    names: list[str] = []
    for name in carried:
        new = name
        while new in predicted or new in names or (new != name and new in carried):
            new += GIVEN
        names.append(new)
    return [*names, *predicted]


@contextmanager
def _writing(
    request: PredictRequest, inputs: Sequence[Input], carried: Sequence[str], columns: Sequence[str],
    fields: Sequence[Field],
) -> Iterator[tuple[Output, Rejected]]:  # fmt: skip
    """The output and its side file; both are removed if the block fails, unless the output can be resumed."""
    types = _types(inputs, carried, columns, fields)
    output = open_output(request.output, columns, types, request.resume_output, request.safe_csv, len(carried))
    rejected = Rejected(request.output, output.done > 0)
    complete = False
    try:
        yield output, rejected
        complete = True
    finally:
        rejected.close(keep=complete or request.resume_output)
        if complete:
            output.finish()
        else:
            output.abandon()


def _types(
    inputs: Sequence[Input], carried: Sequence[str], columns: Sequence[str], fields: Sequence[Field]
) -> dict[str, Any]:
    """The pyarrow types of an output's columns; a column of the input keeps its type if all inputs have it."""
    import pyarrow

    kinds = {"text": pyarrow.string(), "number": pyarrow.float64(), "whole number": pyarrow.int64(),
             "yes or no": pyarrow.bool_()}  # fmt: skip
    types = {field.name: kinds[field.kind] for field in fields}
    for name, new in zip(carried, columns, strict=False):
        known = [source.types.get(name) for source in inputs]
        if known[0] is not None and all(kind == known[0] for kind in known):
            types[new] = known[0]
    return types


def _rows(inputs: Sequence[Input], output: Output, carried: Sequence[str], size: int) -> Iterator[list[NewRow]]:
    """The pieces of rows that are not in the output yet. Raises RequestError where the output is of other rows."""
    flat = (row for piece in pieces(inputs, size) for row in piece)
    if output.done:
        last = None
        num = 0
        for num, last in enumerate(islice(flat, output.done), 1):  # noqa: B007
            pass
        if num < output.done or last is None or not output.is_continued_by(_carried(last, carried)):
            problem = f"its row {output.done} is not that of the input, so it is of another input"
            raise RequestError(Mistake("output", problem, "another output=, with resume_output=false"))
    while piece := list(islice(flat, size)):
        yield piece


def _carried(row: NewRow, carried: Sequence[str]) -> Cells:
    return tuple(row.cells.get(name) for name in carried)


def _predict_all(
    rows: Iterator[list[NewRow]], predictor: Predictor, output: Output, rejected: Rejected, carried: Sequence[str]
) -> int:
    done, progress = 0, _progress()
    nothing = (None,) * len(predictor.fields)
    for piece in rows:
        sound = [place for place, row in enumerate(piece) if row.fault is None]
        result = predictor.predict([piece[place].cells for place in sound])
        faults = {place: row.fault for place, row in enumerate(piece) if row.fault is not None}
        faults |= {sound[place]: reason for place, reason in result.rejected.items()}
        cells = dict(zip(sound, result.cells, strict=True))
        for place in sorted(faults):
            rejected.add(piece[place], faults[place])
        rejected.flush()
        output.write([(*_carried(row, carried), *cells.get(place, nothing)) for place, row in enumerate(piece)])
        done += len(piece)
        progress(done)
    progress(None)
    return done


def _progress() -> Callable[[int | None], None]:
    """Return a function to call with the rows done, and with None at the end: a line of the terminal that is drawn
    over itself, or without a terminal a line of the log every 30 s."""
    import sys

    line, began = StatusLine(sys.stderr), time.monotonic()
    shown = began

    def show(done: int | None) -> None:
        nonlocal shown
        now = time.monotonic()
        if done is None:
            line.wipe()
        elif now - shown >= (DRAW_EVERY_S if line.is_terminal else LINE_EVERY_S):
            shown, text = now, f"{done:,} rows, {done / (now - began):,.0f} per second"
            line.draw(text) if line.is_terminal else log.info("%s", text)

    return show
