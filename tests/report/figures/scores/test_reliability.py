"""Reliability of the best run that has a calibration, on its test rows if these have labels."""

from pathlib import Path
from typing import Any

from lab.core.record.calibration_fields import calibration_faults
from lab.core.record.run_folder import RunFolder
from lab.report.figures.base import Absent
from lab.report.figures.scores import reliability
from lab.report.text.translate import Translator

SCORES = {
    "rows": 50, "temperature": 2.0, "ece_before": 0.25, "ece_after": 0.03, "brier_before": 0.4, "brier_after": 0.3
}  # fmt: skip


def content(split: str = "test") -> dict[str, Any]:
    """The calibration of a run with one head."""
    bins = {"before": [[50, 0.9, 0.6]], "after": [[20, 0.55, 0.6], [30, 0.65, 0.6]]}
    parts = {"scores": SCORES, "reliability": bins, "coverage": [[0.9, 0.5, 0.8], [0.5, 1.0, 0.6]]}
    nested = {name: {split: {"cause": part}} for name, part in parts.items()}
    return {"temperatures": {"cause": 2.0}, "not_fitted": {}, "novelty": None, **nested}


def test_the_best_calibrated_run_is_shown(tabled, tmp_path: Path) -> None:
    assert list(calibration_faults(content())) == []
    report = tabled(objective=[0.5, 0.9, 0.8])
    assert reliability.compute(report) == Absent("absent.calibration")
    for row in range(3):
        (tmp_path / str(row)).mkdir()
        RunFolder(tmp_path / str(row)).write_calibration(content("val" if row == 0 else "test"))
    RunFolder(tmp_path / "1").calibration.write_text("{")
    data = reliability.compute(report)
    assert (data.label, data.split) == ("2", "test"), "the file of run 1 is damaged"
    (head,) = data.heads
    assert (head.name, head.temperature, head.errors) == ("cause", 2.0, {"before": 0.25, "after": 0.03})


def test_a_run_without_test_labels_shows_its_validation_rows(tabled, tmp_path: Path) -> None:
    report = tabled(objective=[0.5])
    (tmp_path / "0").mkdir()
    RunFolder(tmp_path / "0").write_calibration(content("val"))
    data = reliability.compute(report)
    assert data.split == "val"
    words = Translator("es")
    _, before, after = reliability.draw_plotly(data, words)["panels"][0]["data"]
    assert (before["y"], after["y"]) == ([0.6], [0.6, 0.6])
    assert (before["name"], after["name"]) == ("antes: 0.250", "después: 0.030")
    assert [name for name, _ in reliability.draw_matplotlib(data, words)] == [""]
    assert "Ejecución 0, filas de val" in reliability.caption(data, words)
