"""The page in a real browser, with its network off. Pictures of each section go to LAB_ARTIFACTS, else a tmp folder."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lab.report.figures.gallery import compute_all
from lab.report.html import page as write_page
from lab.report.text.translate import Translator

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--no-first-run",
         "--enable-unsafe-swiftshader"]  # fmt: skip
SECTIONS = ("winner", "leaderboard", "groups", "comparison", "diagnosis", "figures", "what_if", "exclusions", "method")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH")


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as engine:
        opened = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser, made_up: Path) -> Iterator:
    """Opens the report offline; at the end no error may have been printed and nothing requested from a network."""
    problems: list[str] = []
    contexts = []

    def opened(width: int = 1280, height: int = 900, file: Path = made_up / "report" / "index.html", **options):
        context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)  # a page of 5 MB on a machine that does other work
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda sent: None if sent.url.startswith(("file:", "data:", "blob:")) else problems.append(sent.url),
        )
        page.goto(file.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="module")
def runs(made_up: Path) -> pd.DataFrame:
    return pd.read_csv(made_up / "report" / "runs.csv", float_precision="round_trip", dtype={"run": str})


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    artifacts = os.environ.get("LAB_ARTIFACTS")
    folder = Path(artifacts) / "report" if artifacts else tmp_path_factory.mktemp("report_pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def column(page, name: str) -> list[float]:
    """Exact numbers of a column of the table, top to bottom."""
    return page.evaluate(
        """(name) => {
            const names = [...document.querySelectorAll("#board th button")].map((one) => one.dataset.column);
            return [...document.querySelectorAll("#board tbody tr:not(.inner)")].map(
                (row) => Number(row.children[names.indexOf(name)]?.querySelector("data")?.value ?? NaN));
        }""",
        name,
    )


def names(page) -> list[str]:
    return page.eval_on_selector_all("#board [data-row]", "found => found.map((one) => one.title)")


def test_every_section_is_drawn_and_kept_as_a_picture(open_page, artifacts: Path) -> None:
    page = open_page()
    page.add_style_tag(content="nav { position: static !important; }")
    for name in SECTIONS:
        section = page.locator(f"#{name}")
        assert section.locator("h2").inner_text().strip()
        section.scroll_into_view_if_needed()
        if name == "figures":
            draw_all(page)
        section.screenshot(path=artifacts / f"{name}.png")
        assert (artifacts / f"{name}.png").stat().st_size > 3000
    page.screenshot(path=artifacts / "page.png", full_page=True)


def draw_all(page) -> None:
    for figure in page.locator("#gallery figure").all():
        figure.scroll_into_view_if_needed()
        if figure.locator(".absent").count() == 0:
            figure.locator(".main-svg, .gl-container canvas").first.wait_for(state="attached")


def test_all_figures_are_drawn(open_page) -> None:
    page = open_page()
    draw_all(page)
    figures = page.locator("#gallery figure")
    assert figures.count() == 14
    assert page.locator("#gallery .absent").count() == 0
    bars = "figure => figure.querySelectorAll('.plot .bars path, .plot .barlayer path').length"
    assert page.locator("#figure-bars").evaluate(bars) >= 40
    assert page.locator("#figure-confusion .plot").count() == 4


def test_paper_shows_every_figure_without_scrolling(open_page) -> None:
    left_out = """() => {
        window.dispatchEvent(new Event("beforeprint"));
        return [...document.querySelectorAll("#gallery figure")].filter(
            (figure) => !figure.querySelector(".absent") && !figure.dataset.drawn).map((figure) => figure.id);
    }"""
    assert open_page().evaluate(left_out) == []


def test_figures_out_of_view_are_drawn_when_idle(open_page) -> None:
    all_drawn = """() => [...document.querySelectorAll("#gallery figure")].every(
        (figure) => figure.querySelector(".absent, .main-svg, .gl-container canvas"))"""
    open_page().wait_for_function(all_drawn, timeout=120_000)


def test_the_first_page_is_the_leaderboard(open_page, runs: pd.DataFrame) -> None:
    page = open_page()
    expected = runs[runs["status"].isin(["completed", "early_stopped", "terminated"])].nlargest(10, "objective")
    assert column(page, "objective") == expected["objective"].tolist()
    assert column(page, "test/f1_macro") == expected["test/f1_macro"].tolist()
    assert page.locator("#board .pager [role=status]").inner_text() == "1–10 of 48"


def test_sorting_by_a_press_and_back(open_page, runs: pd.DataFrame) -> None:
    page = open_page()
    heading = page.locator('#board [data-column="time_s"]')
    heading.click()
    assert column(page, "time_s") == runs["time_s"].nlargest(10).tolist()
    assert page.locator('#board th:has([data-column="time_s"])').get_attribute("aria-sort") == "descending"
    heading.click()
    assert column(page, "time_s") == runs["time_s"].nsmallest(10).tolist()
    page.locator('#board [data-column="objective"]').click()
    page.locator('#board [data-column="objective"]').click()
    assert not np.isnan(column(page, "objective")).any(), "unknown values stand last, whichever the way"


def test_filtering_by_words_conditions_and_status(open_page, runs: pd.DataFrame) -> None:
    page = open_page()
    page.select_option("#size", "100")
    field = page.locator("#filter")
    field.fill("beto, test/f1_macro > 0.8")
    wanted = runs[(runs["model.name"] == "beto") & (runs["test/f1_macro"] > 0.8)]
    assert sorted(names(page)) == sorted(wanted["run"])
    assert 0 < len(wanted) < 48
    field.fill("")
    page.select_option("#status", "failed")
    assert sorted(names(page)) == sorted(runs.loc[runs["status"] == "failed", "run"])
    page.select_option("#status", "")
    field.fill("no_such_column > 1")
    assert "no_such_column" in page.locator("#board .pager [role=status]").inner_text()
    field.fill("zzz")
    assert "No run matches" in page.locator("#board tbody").inner_text()


def test_paging_shows_every_run_once(open_page, runs: pd.DataFrame) -> None:
    page = open_page()
    seen = names(page)
    while page.locator('[data-page="next"]').is_enabled():
        page.locator('[data-page="next"]').click()
        seen += names(page)
    assert sorted(seen) == sorted(runs["run"])
    assert page.locator('[data-page="last"]').is_disabled()
    page.locator('[data-page="first"]').click()
    assert names(page) == seen[:10]


def test_columns_can_be_chosen(open_page) -> None:
    page = open_page()
    assert np.isnan(column(page, "train/f1_macro")).all()
    page.locator("#board .picker summary").click()
    page.locator('#board .picker input[value="train/f1_macro"]').check()
    assert not np.isnan(column(page, "train/f1_macro")).any()
    page.keyboard.press("Escape")
    assert page.locator("#board .picker").get_attribute("open") is None


def test_axes_can_be_chosen(open_page, runs: pd.DataFrame) -> None:
    page = open_page()
    figure = page.locator("#figure-scatter")
    figure.scroll_into_view_if_needed()
    page.select_option("#scatter-x", "time_s")
    page.select_option("#scatter-y", "test/accuracy")
    page.select_option("#scatter-colour", "status")
    read = "figure => figure.querySelector('.plot').data.flatMap((trace) => [...trace.{}])"
    known = runs.dropna(subset=["time_s", "test/accuracy"])
    assert sorted(figure.evaluate(read.format("x"))) == sorted(known["time_s"])
    assert sorted(figure.evaluate(read.format("y"))) == sorted(known["test/accuracy"])
    page.select_option("#scatter-z", "objective")
    kinds = figure.evaluate("figure => figure.querySelector('.plot').data?.map((trace) => trace.type)")
    is_absent = figure.locator(".absent").count() == 1
    assert is_absent or set(kinds) == {"scatter3d"}, "without WebGL the page says so"


def test_box_plots_of_another_key_and_metric(open_page) -> None:
    page = open_page()
    figure = page.locator("#figure-boxes")
    figure.scroll_into_view_if_needed()
    page.select_option("#boxes-key", "model.name")
    page.select_option("#boxes-metric", "test/accuracy")
    shown = figure.evaluate("figure => figure.querySelector('.plot').layout.xaxis.title.text")
    assert shown == "model.name"
    assert figure.evaluate("figure => figure.querySelector('.plot').data[0].x.length") == 3


def test_everything_is_reached_by_keyboard_alone(open_page) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.dataset.column"))
        if reached[-1] == "objective":
            break
    assert [name for name in reached if name in ("filter", "size", "#", "objective")] == [
        "filter", "size", "#", "objective",
    ], "the controls, then the headings"  # fmt: skip
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.locator('#board th:has([data-column="objective"])').get_attribute("aria-sort") == "ascending"
    assert page.evaluate("document.activeElement.dataset.column") == "objective", "the focus stays where it was"


def test_a_run_opens_to_its_command(open_page, runs: pd.DataFrame) -> None:
    page = open_page()
    first = page.locator("#board [data-row]").first
    first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#board [data-row]").first.get_attribute("aria-expanded") == "true"
    best = runs.loc[runs["objective"].idxmax()]
    assert page.locator("#board .inner code").inner_text() == best["command"]
    page.locator("#board .inner .copy").click()
    page.locator("#board .inner .copy", has_text=re.compile("Copied|Select the text and copy it")).wait_for()


def test_on_a_phone_nothing_runs_out_of_the_page(open_page, artifacts: Path) -> None:
    page = open_page(390, 844, is_mobile=True, has_touch=True, device_scale_factor=2)
    draw_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    small = page.eval_on_selector_all(
        "button:not(#board th button):not(.open):not(.modebar-btn), select, input[type=search]",
        "found => found.filter((one) => one.getBoundingClientRect().height < 36).length",
    )
    assert small == 0, "everything to press is large enough for a thumb"
    page.locator("#method").scroll_into_view_if_needed()
    page.locator('nav a[aria-current][href="#method"], nav a[aria-current][href="#exclusions"]').first.wait_for()
    assert page.evaluate("document.querySelector('nav ul').scrollLeft") > 0, "the list of sections follows the reader"
    page.screenshot(path=artifacts / "phone.png")


def test_a_report_without_a_result_opens_too(open_page, tabled, tmp_path: Path) -> None:
    report = tabled(objective=[np.nan, np.nan], status=["failed", "interrupted"], time_s=[1.0, 2.0])
    file = tmp_path / "index.html"
    file.write_text(write_page.page(report, compute_all(report), Translator("en")), encoding="utf-8")
    page = open_page(file=file)
    assert names(page) == ["0", "1"]
    draw_all(page)
    assert page.locator("#gallery .absent").count() == 13
    assert page.locator("#figure-scatter .main-svg").count() > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(open_page, scheme: str) -> None:
    """Contrast after WCAG 2.1: 4.5 for texts, on cards and on the page, in both dresses."""
    page = open_page(color_scheme=scheme)
    colours = {
        name: page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()")
        for name in ("page", "card", "soft", "ink", "muted", "accent", "warn", "warn-ink")
    }
    pairs = [(text, ground) for text in ("ink", "muted", "accent") for ground in ("page", "card", "soft")]
    low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in [*pairs, ("warn-ink", "warn")]}
    assert {pair: value for pair, value in low.items() if value < 4.5} == {}


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
