import numpy as np

from lab.report.figures.settings import scatter
from lab.report.text.translate import Translator


def suffixes(report) -> list[str]:
    return [suffix for suffix, _ in scatter.draw_matplotlib(scatter.compute(report), Translator("en"))]


def test_files_need_two_numeric_keys(tabled) -> None:
    columns = {"optimizer.lr": [1e-5, 1e-4, 1e-3], "model.name": ["a", "b", "a"]}
    assert suffixes(tabled(objective=[0.1, 0.2, 0.3], **columns)) == []
    assert suffixes(tabled(objective=[0.1, 0.2, 0.3], **columns, **{"data.batch_size": [8, 16, 16]})) == ["_2d", "_3d"]


def test_the_axes_are_the_keys_with_the_most_values(tabled) -> None:
    num = 6
    columns = {
        "model.dropout": [0.1, 0.2] * 3, "data.batch_size": [8, 16, 32] * 2,
        "optimizer.lr": np.geomspace(1e-5, 1e-2, num).tolist(),
    }  # fmt: skip
    data = scatter.compute(tabled(objective=np.linspace(0, 1, num).tolist(), **columns))
    assert [one.name for one in data.dimensions] == ["lr", "batch_size", "objective"]
