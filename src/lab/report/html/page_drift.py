"""The section on drift: what of new rows differs from the rows of a run. Only in a report that has drift files."""

from html import escape

from lab.report.analysis.drift import drift_verdict
from lab.report.findings import Report
from lab.report.html import doc_links
from lab.report.html.page_sections import number, table, table_rows
from lab.report.sources.drift import DriftFile, DriftSubject
from lab.report.text.translate import Translator


def drift(report: Report, words: Translator) -> str:
    """Return the whole section, one table per file; empty without a file."""
    files = "".join(_file(each, words) for each in report.drift)
    if not files:
        return ""
    title, about = escape(words("section.drift")), escape(words("drift.about"))
    link = doc_links.link("drift", report.folder, report.docs, words)
    head = f'<section id="drift" aria-labelledby="h-drift"><h2 id="h-drift">{title}{link}</h2>'
    return f"{head}<p class='note'>{about}</p>{files}</section>"


def _file(file: DriftFile, words: Translator) -> str:
    head = [words(f"drift.{name}") for name in ("subject", "level", "index", "distance", "p", "changes")]
    body = table_rows(_row(each, words) for each in file.subjects)
    left = "".join(f"<li>{escape(name)}: {escape(reason)}</li>" for name, reason in file.left_out.items())
    rest = f"<p class='note'>{escape(words('drift.left_out'))}</p><ul>{left}</ul>" if left else ""
    return f"<p>{escape(drift_verdict(file, words))}</p>{table(head, body, file.path)}{rest}"


def _row(subject: DriftSubject, words: Translator) -> list[str]:
    changes = "; ".join(
        f"{escape(name)}: {number(before, '.4g')} → {number(after, '.4g')}" for name, before, after in subject.changes
    )
    return [
        escape(subject.name), escape(words(f"drift.level.{subject.level}")), number(subject.stability, ".3f"),
        number(subject.distance, ".3f"), number(subject.p, ".3g"), changes,
    ]  # fmt: skip
