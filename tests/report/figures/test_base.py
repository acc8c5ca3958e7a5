"""What a figure gives the page and the files, drawn or absent."""

from typing import Any, cast

from matplotlib.figure import Figure

from lab.report.figures.base import Absent, ReportFigure
from lab.report.text.translate import Translator


def words(key: str, **values: Any) -> str:
    return f"{key}{values or ''}"


FIGURE = ReportFigure[int](
    "bars",
    compute=lambda _: 3,
    draw_plotly=lambda data, _: {"panels": [data]},
    draw_matplotlib=lambda _, __: iter([("", Figure()), ("_more", Figure())]),
    caption=lambda data, _: f"{data} runs",
)
WORDS = cast(Translator, words)


def test_a_figure_gives_the_page_its_caption_and_drawing_and_the_files_their_names() -> None:
    entry = FIGURE.page_entry(3, WORDS)
    assert entry == {"id": "bars", "title": "figure.bars", "caption": "3 runs", "panels": [3]}
    assert [name for name, _ in FIGURE.images(3, WORDS)] == ["bars", "bars_more"]


def test_an_absent_figure_says_why_and_makes_no_file() -> None:
    absent = Absent("absent.few", {"count": 1})
    assert FIGURE.page_entry(absent, WORDS) == {
        "id": "bars", "title": "figure.bars", "absent": "absent.few{'count': 1}",
    }  # fmt: skip
    assert list(FIGURE.images(absent, WORDS)) == []
