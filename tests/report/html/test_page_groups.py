import re
from dataclasses import replace

import pytest

from lab.report.findings import Comparison, Group, Groups, Interval, Pair, Sentence, Stat
from lab.report.html import page_groups
from lab.report.text.translate import Translator

WORDS = Translator("en")


def group(label: str, mean: float, interval: Interval | None) -> Group:
    stat = Stat(3, mean, 0.1, mean - 0.1, mean + 0.1, interval)
    return Group(label, {"model.name": label}, (0, 1, 2), (), {"objective": stat}, 0)


def circles(html: str) -> list[float]:
    return [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', html)]


def with_groups(report, *groups: Group):
    return replace(report, configurations=Groups(("model.name",), groups))


def test_means_stand_on_one_scale(tabled) -> None:
    report = with_groups(tabled(objective=[0.5, 0.6, 0.7]), group("a", 0.8, Interval(0.7, 0.9)), group("b", 0.4, None))
    html = page_groups.groups(report, WORDS)
    right, left = circles(html)
    ends = 0.3, 0.9  # lowest and highest value of both
    width = page_groups.WIDTH - 12
    assert right == pytest.approx(6 + width * (0.8 - ends[0]) / (ends[1] - ends[0]), abs=0.06)
    assert left == pytest.approx(6 + width * (0.4 - ends[0]) / (ends[1] - ends[0]), abs=0.06)
    assert html.count('class="interval"') == 1, "no interval, no bar"


def test_groups_beyond_the_first_are_counted(tabled) -> None:
    many = [group(str(at), 0.5 + at / 100, None) for at in range(page_groups.SHOWN_GROUPS + 2)]
    html = page_groups.groups(with_groups(tabled(objective=[0.5, 0.6, 0.7]), *many), WORDS)
    assert "2 more groups are in stats_per_group.csv." in html
    assert len(circles(html)) == page_groups.SHOWN_GROUPS


def test_labels_are_escaped(tabled) -> None:
    html = page_groups.groups(with_groups(tabled(objective=[0.5, 0.6]), group("<b>", 0.5, None)), WORDS)
    assert "<b>" not in html
    assert "&lt;b&gt;" in html


def pair(number: int, apart: bool) -> Pair:
    sentence = Sentence("nothing_to_compare")
    return Pair(f"g{number}", "base", 3, -0.01, Interval(-0.02, 0.01), 0.2, 0.4, -0.5, apart, sentence)


def test_comparisons_fold_after_the_first(tabled) -> None:
    report = tabled(objective=[0.5, 0.6])
    pairs = tuple(pair(number, number == 0) for number in range(page_groups.FIRST_SENTENCES + 3))
    report = replace(report, comparison=Comparison(("model.name",), "base", "val/f1_macro", pairs))
    html = page_groups.comparison(report, WORDS)
    assert "3 more comparisons" in html
    assert html.count('class="apart"') == 1
    assert '<data value="-0.01">-0.0100</data>' in html
    alone = Comparison((), None, "val/f1_macro", (), Sentence("nothing_to_compare"))
    assert page_groups.comparison(replace(report, comparison=alone), WORDS).startswith("<p>")
