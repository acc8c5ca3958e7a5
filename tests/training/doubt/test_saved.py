"""An older run gets its temperatures from a second test; a run without any says why."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder
from lab.training.doubt.calibrate import TRAINED_ON_VAL
from lab.training.doubt.saved import calibration_lines, saved_temperatures
from lab.training.evaluate import retest
from lab.training.train import train

from .conftest import config_of


def without_calibration(run: RunFolder) -> dict[str, Any]:
    """Make a run one of an older version, and return what it had."""
    content = run.read_calibration()
    assert content is not None
    run.calibration.unlink()
    record = json.loads((run.path / "run.json").read_text())
    record.pop("calibration")
    (run.path / "run.json").write_text(json.dumps(record))
    return content


@pytest.mark.filterwarnings("ignore")
def test_a_second_test_of_an_older_run_fits_the_same_temperatures(tmp_path: Path) -> None:
    config, run = config_of(tmp_path), RunFolder(tmp_path / "run")
    train(config, run.path, "python train.py")
    assert calibration_lines(run) == []
    before = without_calibration(run)
    assert saved_temperatures(run) is None
    assert f"test={run.path}" in calibration_lines(run)[0]
    retest(config, run.path)
    again = run.read_calibration()
    assert again is not None
    assert again["temperatures"] == pytest.approx(before["temperatures"], rel=1e-3)
    assert run.read()["calibration"] == again["scores"]
    run.calibration.write_text(json.dumps({name: value for name, value in again.items() if name != "novelty"}))
    retest(config, run.path)
    assert run.read_calibration()["novelty"] == again["novelty"] is not None  # type: ignore[index]
    run.calibration.write_text("{")
    with pytest.raises(RequestError, match="remove the file"):
        retest(config, run.path)


@pytest.mark.filterwarnings("ignore")
def test_validation_rows_that_were_trained_on_calibrate_nothing(tmp_path: Path) -> None:
    more = ("data.split.train_on_val=true", "callbacks.early_stopping.patience=null")
    run = RunFolder(tmp_path / "run")
    train(config_of(tmp_path, *more), run.path, "python train.py")
    saved = saved_temperatures(run)
    assert saved is not None
    assert (saved.temperatures, saved.not_fitted) == ({}, {"cause": TRAINED_ON_VAL})
    assert calibration_lines(run) == [f"probabilities of cause are not calibrated: {TRAINED_ON_VAL}"]
