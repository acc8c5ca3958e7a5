"""Figures of one run's calibration: a panel per head, and nothing where no label is known."""

import subprocess
import sys

from lab.report.figures.doubt_figures import MOST_HEADS, coverage_curves, reliability_diagram, shown_split

from .scores.test_reliability import content


def test_a_panel_per_head_and_a_line_before_and_after() -> None:
    figure = reliability_diagram(content())
    assert figure is not None
    (axes,) = figure.axes
    assert axes.get_title() == "cause: temperature 2.00"
    assert [line.get_label() for line in axes.lines][1:] == ["before: error 0.250", "after: error 0.030"]
    curves = coverage_curves(content("val"))
    assert curves is not None
    assert curves.axes[0].get_ylabel() == "accuracy on val"
    assert list(curves.axes[0].lines[0].get_ydata()) == [0.8, 0.6]


def test_many_heads_are_cut_and_a_run_without_labels_has_no_figure() -> None:
    many = content()
    for name in ("scores", "reliability", "coverage"):
        many[name]["test"] = {f"h{number}": many[name]["test"]["cause"] for number in range(20)}
    many["temperatures"] = dict.fromkeys(many["scores"]["test"], 2.0)
    figure = reliability_diagram(many)
    assert figure is not None
    assert len(figure.axes) == MOST_HEADS
    none = {"temperatures": {}, "not_fitted": {"cause": "no label"}}
    assert (shown_split(none), reliability_diagram(none), coverage_curves({})) == (None, None, None)


def test_training_does_not_import_the_analysis_of_reports() -> None:
    code = "import sys, lab.report.figures.doubt_figures; sys.exit('lab.report.findings' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
