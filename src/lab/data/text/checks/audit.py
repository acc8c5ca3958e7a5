"""What the rows tell that the request could not: labels that stand in the text, leaks, classes without examples.

Gathers every mistake, the lines for the terminal and the numbers for the run record; decides nothing by itself (the
rules are in `lab.data.text.checks.leakage` and `lab.data.text.checks.shortcuts`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lab.config.schema import Leaks
from lab.core.batches import MISSING, HeadSpec
from lab.core.errors import Mistake, listed
from lab.core.hydra_quoting import quoted
from lab.data.text.checks import leakage
from lab.data.text.checks.class_spellings import alike
from lab.data.text.checks.shortcuts import Shortcut, shortcuts
from lab.data.text.label_sets import wrong_forms
from lab.data.text.label_survey import Survey
from lab.data.text.split_shares import lone_classes
from lab.data.text.splits import Partition
from lab.data.text.text_columns import ColumnTexts

_MOST_LONE = 0.5
"""A label column with a larger share of rows that are the only one of their class is none."""
_SHOWN = 8
"""Findings of one kind that are told one by one."""


@dataclass
class Audit:
    """mistakes: refused; notes: lines for the terminal; facts: numbers for the run record."""

    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)


def audit_rows(surveys: Mapping[str, Survey], values: Mapping[str, Sequence[str]]) -> Audit:
    """Rows that cannot be used, missing cells, label columns that are copies of a text column or have no classes.

    values: the different labels of each column that may hold sets of labels or objects instead.
    """
    audit = Audit(wrong_forms(values))
    for split, found in surveys.items():
        if not len(found):
            problem = f"no row of {split} has both a text and a label ({found.num_rows} rows read)"
            audit.mistakes.append(Mistake("data", problem, "look at data.text, data.labels and data.missing_markers"))
        if found.headers:
            audit.notes.append(f"{split}: {found.headers} rows are the header once more and left out: joined files?")
        if found.no_text:
            audit.notes.append(f"{split}: {found.no_text} rows without text left out")
        if found.no_label:
            audit.notes.append(f"{split}: {found.no_label} rows without any label left out")
        empty = [f"{name} {num} ({num / found.num_rows:.1%})" for name, num in found.missing.items() if num]
        if empty:
            audit.notes.append(f"{split}: missing cells: {listed(empty)}")
    named = {mistake.value for mistake in audit.mistakes}
    audit.mistakes += [mistake for mistake in _no_labels(surveys) if mistake.value not in named]
    first = next(iter(surveys.values()))
    for head, text in first.copies:
        num = sum(found.copies[head, text] for found in surveys.values())
        labelled = sum(int((found.labels[head] != MISSING).sum()) for found in surveys.values())
        if labelled and num == labelled:
            problem = f"stands verbatim in the text column {text!r}, in all of its {labelled} rows"
            audit.mistakes.append(Mistake("data.text", problem, f"take {text!r} out of data.text", head))
    audit.facts["missing"] = {split: found.missing for split, found in surveys.items()}
    audit.facts["header_rows"] = {split: found.headers for split, found in surveys.items()}
    audit.facts["dropped"] = {
        split: {"no_text": found.no_text, "no_label": found.no_label} for split, found in surveys.items()
    }
    return audit


def _no_labels(surveys: Mapping[str, Survey]) -> list[Mistake]:
    """Label columns in which most rows are the only one of their class: numbers, dates, names, free text."""
    found = []
    heads = list(next(iter(surveys.values())).labels)
    for head in heads:
        codes = np.concatenate([survey.labels[head] for survey in surveys.values()])
        codes = codes[codes != MISSING]
        lone = lone_classes(codes)
        if len(codes) and lone > _MOST_LONE * len(codes):
            rest = [other for other in heads if other != head]
            remedy = f"leave it out: {quoted('data.labels', rest)}" if rest else "another column"
            problem = (
                f"has {len(np.unique(codes))} values in {len(codes)} labelled rows, {lone} of them in one row alone: "
                "an identifier, a measurement or free text, no label"
            )
            found.append(Mistake("data.labels", problem, remedy, head))
    return found


def audit_heads(heads: Sequence[HeadSpec]) -> Audit:
    """Heads with one class, classes that train never shows, and classes that may be one in several spellings."""
    audit = Audit()
    unseen, spelt = {}, {}
    for head in heads:
        if found := alike(head.classes):
            spelt[head.name] = [list(names) for names in found]
            told = listed([" / ".join(map(repr, names)) for names in found], _SHOWN)
            audit.notes.append(
                f"{head.name}: classes that differ in case, accents, spaces or number form alone: {told}"
            )
        shown = [name for name, count in zip(head.classes, head.counts, strict=True) if count]
        if len(shown) < 2:
            has = f"one class only ({shown[0]!r})" if shown else "no label at all"
            audit.mistakes.append(
                Mistake("data.labels", f"has {has} in train: nothing to learn", "another column", head.name)
            )
        if len(shown) < head.num_classes:
            unseen[head.name] = [name for name in head.classes if name not in set(shown)]
            num = len(unseen[head.name])
            audit.notes.append(
                f"{head.name}: {num} classes never in train, rows count as errors: {listed(unseen[head.name], _SHOWN)}"
            )
    audit.facts["unseen_classes"] = unseen
    audit.facts["alike_classes"] = spelt
    return audit


def audit_leaks(
    split: Partition,
    texts: ColumnTexts,
    labels: Mapping[str, leakage.Ints],
    heads: Sequence[HeadSpec],
    config: Leaks,
) -> Audit:
    """Duplicates, contradictions, shared groups and deciding words. texts, labels: of train."""
    audit = Audit()
    if config.action == "off":
        return audit
    parts = split.parts
    every = leakage.overlaps(
        {name: part.plain for name, part in parts.items()}, {name: part.masked for name, part in parts.items()}
    )
    for overlap in every:
        if overlap.masked:
            audit.notes.append(
                f"{overlap.split}: {overlap.same} of {overlap.num_rows} rows have a text of {overlap.other} "
                f"({overlap.same_share:.1%}), tags and digits set aside {overlap.masked} ({overlap.masked_share:.1%})"
            )
        given = not {overlap.split, overlap.other} - {"train"} <= set(split.drawn)
        mistake = leakage.judge(overlap, given, config)
        audit.mistakes += [mistake] if mistake else []
    audit.mistakes += _shared_groups(split)
    audit.facts["leaks"] = {overlap.name: overlap.facts() for overlap in every}
    audit.facts["duplicates"] = _duplicates(split, audit)
    found = shortcuts(texts, labels, heads, config.token_share, config.token_support)
    _tell(found, audit)
    if config.action == "warn":
        audit.notes += [f"warning: {mistake.problem}" for mistake in audit.mistakes]
        audit.mistakes.clear()
    return audit


def _shared_groups(split: Partition) -> list[Mistake]:
    groups = {name: part.groups for name, part in split.parts.items() if part.groups is not None}
    remedy = "remove them from one side, or data.leaks.action=warn"
    return [
        Mistake("data.split.group", f"{num} groups have rows in both {pair}", remedy)
        for pair, num in leakage.shared_groups(groups).items()
    ]


def _duplicates(split: Partition, audit: Audit) -> dict[str, object]:
    parts = list(split.parts.values())
    exact, plain = (np.concatenate([getattr(part, kind) for part in parts]) for kind in ("exact", "plain"))
    num = {"exact": leakage.repeated(exact), "same": leakage.repeated(plain)}
    contradicted = {}
    for head in parts[0].labels:
        labels = np.concatenate([part.labels[head] for part in parts])
        texts, rows = leakage.contradictions(plain, labels)
        contradicted[head] = {"texts": texts, "rows": rows}
        if texts:
            audit.notes.append(f"{head}: {texts} texts stand with several labels ({rows} rows)")
    if num["same"]:
        audit.notes.append(
            f"{num['same']} of {len(plain)} rows repeat the text of an earlier row ({num['exact']} to the letter)"
        )
    return num | {"contradicted": contradicted}


def _tell(found: Sequence[Shortcut], audit: Audit) -> None:
    audit.facts["deciding_words"] = {
        "count": len(found),
        "first": [vars(shortcut) for shortcut in found[:50]],
    }
    if found:
        shown = [str(shortcut) for shortcut in found]
        audit.notes.append("single words decide a label; was it made from the text? " + listed(shown, _SHOWN))
