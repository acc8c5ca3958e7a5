"""Windows of a new table: the inputs are those that the run had for the same rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Table
from lab.data.series.datamodule import SeriesDataModule
from lab.data.series.dataset import load
from lab.inference.new_windows import new_windows, table_settings

from .conftest import CONF, write_weather

RULE = "data.label={feature: rain, horizon: 2, threshold: 0.1}"


@pytest.mark.parametrize("gaps", ["ffill", "mask", "interpolate"])
@pytest.mark.parametrize("past", ["auto", "false"])
def test_a_run_and_its_predictions_read_the_same_windows(gaps: str, past: str, tmp_path: Path) -> None:
    file = write_weather(tmp_path / "weather.csv")
    lines = file.read_text().splitlines()
    lines[40] = ",".join([*lines[40].split(",")[:2], *[""] * 5])  # a gap of all columns
    file.write_text("\n".join(lines) + "\n")
    typed = ["data=series_table", f"data.path={file}", "data.time=hour", "data.group=station", RULE, "data.window=24",
             "data.log1p=[rain]", "data.calendar=[day]", f"data.missing_values={gaps}", f"data.past_labels={past}",
             "model=inception_time"]  # fmt: skip
    with initialize_config_dir(str(CONF)):
        data: Any = check(compose("config", typed)).data
    assert isinstance(data, Table)
    made = load(data)
    run = SeriesDataModule(made, data, lambda _: 1, 0, False)
    run.setup("fit")
    columns = made.facts["columns"]
    assert isinstance(columns, list)
    settings = table_settings(data, str(file), columns, {}, None, "utf-8")
    new = new_windows(settings, made.head, made.facts["scaling"], 3600.0)  # type: ignore[arg-type]
    place = {int(end): row for row, end in enumerate(new.rows.cut.ends)}
    cut = made.splits["train"]
    own = run.rows["train"].arrays(np.arange(len(cut)))
    found = new.rows.arrays(np.array([place[int(end)] for end in cut.ends]))
    assert own[0].shape[2] == len(made.channels)
    assert ("rain >= 0.1" in made.channels) == (past == "auto")
    for each, other in zip(own, found, strict=True):
        np.testing.assert_allclose(each, other, atol=1e-6)
