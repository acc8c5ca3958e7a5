import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lab.core.errors import RequestError
from lab.data.readers.text_table import Table
from lab.data.text.column_checks import missing_columns
from lab.data.text.label_survey import Columns
from lab.data.text.source import open_source


def _table(*names: str, repeated: tuple[str, ...] = ()) -> Table:
    return Table(pa.table({name: pa.array(["a"]) for name in names}), repeated=repeated)


def test_names_with_spaces_at_their_ends_are_shown_and_typed_with_them() -> None:
    (text, labels) = missing_columns(
        Columns(("descripcion",), ("Modo", "prioridad")), _table(" descripcion ", " Modo", "prioridad"), "a.csv"
    )
    assert text.remedy == "'data.text=[\" descripcion \"]'"
    assert text.problem.endswith("it has ' descripcion ', ' Modo', prioridad")
    assert labels.remedy == "'data.labels=[\" Modo\",prioridad]'"


def test_names_with_commas_are_typed_in_quotes() -> None:
    table = _table("texto", "Modo de falla", "prioridad, x")
    (mistake,) = missing_columns(Columns(("texto",), ("Modo de fala", "prioridad, x")), table, "a.csv")
    assert mistake.remedy == '\'data.labels=["Modo de falla","prioridad, x"]\''


def test_a_column_with_a_repeated_name_is_refused_where_it_is_used(
    data_request: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("texto,modo,nota,modo,nota\nuno,A,x,B,y\n", encoding="utf-8")
    with caplog.at_level(logging.WARNING), pytest.raises(RequestError) as error:
        open_source(data_request("csv", path=str(path), text=["texto"], labels=["modo"]), tmp_path / "cache")
    (mistake,) = error.value.mistakes
    assert (mistake.key, mistake.value) == ("data.labels", "modo")
    assert "several columns in a.csv" in mistake.problem
    assert "several columns of the name nota; none of them is read" in caplog.text
