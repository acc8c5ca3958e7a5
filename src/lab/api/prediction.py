"""Predictions in Python: rows of a DataFrame or a list in, a DataFrame out, by the predictors of `predict.py`."""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.config.check import check_predict
from lab.config.schema.predict import PredictRequest
from lab.config.shipped import CONF
from lab.core.errors import Mistake, RequestError, listed, nearest
from lab.core.files import read_yaml

if TYPE_CHECKING:
    import pandas as pd

    from lab.inference.predictor import Predictor
    from lab.inference.series import SeriesPredictor

log = logging.getLogger(__name__)
PIECE_ROWS = 4096


def request_of(folder: Path, **settings: Any) -> PredictRequest:
    """Return a checked request. settings: keys of conf/predict.yaml. Raises RequestError with every mistake."""
    shipped = read_yaml(CONF / "predict.yaml") | {"run": str(folder), "input": "rows", **settings}
    return check_predict({key: value for key, value in shipped.items() if key not in ("defaults", "hydra")})


def predicted(predictor: "Predictor", rows: Any, columns: Mapping[str, str]) -> "pd.DataFrame":
    """Return the rows with their predictions; those of a series are windows, with group and time of their end.

    A row without a prediction keeps its place with empty cells, and its reason is logged. Raises RequestError for rows
    that lack a column.
    """
    import pandas as pd

    from lab.inference.custom import CustomPredictor
    from lab.inference.predict import given_names
    from lab.inference.series import SeriesPredictor

    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    if frame.empty:
        raise RequestError(Mistake("rows", "there are no rows", "a DataFrame or a list with one mapping per row"))
    if isinstance(predictor, SeriesPredictor):
        return _windows(predictor, frame, columns)
    _refuse_missing(frame, predictor, columns)
    records = [{str(name): _plain(cell) for name, cell in row.items()} for row in frame.to_dict("records")]
    if isinstance(predictor, CustomPredictor):
        predictor.learn_fields(records[0])
    cells = _cells(predictor, records)
    carried = [str(name) for name in frame.columns]
    names = given_names(carried, [field.name for field in predictor.fields])
    whole = frame.set_axis(names[: len(carried)], axis=1)
    new = pd.DataFrame(cells, columns=names[len(carried) :], index=frame.index)
    return pd.concat([whole, new], axis=1)


def _cells(predictor: "Predictor", records: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    cells: list[tuple[Any, ...]] = []
    for start in range(0, len(records), PIECE_ROWS):
        result = predictor.predict(records[start : start + PIECE_ROWS])
        cells += result.cells
        for place, reason in sorted(result.rejected.items()):
            log.warning("row %d %s", start + place + 1, reason)
    return cells


def _windows(predictor: "SeriesPredictor", frame: "pd.DataFrame", columns: Mapping[str, str]) -> "pd.DataFrame":
    """The predictions of a table, which is read from a file as in training."""
    import pandas as pd

    from lab.inference.inputs.interface import Settings

    with tempfile.TemporaryDirectory() as folder, ExitStack() as files:
        path = Path(folder) / "rows.csv"
        data = predictor.data
        sep, decimal = getattr(data, "delimiter", None) or ",", getattr(data, "decimal", None) or "."
        frame.to_csv(path, index=False, sep=sep, decimal=decimal)
        source = predictor.open([str(path)], Settings(files, delimiter=sep), columns)[0]
        rows = list(source.numbered())
        sound = [place for place, row in enumerate(rows) if row.fault is None]
        cells: list[tuple[Any, ...]] = [(None,) * len(predictor.fields)] * len(rows)
        for place, made in zip(sound, _cells(predictor, [rows[place].cells for place in sound]), strict=True):
            cells[place] = made
    carried = pd.DataFrame([[row.cells[name] for name in source.columns] for row in rows], columns=source.columns)
    return pd.concat([carried, pd.DataFrame(cells, columns=[field.name for field in predictor.fields])], axis=1)


def _refuse_missing(frame: "pd.DataFrame", predictor: "Predictor", columns: Mapping[str, str]) -> None:
    own = {given: name for name, given in columns.items()}
    there = [str(name) for name in frame.columns]
    mistakes = []
    for name in predictor.needed:
        if name not in there:
            problem = f"the rows have no column {name!r}, which the run reads; they have {listed(there)}"
            remedy = f"columns={{{own.get(name, name)!r}: {nearest(name, there) or there[0]!r}}}"
            mistakes.append(Mistake("rows", problem, remedy))
    if mistakes:
        raise RequestError(mistakes)


def _plain(cell: Any) -> Any:
    """A cell without numpy's types; what is missing for pandas is None."""
    import pandas as pd

    if isinstance(cell, list | dict):
        return cell
    if pd.isna(cell):
        return None
    return cell.item() if hasattr(cell, "item") else cell
