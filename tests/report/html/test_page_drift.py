"""The drift of new rows on the page and in report.md, in both languages, escaped; no section without a file."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.report.analysis.drift import drift_verdict
from lab.report.findings import Report
from lab.report.html.page_drift import drift
from lab.report.sources.drift import read_drift
from lab.report.text.translate import Translator
from tests.report.sources.test_drift import content, subject


@pytest.fixture
def report(tabled: Callable[..., Report], tmp_path: Path) -> Report:
    path = tmp_path / "a.drift.json"
    path.write_text(
        json.dumps(content(subject("characters/<i>", "large", 0.5), subject("unknown tokens", "none", 0.0)))
    )
    return replace(tabled(objective=[0.5]), drift=read_drift([str(path)]))


@pytest.mark.parametrize(("lang", "word"), [("en", "large"), ("es", "grande")])
def test_shifted_subjects_are_shown_in_words(report: Report, lang: str, word: str) -> None:
    html = drift(report, Translator(lang))
    assert f"<td>{word}</td>" in html
    assert "characters/&lt;i&gt;" in html
    assert "outputs/&lt;b&gt;" in html
    assert "<i>" not in html
    assert 'value="0.5"' in html
    assert "labels/cause: none" in html


def test_a_report_without_a_drift_file_has_no_section(report: Report) -> None:
    assert drift(replace(report, drift=()), Translator("en")) == ""


def test_the_verdict_counts_what_shifted(report: Report) -> None:
    words = Translator("en")
    (file,) = report.drift
    assert "1 of 2 subjects shifted: characters/<i>" in drift_verdict(file, words)
    assert "none of 1 subjects" in drift_verdict(file._replace(subjects=file.subjects[1:]), words)
