from pathlib import Path
from typing import Any

from lab.core.record.run_folder import StudyFolder
from lab.report.findings import ConfirmedMean
from lab.report.sources.expected_runs import sweep_of


def confirmed(path: Path, *confirmations: dict[str, Any]) -> dict[int, ConfirmedMean]:
    folder = StudyFolder(path)
    folder.write_study({"study": "s", "total": 4, "objective": {"primary_metric": "val/f1", "goal": "maximize"}})
    folder.write_summary({"confirmed": list(confirmations)})
    return dict(sweep_of(folder, []).confirmed)


def one(trial: int, *values: float, **more: bool) -> dict[str, Any]:
    mean = sum(values) / len(values)
    return {"trial": trial, "seeds": [*range(len(values))], "values": [*values], "mean": mean, "ci95": None, **more}


def test_the_report_lets_those_compete_that_the_study_does(tmp_path: Path) -> None:
    means = confirmed(tmp_path, one(0, 0.5, 0.75, whole=True), one(1, 0.99, 0.99, whole=False))
    assert means == {0: ConfirmedMean(0.625, None, 2)}
    assert confirmed(tmp_path, one(0, 0.5, whole=False)) == {}, "none has all seeds: the search's winner stands"


def test_of_a_study_of_before_those_with_the_most_seeds_compete(tmp_path: Path) -> None:
    assert list(confirmed(tmp_path, one(0, 0.99), one(1, 0.5, 0.7), one(2, 0.6, 0.6))) == [1, 2]
    assert confirmed(tmp_path) == {}
