"""Accuracy of the best calibrated run where it is sure."""

from pathlib import Path

from lab.core.record.run_folder import RunFolder
from lab.report.figures.base import Absent
from lab.report.figures.scores import coverage
from lab.report.text.translate import Translator

from .test_reliability import content


def test_the_surer_half_is_in_the_caption(tabled, tmp_path: Path) -> None:
    report = tabled(objective=[0.5])
    assert coverage.compute(report) == Absent("absent.calibration")
    (tmp_path / "0").mkdir()
    RunFolder(tmp_path / "0").write_calibration(content())
    data = coverage.compute(report)
    words = Translator("en")
    assert coverage.caption(data, words) == (
        "Run 0, test rows. cause: 0.600 over all rows, 0.800 over the surest 50% (probability from 0.90 on)."
    )
    (trace,) = coverage.draw_plotly(data, words)["panels"][0]["data"]
    assert (trace["x"], trace["y"], trace["text"]) == ([0.5, 1.0], [0.8, 0.6], ["0.90", "0.50"])
    assert [name for name, _ in coverage.draw_matplotlib(data, words)] == [""]
