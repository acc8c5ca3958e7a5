"""Writes index.html, a single file that opens anywhere without a network, and the figures as files beside it.

The page contains Plotly's script (4.8 MB), its style, script and data; its content security policy forbids loading
anything else. Texts are HTML; the script draws the table of runs, and the figures when they come into view.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

from lab.core.files import write_whole
from lab.core.record.run_folder import plain
from lab.core.registry import FIGURES
from lab.report.figures.gallery import compute_all
from lab.report.findings import Report
from lab.report.html import doc_links, image_files, page_drift, page_groups, page_sections
from lab.report.html.page_table import table
from lab.report.text.translate import Translator

SCRIPT_WORDS = ("table.", "copied", "copy", "status.", "beside.", "details.", "choose.", "absent.webgl", "unit.")
SECTIONS = (
    "winner", "leaderboard", "groups", "comparison", "diagnosis", "drift", "figures", "what_if", "exclusions", "method",
)  # fmt: skip


def write(report: Report, words: Translator) -> None:
    """Write index.html and figures/*.png, *.svg into the report's folder. Raises OSError if that fails."""
    data = compute_all(report)
    text = page(report, data, words)
    write_whole(report.folder / "index.html", lambda aside: aside.write_text(text, encoding="utf-8"))
    image_files.write(report.folder / "figures", data, words)


def page(report: Report, data: Mapping[str, Any], words: Translator) -> str:
    """Return the file's text: Plotly's 4.8 MB and about .7 kB per run. data: of each figure by its name."""
    parts = {
        "winner": page_sections.winner(report, words),
        "groups": page_groups.groups(report, words),
        "comparison": page_groups.comparison(report, words),
        "diagnosis": page_sections.diagnosis(report, words),
        "drift": page_drift.drift(report, words),
        "what_if": page_sections.what_if(report, words),
        "exclusions": page_sections.exclusions(report, words),
        "method": page_sections.method(report, words),
    }
    block = {
        "table": table(report),
        "figures": [figure.page_entry(data[figure.name], words) for figure in FIGURES.values()],
        "words": words.with_prefixes(*SCRIPT_WORDS),
        "metric": report.runs.metric,
        "lang": words.lang,
    }
    named = {
        f"title_{name}": words(f"section.{name}") + doc_links.link(name, report.folder, report.docs, words)
        for name in SECTIONS
    }
    shown = [name for name in SECTIONS if report.drift or name != "drift"]
    links = "".join(f'<li><a href="#{name}">{words(f"section.{name}")}</a></li>' for name in shown)
    return Template(_file("page.html")).substitute(
        parts, **named,
        lang=words.lang, title=words("title"), skip=words("skip"), nav=words("nav"), links=links,
        summary=page_sections.summary(report, words), needs_script=words("table.script"),
        made=words("made", made=report.made), command=page_sections.code(report.command, words),
        style=_file("page.css"), script=_file("page.js"), figures_script=_file("figures.js"),
        plotly=_plotly(), data=_json(block),
    )  # fmt: skip


def _json(block: Any) -> str:
    """Return JSON that cannot end the script element around it."""
    return json.dumps(plain(block), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _file(name: str) -> str:
    return files("lab.report.html").joinpath(name).read_text(encoding="utf-8")


def _plotly() -> str:
    return files("plotly").joinpath("package_data", "plotly.min.js").read_text(encoding="utf-8")
