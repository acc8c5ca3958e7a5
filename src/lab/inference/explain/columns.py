"""A predictor with explanations: two more columns per head, and the page.

`HEAD_attributions` is a JSON list of [word, attribution] in the order of the text. `HEAD_attribution_error` is the
completeness error, a share; it is empty where the method has none. A row without a prediction has empty cells.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.config.schema.predict import PredictRequest
from lab.core.errors import Mistake, RequestError, RunError
from lab.core.hydra_quoting import quoted
from lab.core.terminal.tables import Table
from lab.inference.explain.interface import TOLERANCE, Explainer, Explanation
from lab.inference.explain.page import PAGE_ROWS, Page
from lab.inference.explain.select import explainer_of
from lab.inference.inputs.interface import STANDARD, Input, Settings
from lab.inference.predictor import Cells, Field, Predicted, Predictor, Row
from lab.inference.series import SeriesPredictor

PLACE = "\0place"
"""Key of a row's file and number; it is no column."""
ENDING = ".explained.html"


def page_path(request: PredictRequest) -> Path | None:
    """Return the file of the page that a request wants; None without one.

    Raises RequestError for a page that exists, is in no folder, or is wanted without explanations.
    """
    typed = request.explain_page
    if not request.explain:
        if typed is not None:
            raise RequestError(Mistake("explain_page", "has no effect without explain=true", "explain=true", typed))
        return None
    if typed is None and request.output == STANDARD:
        return None
    output = Path(request.output).expanduser()
    path = output.with_name(f"{output.stem}{ENDING}") if typed is None else Path(typed).expanduser()
    problem = _fault(path)
    if problem:
        remedy = quoted("explain_page", path.with_name(f"{output.stem}_2{ENDING}")) if path.parent.is_dir() else ""
        raise RequestError(Mistake("explain_page", problem, remedy or "make the folder first", path))
    return path


def _fault(path: Path) -> str | None:
    if not path.name.lower().endswith((".html", ".htm")):
        return "the ending is none of .html, .htm"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    return "exists already" if path.is_symlink() or path.exists() else None


@contextmanager
def explained(predictor: Predictor, page: Path | None, resumes: bool = False) -> Iterator["ExplainedPredictor"]:
    """A predictor with explanations; the page is complete after the block, and removed if the block fails.

    resumes: whether the output may have rows of earlier commands, which are not on the page.
    Raises RequestError as `explainer_of` does and where the page cannot be made, RunError where it cannot be completed.
    """
    explainer = explainer_of(predictor)
    written = _opened(page, explainer.method) if page is not None else None
    complete = False
    try:
        yield ExplainedPredictor(predictor, explainer, written, resumes)
        complete = True
    finally:
        if written is not None and not complete:
            written.abandon()
    if written is not None:
        try:
            written.finish()
        except OSError as error:
            problem = f"the page of explanations cannot be written: {error}; the predictions are complete"
            raise RunError(problem) from error


def _opened(page: Path, method: str) -> Page:
    try:
        return Page(page, "Explanations", method)
    except OSError as error:
        remedy = "explain_page= with a path in a folder that can be written to"
        raise RequestError(Mistake("explain_page", f"cannot be written: {error}", remedy, page)) from error


class ExplainedPredictor(Predictor):
    """Predictions with the cells of their explanations."""

    piece_rows = 128

    def __init__(self, predictor: Predictor, explainer: Explainer, page: Page | None, resumes: bool = False) -> None:
        self.predictor, self.explainer, self.page, self.resumes = predictor, explainer, page, resumes
        self.needed = predictor.needed
        self.fields = (*predictor.fields, *(field for head in explainer.heads for field in _fields(head)))
        self.num = self.num_incomplete = self.num_first_window = 0

    def open(self, paths: Sequence[str], settings: Settings, columns: Mapping[str, str]) -> list[Input]:
        opened = self.predictor.open(paths, settings, columns)
        by_time = isinstance(self.predictor, SeriesPredictor)
        return [replace(each, rows=_placed(each, by_time)) for each in opened]

    def predict(self, rows: Sequence[Row]) -> Predicted:
        result = self.predictor.predict(rows)
        known = [place for place in range(len(rows)) if place not in result.rejected]
        explanations = dict(zip(known, self.explainer.explain([rows[place] for place in known]), strict=True))
        for place, cells in enumerate(result.cells):
            own = explanations.get(place, [])
            result.cells[place] = (*cells, *self._cells(own))
            if own and self.page is not None:
                self.page.add(rows[place].get(PLACE, ""), own)
        return result

    def _cells(self, explanations: Sequence[Explanation]) -> Cells:
        if not explanations:
            return (None,) * (2 * len(self.explainer.heads))
        self.num += len(explanations)
        self.num_incomplete += sum(not each.is_complete for each in explanations)
        self.num_first_window += any(each.is_first_window for each in explanations)
        return tuple(cell for each in explanations for cell in (attributions_text(each), each.completeness_error))

    def scores(self) -> Table | None:
        return self.predictor.scores()

    def remarks(self) -> list[str]:
        lines = self.predictor.remarks()
        if self.num_incomplete:
            problem = f"do not sum to the difference of scores within {TOLERANCE:.0%}; the page marks them, and"
            lines += [f"{self.num_incomplete} of {self.num} attributions {problem} *_attribution_error has their error"]
        if self.num_first_window:
            problem = "are longer than a window: the label is that of all windows, the attributions those of the first"
            lines += [f"{self.num_first_window} explained texts {problem}, and the page marks them"]
        if self.page is not None:
            extent = f"the first {PAGE_ROWS:,} explained rows" if self.page.left_out else "the explanations"
            own = " of the rows that this command has written" if self.resumes else ""
            lines += [f"{extent}{own} in {self.page.path}"]
        return lines


def attributions_text(explanation: Explanation) -> str:
    """Return the cell of `HEAD_attributions`.

    >>> attributions_text(Explanation("cause", "leak", (("it", 0.0), ("drips", 1.23456)), 0.0))
    '[["it", 0.0], ["drips", 1.2346]]'
    """
    return json.dumps([[word, float(f"{value:.5g}")] for word, value in explanation.words], ensure_ascii=False)


def _fields(head: str) -> tuple[Field, Field]:
    return Field(f"{head}_attributions", "text"), Field(f"{head}_attribution_error", "number")


def _placed(source: Input, by_time: bool) -> Iterator[tuple[Mapping[str, Any], str | None]]:
    """The rows of an input, each with its place. by_time: rows are windows, named by group and time."""
    name = "standard input" if source.name == STANDARD else Path(source.name).name
    for number, (cells, fault) in enumerate(source.rows, 1):
        own = " ".join(str(cells[column]) for column in source.columns) if by_time else f"row {number}"
        yield {**cells, PLACE: f"{name}, {own}"}, fault
