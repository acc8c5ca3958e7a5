"""Contradictions about the data: shares of a split, files, columns.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

from collections.abc import Sequence
from typing import Any

from lab.config.rules.rule import Found, Rule
from lab.core.errors import Mistake, listed
from lab.core.hydra_quoting import quoted


def _shares(val: float, test: float) -> Found:
    if float(val) + float(test) >= 1:
        problem = f"with data.split.test={test} no row is left for training"
        yield Mistake("data.split.val", problem, "data.split.val=0.1 data.split.test=0.1", val)


def _files(path: Any, train: Any, val: Any, test: Any, kind: str) -> Found:
    if path is None and train is None:
        problem = "no file is given. Give data.path, which is split, or data.train (with data.val, data.test)"
        yield Mistake("data.path", problem, f"data.path={'train-v1.1.json' if kind == 'squad' else 'avisos.csv'}", None)
    parts = [f"data.{name}" for name, value in (("train", train), ("val", val), ("test", test)) if value is not None]
    if path is not None and parts:
        problem = f"data.path is split into train, val and test, so it cannot be given together with {listed(parts)}"
        yield Mistake(
            "data.path", problem, "data.path=null" if train else f"data.path=null {quoted('data.train', path)}", path
        )


def _columns(text: Sequence[str], labels: Sequence[str]) -> Found:
    for key, columns in (("data.text", text), ("data.labels", labels)):
        twice = sorted({column for column in columns if list(columns).count(column) > 1})
        if twice:
            problem = f"names {listed(twice)} more than once"
            yield Mistake(key, problem, _assignment(key, dict.fromkeys(columns)), list(columns))
    both = sorted(set(text) & set(labels))
    if both:
        problem = f"{listed(both)} is also a text column: a model that reads its label learns nothing"
        left = [column for column in text if column not in both]
        yield Mistake("data.labels", problem, _assignment("data.text", left or ["OTHER_COLUMN"]), list(labels))


def _label_sets(labels: Sequence[str], split_labels: Sequence[str] | None, label_separator: str) -> Found:
    others = [column for column in split_labels or () if column not in labels]
    if others:
        problem = f"{listed(others)} is no label column"
        kept = [column for column in split_labels or () if column in labels]
        remedy = _assignment("data.split_labels", kept) if kept else _assignment("data.labels", [*labels, *others])
        yield Mistake("data.split_labels", problem, remedy, list(split_labels or ()))
    if label_separator != "|" and not split_labels:
        problem = "has no effect: no column is named whose cells contain several labels"
        yield Mistake("data.label_separator", problem, _assignment("data.split_labels", labels), label_separator)


def _assignment(key: str, columns: Any) -> str:
    return quoted(key, list(columns))


RULES: tuple[Rule, ...] = (
    (("data.split.val", "data.split.test"), _shares),
    (("data.path", "data.train", "data.val", "data.test", "data.kind"), _files),
    (("data.text", "data.labels"), _columns),
    (("data.labels", "data.split_labels", "data.label_separator"), _label_sets),
)
