from pathlib import Path

from lab.core.record.run_folder import RunFolder
from lab.report.figures.gallery import compute_all
from lab.report.html import image_files
from lab.report.text.translate import Translator


def test_only_what_can_be_drawn_is_written(tabled, tmp_path: Path) -> None:
    report = tabled(objective=[0.5, 0.6, 0.7], **{"data.batch_size": [8, 16, 32]})
    names = image_files.write(tmp_path / "figures", compute_all(report), Translator("en"))
    assert set(names) == {
        "bars", "accuracy_vs_batch", "front", "correlation_heatmap", "parallel", "boxes_data_batch_size",
    }  # fmt: skip
    files = {path.name for path in (tmp_path / "figures").iterdir()}
    assert files == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    svg = (tmp_path / "figures" / "bars.svg").read_text()
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
    names = image_files.write(tmp_path / "figures", compute_all(report), Translator("en"))
    assert {"confusion", "parallel", "correlation_heatmap", "metrics_comparison", "scatter_3d"} <= set(names)
