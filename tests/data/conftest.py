"""Requests as the shipped YAML makes them, so that tests run on the defaults people have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.schema import Data, Files, Hub, Imdb, Maintenance, QaDemo, Squad

CONF = Path(__file__).parents[2] / "conf" / "data"
KINDS = {"csv": Files, "hub": Hub, "imdb": Imdb, "maintenance": Maintenance, "qa_demo": QaDemo, "squad": Squad}
Request = Callable[..., Any]


@pytest.fixture
def data_request() -> Request:
    """`data_request("csv", path=..., split={"val": 0.2})`: conf/data/csv.yaml with changes, nested ones merged."""

    def request(group: str, **changes: Any) -> Data:
        kind = "_questions" if group in ("qa_demo", "squad") else "_text"
        values = _read("_data") | _read(kind) | _read(group)
        values.pop("defaults")
        for key, value in changes.items():
            values[key] = values[key] | value if isinstance(value, dict) else value
        return KINDS[group].model_validate(values)

    return request


def _read(group: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CONF / f"{group}.yaml").read_text(encoding="utf-8"))
    return values
