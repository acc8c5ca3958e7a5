"""Figures: they show what they are given, on canvases of their own, in whole files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lab.report.figures import run_figures

ROWS: list[dict[str, Any]] = [
    {"epoch": epoch, "step": 10 * epoch, "train/loss": 1.0 / (epoch + 1), "val/loss": None if epoch == 1 else 0.9,
     "train/f1_macro": 0.3 + 0.1 * epoch, "val/f1_macro": 0.25 + 0.1 * epoch, "val/causa/f1_macro": 0.2,
     "val/modo/f1_macro": 0.4, "lr": 1e-3 / (epoch + 1)}
    for epoch in range(4)
]  # fmt: skip


def labels(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_curves_have_a_panel_for_losses_metric_and_rate() -> None:
    figure = run_figures.learning_curves(ROWS, "val/f1_macro")
    loss, metric, rate = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["loss", "f1_macro", "learning rate"]
    assert labels(loss) == ["train/loss", "val/loss"]
    assert labels(metric) == ["val/causa/f1_macro", "val/modo/f1_macro", "train/f1_macro", "val/f1_macro"]
    assert list(rate.lines[-1].get_xdata()) == [1, 2, 3, 4]
    assert np.isnan(loss.lines[-1].get_ydata()[1])  # null in the history leaves a gap


def test_curves_of_one_head_and_of_little() -> None:
    figure = run_figures.learning_curves(ROWS, "val/causa/f1_macro")
    assert labels(figure.axes[1]) == ["val/causa/f1_macro"]
    assert run_figures.learning_curves([{"epoch": 0, "step": 1}], "val/f1_macro").axes == []


def test_a_head_with_dollars_is_no_formula(tmp_path: Path) -> None:
    rows = [{"epoch": 0, "val/a $ {b $/f1_macro": 0.5, "val/f1_macro": 0.5}]
    run_figures.save_png(run_figures.learning_curves(rows, "val/f1_macro"), tmp_path / "curves.png")
    run_figures.save_png(run_figures.learning_curves(rows, "val/a $ {b $/f1_macro"), tmp_path / "curves.png")


def test_a_frame_shows_the_first_rows_on_the_axes_of_all() -> None:
    first, last = (
        run_figures.learning_curves(ROWS, "val/f1_macro", 1),
        run_figures.learning_curves(ROWS, "val/f1_macro"),
    )
    assert len(first.axes[0].lines[-1].get_xdata()) == 1
    for one, whole in zip(first.axes, last.axes, strict=True):
        assert one.get_xlim() == whole.get_xlim()
        assert one.get_ylim() == whole.get_ylim()


def test_confusion_matrix_shows_counts_and_row_shares() -> None:
    matrix = np.array([[8, 2, 0], [1, 3, 0], [0, 0, 0]])
    figure = run_figures.confusion_matrix(matrix, ["fuga", "ruido", "nunca"], "causa")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["8", "2", "1", "3"]
    shares = axes.images[0].get_array()
    assert shares[0].tolist() == [0.8, 0.2, 0.0]
    assert np.ma.getmaskarray(shares)[2].all()  # no such row: neither right nor wrong
    assert axes.get_title() == "causa: 11 of 14 rows right"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fuga", "ruido", "nunca"]


def test_many_classes_have_no_numbers_and_all_names() -> None:
    names = [f"clase {number}" for number in range(45)]
    figure = run_figures.confusion_matrix(np.eye(45, dtype=int), names, "modo")
    assert len(figure.axes[0].texts) == 0
    assert len(figure.axes[0].get_xticklabels()) == 45
    width, height = figure.get_size_inches() * run_figures.DPI
    assert min(width, height) / 45 > 15  # pixels a class, for names of 7 points


def test_a_picture_of_very_many_classes_has_an_end() -> None:
    rows = np.arange(600)
    figure = run_figures.confusion_matrix(np.diag(rows), [f"EQ-{number}" for number in rows], "equipo")
    axes = figure.axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [f"EQ-{number}" for number in rows[-run_figures.DRAWN_CLASSES :]], (
        "those with most rows, in their order"
    )
    assert "the 80 of 600 classes with most rows" in axes.get_title()
    assert "179,700 of 179,700 rows right" in axes.get_title()
    assert max(figure.get_size_inches()) * run_figures.DPI < 3000


def test_shares_are_those_of_all_predictions_of_a_row() -> None:
    matrix = np.full((100, 100), 1)
    figure = run_figures.confusion_matrix(matrix, [str(number) for number in range(100)], "x")
    assert figure.axes[0].images[0].get_array()[0, 0] == pytest.approx(0.01)


def test_names_with_dollars_are_no_formulas(tmp_path: Path) -> None:
    names = ["de $1.000 a $5.000", "costo $10 {mano de obra $5", "C:\\rep$ y D:\\x$", "US$ 1"]
    run_figures.save_png(run_figures.confusion_matrix(np.eye(4, dtype=int), names, "a $ {b $"), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000
    assert run_figures.plain("US$ 1") == r"US\$ 1"


def test_shapes_that_disagree_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\) for 3 classes"):
        run_figures.confusion_matrix(np.eye(2, dtype=int), ["a", "b", "c"], "x")


def test_lr_curve_marks_what_was_found() -> None:
    rates, losses = [1e-4, 1e-3, 1e-2], [2.0, 1.0, 3.0]
    assert any("1.00e-03" in label for label in labels(run_figures.lr_curve(rates, losses, losses, 1e-3).axes[0]))
    assert labels(run_figures.lr_curve(rates, losses, losses, None).axes[0]) == ["loss of the batch", "smoothed"]


def test_files_are_whole_and_pyplot_is_left_alone(tmp_path: Path) -> None:
    import subprocess
    import sys

    path = tmp_path / "figures" / "curves.png"
    run_figures.save_png(run_figures.learning_curves(ROWS, "val/f1_macro"), path)
    with Image.open(path) as image:
        assert image.size[0] > 1000
    frames = [run_figures.learning_curves(ROWS, "val/f1_macro", shown) for shown in (1, 2, 3, 4)]
    run_figures.save_gif(frames, tmp_path / "figures" / "curves.gif")
    with Image.open(tmp_path / "figures" / "curves.gif") as gif:
        assert gif.n_frames == 4  # type: ignore[attr-defined]
        assert gif.info["duration"] == 500
    assert sorted(item.name for item in path.parent.iterdir()) == ["curves.gif", "curves.png"]
    check = "import sys, lab.report.figures.run_figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
