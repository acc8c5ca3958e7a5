"""Trained runs of every task, as the tests of predictions have them, and requests for a server of one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.config.check import check_serve
from lab.config.schema.commands.serve import ServeRequest

from ..inference.conftest import CONF, predict_with, read_csv, text_rows, trained, write_csv, write_weather

__all__ = ["predict_with", "read_csv", "text_rows", "trained", "write_csv", "write_weather"]


@pytest.fixture
def requested(trained: Callable[[str], Path]) -> Callable[..., ServeRequest]:
    """A checked request for a server: `requested("ngram", top_k=2)`."""

    def request(name: str, **settings: Any) -> ServeRequest:
        defaults = yaml.safe_load((CONF / "serve.yaml").read_text())
        own = {key: value for key, value in defaults.items() if key not in ("defaults", "hydra")}
        run = str(settings.pop("run", None) or trained(name))
        return check_serve(own | {"run": run, "device": "cpu", "top_k": 1} | settings)

    return request
