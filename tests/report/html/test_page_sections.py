import re
from dataclasses import replace

import pytest

from lab.report.analysis.diagnosis import RULES
from lab.report.findings import COSTS, Exclusion, Finding, Sentence, TerminatedTrial, WhatIf, Winner
from lab.report.html import page_sections, page_table
from lab.report.output import markdown
from lab.report.text.translate import Translator

WORDS = Translator("en")


@pytest.mark.parametrize(("value", "text"), [(0.123456789, '<data value="0.123456789">0.1235</data>'), (None, "–"),
                                             (float("nan"), "–")])  # fmt: skip
def test_a_number_keeps_its_digits(value: float | None, text: str) -> None:
    assert page_sections.number(value) == text


def test_findings_stand_by_rule_best_runs_first_and_the_rest_is_counted(tabled) -> None:
    num = page_sections.SHOWN_FINDINGS + 2
    report = tabled(objective=[at / num for at in range(num)])
    findings = [Finding(row, "overfitting", Sentence("nothing_to_compare"), "model.dropout=0.3") for row in range(num)]
    findings.append(Finding(0, "truncated", Sentence("nothing_to_compare"), ""))
    report = replace(report, findings=tuple(findings))
    html = page_sections.diagnosis(report, WORDS)
    shown = re.findall(r"<li><b>(\d+)</b>", html)
    assert shown[:2] == [str(num - 1), str(num - 2)]
    assert "and 2 more" in html
    assert f"{num} runs" in html
    assert "1 run<" in html
    assert html.count("data-copy") == page_sections.SHOWN_FINDINGS, "what has nothing to type has nothing to copy"


def test_a_policy_says_whom_it_would_have_ended(tabled) -> None:
    report = tabled(objective=[0.5, 0.6])
    ended = (TerminatedTrial(1, 3, 7, Sentence("ended_median_stopping", {"own": 0.5, "bar": 0.6, "num": 2})),)
    report = replace(report, what_if=(WhatIf("bandit", {}, "s", 2, ended, 7, 0.35, 0.0125),))
    html = page_sections.what_if(report, WORDS)
    assert "1 / 2" in html
    assert '<data value="0.35">35%</data>' in html
    assert "interval 3: its best value 0.5 is worse than 0.6, the median of" in html
    spanish = page_sections.what_if(report, Translator("es"))
    assert "intervalo 3: su mejor valor 0.5 es peor que 0.6, la mediana" in spanish
    assert "policy" not in page_sections.what_if(tabled(objective=[0.5]), WORDS)


def test_what_was_left_out_is_named_and_escaped(tabled) -> None:
    report = tabled(objective=[0.5])
    left_out = (Exclusion("a/<x>", Sentence("nothing_to_compare")),)
    report = replace(report, runs=replace(report.runs, exclusions=left_out))
    assert "a/&lt;x&gt;" in page_sections.exclusions(report, WORDS)


def test_statuses_are_counted(tabled) -> None:
    report = tabled(objective=[0.5, 0.6])
    report = replace(report, counts={"completed": 1, "failed": 1, "expected": 5, "not_started": 3})
    html = page_sections.summary(report, WORDS)
    assert "2 of 5 runs" in html
    assert '<data value="3">3</data> never started' in html
    assert "unfinished" not in html
    assert "there is no winner" in html


def test_the_best_baseline_stands_beside_the_winner(tabled) -> None:
    columns = {"test/f1_macro": [0.5], "majority/f1_macro": [0.125], "majority_val/f1_macro": [0.1],
               "linear/f1_macro": [0.375], "linear_val/f1_macro": [0.5], "ridge/f1_macro": [0.75],
               "ridge_val/f1_macro": [0.25]}  # fmt: skip
    report = tabled(objective=[0.6], **columns, **{name: [1.0] for name in COSTS if name != "time_s"})
    report = replace(report, winner=Winner(0, "python train.py", None, ()))
    html = page_sections.summary(report, WORDS)
    assert '<data value="0.375">0.3750</data></b><span>linear model (TF-IDF)' in html
    assert "majority class" in html
    assert "ridge" not in html, "two tiles say how the winner stands"
    shown = page_table.table(report)["shown"]
    assert shown.index("linear/f1_macro") == shown.index("test/f1_macro") + 1
    assert "| linear/f1_macro |" in "\n".join(markdown.lines(report, WORDS))


def test_every_rule_has_a_title_in_both_languages() -> None:
    for rule in (*RULES, "unstable"):
        assert Translator("es")(f"rule.{rule}") != Translator("en")(f"rule.{rule}")
