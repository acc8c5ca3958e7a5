"""Checks that need the rows: unusable rows and columns, duplicates between splits, words that decide a label.

Each check returns its mistakes, its lines for the terminal and its numbers for the run record. The rules are in
`lab.data.text.checks.leakage` and `lab.data.text.checks.shortcuts`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lab.config.schema import Leaks
from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import Mistake, listed
from lab.data.text.checks import leakage
from lab.data.text.checks.other_columns import Unused, other_labels
from lab.data.text.checks.shortcuts import Shortcut, shortcuts
from lab.data.text.label_sets import wrong_forms
from lab.data.text.label_survey import Survey
from lab.data.text.splits import Splits, lone_classes
from lab.data.text.text_columns import ColumnTexts

_MAX_LONE_SHARE = 0.5
"""A column is not a label column if a larger share of its rows have a class of their own."""
_MEASURED, _WHOLE = re.compile(r"[-+]?(?:0|[1-9]\d*)[.,]\d+"), re.compile(r"[-+]?(?:0|[1-9]\d*)")
"""Numbers with and without decimals; one that begins with a further zero, such as 01.11, is a code."""
_MAX_MEASURED, _MIN_ROWS_EACH = 100, 5
"""A column of numbers with decimals is a measurement if it has more values, and fewer rows per value, than these."""
MAX_EXAMPLES = 8
"""Number of examples that a line names."""


@dataclass
class CheckResult:
    """mistakes: reasons to refuse the request; notes: lines for the terminal; facts: numbers for the run record."""

    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)


def check_rows(
    surveys: Mapping[str, Survey], values: Mapping[str, Sequence[str]], unused: Unused = tuple
) -> CheckResult:
    """Report unusable rows, missing cells, and label columns that are copies of a text column or have no classes.

    values: the distinct labels of each column that may hold sets of labels or objects instead; unused: see
    `other_labels`.
    """
    result = CheckResult(wrong_forms(values))
    for split, survey in surveys.items():
        if not len(survey):
            problem = f"no row of {split} has both a text and a label ({survey.num_rows} rows read)"
            result.mistakes.append(Mistake("data", problem, "look at data.text, data.labels and data.missing_markers"))
        if survey.headers:
            result.notes.append(
                f"{split}: {survey.headers} rows repeat the header and are left out (were files joined?)"
            )
        if survey.no_text:
            result.notes.append(f"{split}: {survey.no_text} rows without text are left out")
        if survey.no_label:
            result.notes.append(f"{split}: {survey.no_label} rows without any label are left out")
        missing = [f"{name} {num} ({num / survey.num_rows:.1%})" for name, num in survey.missing.items() if num]
        if missing:
            result.notes.append(f"{split}: missing cells: {listed(missing)}")
    reported = {mistake.value for mistake in result.mistakes}
    result.mistakes += [
        mistake for mistake in _columns_without_classes(surveys, values, unused) if mistake.value not in reported
    ]
    reported |= {mistake.value for mistake in result.mistakes}
    pairs = list(next(iter(surveys.values())).copies)
    several = len({text for _, text in pairs}) > 1
    for head, text in pairs:
        num = sum(survey.copies[head, text] for survey in surveys.values())
        labelled = sum(int((survey.labels[head] != MISSING).sum()) for survey in surveys.values())
        if labelled and num == labelled and head not in reported:
            problem = f"is repeated verbatim in the text column {text!r}, in all of its {labelled} rows"
            remedy = f"take {text!r} out of data.text" if several else "another label column, or another data.text"
            result.mistakes.append(Mistake("data.labels", problem, remedy, head))
    result.facts["missing"] = {split: survey.missing for split, survey in surveys.items()}
    result.facts["header_rows"] = {split: survey.headers for split, survey in surveys.items()}
    result.facts["dropped"] = {
        split: {"no_text": survey.no_text, "no_label": survey.no_label} for split, survey in surveys.items()
    }
    return result


def _columns_without_classes(
    surveys: Mapping[str, Survey], values: Mapping[str, Sequence[str]], unused: Unused
) -> list[Mistake]:
    """Label columns in which most rows have a class of their own (dates, names, free text), and measurements."""
    problems = {}
    heads = list(next(iter(surveys.values())).labels)
    for head in heads:
        codes = np.concatenate([survey.labels[head] for survey in surveys.values()])
        codes = codes[codes != MISSING]
        lone = lone_classes(codes)
        if len(codes) and lone > _MAX_LONE_SHARE * len(codes):
            problems[head] = (
                f"has {len(np.unique(codes))} values in {len(codes)} labelled rows, {lone} of them in a single row: "
                "an identifier, a measurement or free text, not a label"
            )
        elif _is_measured(codes, values.get(head, ())):
            problems[head] = (
                f"has {len(np.unique(codes))} numbers with decimals in {len(codes)} labelled rows: a measurement, not "
                "a label (write a column of ranges with pandas.qcut; data=series_table predicts numbers over time)"
            )
    remedy = other_labels([head for head in heads if head not in problems], unused) if problems else ""
    return [Mistake("data.labels", problem, remedy, head) for head, problem in problems.items()]


def _is_measured(codes: leakage.Ints, names: Sequence[str]) -> bool:
    """Whether a column has many numbers with decimals and few rows of each. names: its distinct labels."""
    num = len(np.unique(codes))
    if num <= _MAX_MEASURED or len(codes) >= _MIN_ROWS_EACH * num:
        return False
    decimals = sum(_MEASURED.fullmatch(name) is not None for name in names)
    whole = sum(_WHOLE.fullmatch(name) is not None for name in names)
    return decimals + whole == len(names) and decimals > whole


def check_leaks(
    splits: Splits,
    texts: ColumnTexts,
    labels: Mapping[str, leakage.Ints],
    heads: Sequence[HeadSpec],
    config: Leaks,
) -> CheckResult:
    """Report duplicates, contradicting labels, shared groups and deciding words. texts, labels: of train."""
    result = CheckResult()
    if config.action == "off":
        return result
    parts = splits.parts
    overlaps = leakage.overlaps(
        {name: part.plain for name, part in parts.items()}, {name: part.masked for name, part in parts.items()}
    )
    for overlap in overlaps:
        if overlap.masked:
            result.notes.append(
                f"{overlap.split}: {overlap.same} of {overlap.num_rows} rows have a text of {overlap.other} "
                f"({overlap.same_share:.1%}), {overlap.masked} without tags and digits ({overlap.masked_share:.1%})"
            )
        given = not {overlap.split, overlap.other} - {"train"} <= set(splits.drawn)
        mistake = leakage.overlap_mistake(overlap, given, config)
        result.mistakes += [mistake] if mistake else []
    result.mistakes += _shared_groups(splits)
    result.facts["leaks"] = {overlap.name: overlap.facts() for overlap in overlaps}
    result.facts["duplicates"] = _duplicates(splits, result)
    _add_shortcuts(shortcuts(texts, labels, heads, config.token_share, config.token_support), result)
    if config.action == "warn":
        result.notes += [f"warning: {mistake.problem}" for mistake in result.mistakes]
        result.mistakes.clear()
    return result


def _shared_groups(splits: Splits) -> list[Mistake]:
    groups = {name: part.groups for name, part in splits.parts.items() if part.groups is not None}
    remedy = "remove them from one side, or data.leaks.action=warn"
    return [
        Mistake("data.split.group", f"{num} groups have rows in both {pair}", remedy)
        for pair, num in leakage.shared_groups(groups).items()
    ]


def _duplicates(splits: Splits, result: CheckResult) -> dict[str, object]:
    parts = list(splits.parts.values())
    exact, plain = (np.concatenate([getattr(part, kind) for part in parts]) for kind in ("exact", "plain"))
    several = leakage.repeated(plain)  # equal texts are the same without case and accents, too
    exact, same = exact[several], plain[several]
    num = {"exact": leakage.num_repeated(exact), "same": leakage.num_repeated(same)}
    contradicted = {}
    for head in parts[0].labels:
        labels = np.concatenate([part.labels[head] for part in parts])
        texts, rows = leakage.contradictions(same, labels[several])
        contradicted[head] = {"texts": texts, "rows": rows}
        if texts:
            result.notes.append(f"{head}: {texts} texts occur with several labels ({rows} rows)")
    if num["same"]:
        result.notes.append(
            f"{num['same']} of {len(plain)} rows repeat the text of an earlier row ({num['exact']} to the letter)"
        )
    return num | {"contradicted": contradicted}


_MEANING = (
    "This is fine if people chose the labels; if a program made them from such words, the scores are too good for "
    "other labels: test on rows that a person labelled"
)


def _add_shortcuts(words: Sequence[Shortcut], result: CheckResult) -> None:
    result.facts["deciding_words"] = {"count": len(words), "first": [vars(word) for word in words[:50]]}
    if words:
        examples = listed([str(word) for word in words], MAX_EXAMPLES)
        result.notes.append(f"one word is enough to know the label: {examples}. {_MEANING}")
