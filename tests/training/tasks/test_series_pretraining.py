"""The result of a pretraining: errors of the forecasts, without predictions."""

from pathlib import Path

from lab.core.record.run_folder import RunFolder
from lab.training.tasks.series_pretraining import ForecastErrors


def test_the_result_is_a_row_of_errors_and_no_file(tmp_path: Path) -> None:
    errors = ForecastErrors({"mse": 0.25, "mae": 0.5}, None, {})
    table = errors.table()
    assert [list(table.texts(place)) for place in range(2)] == [["mse", "0.2500"], ["mae", "0.5000"]]
    errors.write(RunFolder(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert (errors.columns, errors.confusions) == ({}, {})
