"""The command predict: its exit code says whether every row has a prediction, and its last line how many have none."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.commands import predict as command
from lab.core.errors import EXIT_DONE, EXIT_PARTLY
from lab.inference import predict
from lab.inference.predict import Done


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Hydra configures the root logger with the streams of now."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize(("unpredicted", "code"), [(0, EXIT_DONE), (4, EXIT_PARTLY)])
def test_rows_without_a_prediction_are_in_the_exit_code(
    unpredicted: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["9 rows in out.csv", f"{unpredicted} of 9 rows have no prediction"]
    monkeypatch.setattr(predict, "predict", lambda request: Done(9, lines, None, unpredicted))
    monkeypatch.setattr(sys, "argv", ["predict.py", "run=x", "input=new.csv", "hydra/job_logging=stdout"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(command.main())
    assert ended.value.code == code
    assert capsys.readouterr().out.splitlines()[-1].endswith(lines[-1])
