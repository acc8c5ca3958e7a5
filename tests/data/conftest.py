"""Requests as the shipped YAML makes them, so that tests run on the defaults people have."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Data, Files, Hub, Imdb, Maintenance, QaDemo, Squad, Table
from lab.core.errors import Mistake, RequestError
from lab.data.series.long_table import read_panel
from lab.data.text.source import open_source

CONF = Path(__file__).parents[2] / "conf" / "data"
KINDS = {"csv": Files, "hub": Hub, "imdb": Imdb, "maintenance": Maintenance, "qa_demo": QaDemo, "squad": Squad}
Request = Callable[..., Any]


@pytest.fixture
def data_request() -> Request:
    """`data_request("csv", path=..., split={"val": 0.2})`: conf/data/csv.yaml with changes, nested ones merged."""

    def request(group: str, **changes: Any) -> Data:
        kind = "_questions" if group in ("qa_demo", "squad") else "_text"
        columns = _read("_columns") if group in ("csv", "hub", "imdb") else {}
        values = _read("_data") | _read(kind) | columns | _read(group)
        values.pop("defaults")
        for key, value in changes.items():
            values[key] = values[key] | value if isinstance(value, dict) else value
        return KINDS[group].model_validate(values)

    return request


def _read(group: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CONF / f"{group}.yaml").read_text(encoding="utf-8"))
    return values


@pytest.fixture
def typed(tmp_path: Path) -> Callable[..., Any]:
    """Reads a table as a command line does: `typed("meteo.csv", content, "data.decimal=any")`, content being text,
    bytes, a frame, or None for what the file contains already. Returns its panel."""

    def act(name: str, content: Any, *words: str) -> Any:
        path = tmp_path / name
        if isinstance(content, pd.DataFrame):
            kinds = {"xlsx": content.to_excel, "parquet": content.to_parquet, "csv": content.to_csv}
            kinds[name.rsplit(".", 1)[1]](path, index=False)
        elif content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        rule = "data.label={feature: rain, horizon: 1, threshold: 1.0}"
        given = ["data=series_table", "model=inception_time", f"data.path={path}", "data.time=date", rule, *words]
        with initialize_config_dir(str(CONF.parent)):
            data = check(compose("config", given)).data
        assert isinstance(data, Table)
        return read_panel(data)[1]

    return act


@pytest.fixture
def refused(typed: Callable[..., Any]) -> Callable[..., Any]:
    """The error of a request that is refused, and the words of a shell for each way out that its remedies name."""

    def act(name: str, content: Any, *words: str) -> tuple[RequestError, list[list[str]]]:
        with pytest.raises(RequestError) as caught:
            typed(name, content, *words)
        ways = [way for mistake in caught.value.mistakes for way in mistake.remedy.split(", or ")]
        return caught.value, [[word for word in shlex.split(way) if word.startswith("data.")] for way in ways]

    return act


def source_mistakes(data: Any, tmp_path: Path) -> list[Mistake]:
    """The mistakes for which a source of texts is refused."""
    with pytest.raises(RequestError) as caught:
        open_source(data, tmp_path / "cache")
    return list(caught.value.mistakes)


def source_column(source: Any, split: str, name: str) -> list[str]:
    """A column of one split as text."""
    table = source.tables[split].narrow([name])
    cells: list[str] = table.read(slice(0, len(table)))[name].to_pylist()
    return cells
