"""Each remedy, typed, works: it takes its mistake away, and following remedies never leads back to where one was."""

from collections.abc import Callable

import pytest
import wrong_requests
from _pytest.mark import ParameterSet
from request_lines import Line, alternatives, applied, judged, judged_report

from lab.core.errors import Mistake

EVERY = 10
"""One line in so many is a part of the quick tests; all of them are some minutes."""
TRAIN = [
    line
    for text in ("KEYS", "CHOICES", "VALUES", "SWEEPS")
    for line in wrong_requests.lines(vars(wrong_requests)[text])
]
REPORT = wrong_requests.lines(wrong_requests.REPORT)
STEPS = 12
Judge = Callable[[Line], list[Mistake]]


def shares(lines: list[Line]) -> list[ParameterSet]:
    marks = ([], [pytest.mark.slow])
    return [
        pytest.param(line, marks=marks[number % EVERY > 0], id=" ".join(line)[:80]) for number, line in enumerate(lines)
    ]


@pytest.mark.parametrize("line", shares(TRAIN))
def test_each_remedy_works(line: Line) -> None:
    check(line, judged)


@pytest.mark.parametrize("line", shares(REPORT))
def test_each_remedy_of_a_report_works(line: Line) -> None:
    check(line, judged_report)


def test_there_are_enough_of_every_kind() -> None:
    assert len(TRAIN) + len(REPORT) >= 250


def check(line: Line, judge: Judge) -> None:
    """Every mistake has a remedy; each of its alternatives takes it away; the first ones lead to a sound line."""
    result = judge(line)
    assert result, "nothing is wrong with this line"
    for mistake in result:
        assert mistake.problem
        assert mistake.remedy, mistake
        for words in alternatives(mistake.remedy):
            left = judge(applied(line, mistake, words))
            assert not any(same(mistake, one) for one in left), f"{words} leaves {mistake}"
    mend(line, judge)


def mend(line: Line, judge: Judge) -> None:
    """Type the first remedy of the first mistake that has one to type, again and again."""
    seen = {line}
    for _ in range(STEPS):
        result = judge(line)
        typable = [(one, words) for one in result for words in list(alternatives(one.remedy))[:1]]
        if not typable:
            return  # sound, or nothing but files and packages left to bring
        line = applied(line, *typable[0])
        assert line not in seen, f"{typable[0]} leads back to {line}"
        seen.add(line)
    raise AssertionError(f"still wrong after {STEPS} remedies: {judge(line)}")


def same(one: Mistake, other: Mistake) -> bool:
    return (one.key, one.problem, one.value) == (other.key, other.problem, other.value)
