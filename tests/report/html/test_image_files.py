from pathlib import Path

import numpy as np
import pytest

from lab.core.record.run_folder import RunFolder
from lab.report.figures import boxes, matplotlib_drawing, plots, relations
from lab.report.figures.run_figures import plain
from lab.report.html import image_files, page_figures
from lab.report.text.language import Words


def test_only_what_can_be_drawn_is_written(tabled, tmp_path: Path) -> None:
    report = tabled(objective=[0.5, 0.6, 0.7], **{"data.batch_size": [8, 16, 32]})
    names = image_files.write(report, page_figures.data(report), Words("en"))
    assert set(names) == {
        "bars", "accuracy_vs_batch", "front", "correlation_heatmap", "parallel", "boxes_data_batch_size",
    }  # fmt: skip
    files = {path.name for path in (tmp_path / "report" / "figures").iterdir()}
    assert files == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    svg = (tmp_path / "report" / "figures" / "bars.svg").read_text()
    assert ">val/f1_macro</text>" in svg, "texts stay texts"


DOLLARS = "a $ {b $"
"""Between two `$` Matplotlib reads a formula, and this is none."""


def test_names_from_data_and_configs_are_no_formulas(tabled, tmp_path: Path) -> None:
    rows = range(4)
    columns = {
        f"model.{DOLLARS}": [DOLLARS, "b"] * 2,
        f"x.{DOLLARS}": [1.0, 2.0, 3.0, 4.0],
        "optimizer.lr": [1.0, 5.0, 2.0, 9.0],
    }
    report = tabled(
        objective=[0.5, 0.6, 0.7, 0.8],
        run=[DOLLARS + str(row) for row in rows],
        **columns,
        **{f"test/{DOLLARS}": [0.1] * 4},
    )
    for row in rows:
        (tmp_path / str(row)).mkdir()
        head = {DOLLARS: [DOLLARS, "y"], f"{DOLLARS}_predicted": ["y", "y"], f"{DOLLARS}_probability": [0.9, 0.8]}
        RunFolder(tmp_path / str(row)).write_predictions(head)
    found = page_figures.data(report)
    names = image_files.write(report, found, Words("en"))
    assert {"confusion", "parallel", "correlation_heatmap", "metrics_comparison", "scatter_3d"} <= set(names)


def test_importance_of_a_key_with_dollars() -> None:
    info = relations.Importance((DOLLARS, "b"), np.array([0.7, 0.3]), 12)
    figure = matplotlib_drawing.importance(info, Words("en"))
    figure.canvas.draw()
    assert figure.axes[0].get_yticklabels()[0].get_text() == plain(DOLLARS)


def test_the_language_changes_the_axes(tabled) -> None:
    found = plots.bars(tabled(objective=[0.5, 0.6]))
    labels = {lang: matplotlib_drawing.bars(found, Words(lang)).axes[0].get_xlabel() for lang in ("en", "es")}
    assert labels == {"en": "rank", "es": "puesto"}


def test_bars_begin_at_zero_so_that_lengths_can_be_compared(tabled) -> None:
    axes = matplotlib_drawing.bars(plots.bars(tabled(objective=[0.90, 0.91])), Words("en")).axes[0]
    assert axes.get_ylim()[0] == 0.0


def test_a_logarithmic_axis_has_ticks_at_the_values(tabled) -> None:
    rates = [1e-5, 1e-4, 1e-3]
    report = tabled(objective=[0.5, 0.6, 0.7], **{"optimizer.lr": rates})
    axes = matplotlib_drawing.against(plots.against(report, plots.LR_KEYS)).axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_xticks().tolist() == rates


def test_boxes_in_the_file_are_those_of_the_data(tabled) -> None:
    report = tabled(
        objective=[0.1, 0.2, 0.3, 0.4], **{"model.name": ["a", "b", "a", "b"], "test/f1": [1.0, 2.0, 3.0, 5.0]}
    )
    (info,) = boxes.boxes(report)
    axes = next(one for one in matplotlib_drawing.boxes(info).axes if one.get_title() == "test/f1")
    medians = [
        line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1 and line.get_color() == "#b4530a"
    ]
    assert medians == pytest.approx([2.0, 3.5])
    assert np.isfinite(medians).all()
