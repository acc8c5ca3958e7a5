"""report.md: numbers with four digits, cells that do not break the table, lists that end."""

from dataclasses import replace

from lab.report.findings import COSTS
from lab.report.output import markdown
from lab.report.text.translate import Translator

WORDS = Translator("en")
UNKNOWN = {name: [None] for name in COSTS}


def test_the_file_has_the_leaderboard_in_its_order(tabled) -> None:
    report = replace(
        tabled(objective=[0.5, 0.61234567], run=["a|b", "c"], **{name: [None] * 2 for name in COSTS}),
        leaderboard=[1, 0],
    )
    text = "\n".join(markdown.lines(report, WORDS))
    rows = [line for line in text.splitlines() if line.startswith(("| c", "| a"))]
    assert [row.split(" | ")[0] for row in rows] == ["| c", "| a\\|b"]
    assert "0.6123" in rows[0]


def test_no_winner_is_said(tabled) -> None:
    assert WORDS("md_no_winner") in [*markdown.lines(tabled(objective=[0.5], **UNKNOWN), WORDS)]


def test_lists_say_how_much_they_leave_out() -> None:
    items = [str(number) for number in range(markdown.MAX_LINES_OF_LIST + 3)]
    lines = [*markdown._list(items, "md_exclusions", WORDS)]
    assert sum(line.startswith("- ") for line in lines) == markdown.MAX_LINES_OF_LIST + 1
    assert "3" in lines[-1]
    assert [*markdown._list([], "md_exclusions", WORDS)] == []


def test_numbers_have_four_digits() -> None:
    shown = {0.123456: "0.1235", 12.3456: "12.35", 12345.6: "12,346", float("nan"): ""}
    assert {value: markdown._number(value) for value in shown} == shown


def test_the_file_is_written_as_a_whole(tabled) -> None:
    report = tabled(objective=[0.5], **UNKNOWN)
    report.folder.mkdir(exist_ok=True)
    markdown.write(report, WORDS)
    text = (report.folder / "report.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {WORDS('md_title')}\n")
    assert text.endswith("\n")
