"""Every figure of the gallery keeps the interface, whatever the report holds."""

import numpy as np

from lab.report.figures.gallery import BUILT_IN, compute_all
from lab.report.text.translate import Translator

WORDS = Translator("en")


def entries(report) -> dict[str, dict]:
    data = compute_all(report)
    return {figure.name: figure.page_entry(data[figure.name], WORDS) for figure in BUILT_IN}


def test_names_are_unique() -> None:
    assert len({figure.name for figure in BUILT_IN}) == len(BUILT_IN)


def test_an_absent_figure_carries_its_reason_and_nothing_to_draw(tabled) -> None:
    report = tabled(objective=[0.5])
    drawn, data = entries(report), compute_all(report)
    assert drawn["accuracy_vs_lr"]["absent"] == "optimizer.lr was not varied among the runs with a result."
    assert set(drawn["scatter"]) == {"id", "title", "caption", "chooser"}
    for figure in BUILT_IN:
        if "absent" in drawn[figure.name]:
            assert set(drawn[figure.name]) == {"id", "title", "absent"}
            assert list(figure.images(data[figure.name], WORDS)) == []


def test_a_drawn_figure_has_a_caption_and_panels_or_a_chooser(made_up_report) -> None:
    for entry in entries(made_up_report).values():
        assert {"id", "title", "caption"} < set(entry)
        assert ("panels" in entry) != ("chooser" in entry)


def test_few_runs_carry_a_warning(tabled) -> None:
    def heat_map(num: int) -> dict:
        rates = np.geomspace(1e-5, 1, num).tolist()
        return entries(tabled(objective=np.linspace(0, 1, num).tolist(), **{"optimizer.lr": rates}))[
            "correlation_heatmap"
        ]

    assert heat_map(9)["warning"].startswith("Only 9 runs")
    assert "warning" not in heat_map(10)
