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


def _folds(folds: int | None, fold: int | None) -> Found:
    if folds is None:
        if fold is not None:
            problem = "has no effect without data.split.folds, the number of folds"
            yield Mistake("data.split.fold", problem, "data.split.folds=5, or data.split.fold=null", fold)
    elif fold is None:
        all_folds = ",".join(map(str, range(min(int(folds), 10))))
        problem = "does not say which fold is validation; typed on the command line it runs all of them"
        yield Mistake("data.split.folds", problem, f"-m data.split.fold={all_folds}, or data.split.fold=0", folds)
    elif int(fold) >= int(folds):
        problem = f"the folds are numbered from 0 to {int(folds) - 1}"
        yield Mistake("data.split.fold", problem, f"data.split.fold={int(folds) - 1}", fold)


def _fold_is_validation(folds: int | None, on_val: bool) -> Found:
    if folds is not None and on_val:
        problem = "trains on the fold that has to be predicted by a model that did not see it"
        yield Mistake("data.split.train_on_val", problem, "data.split.train_on_val=false", True)


def _fold_files(folds: int | None, val: Any) -> Found:
    if folds is not None and val is not None:
        problem = "folds take validation from the training rows, and data.val gives rows of its own"
        yield Mistake("data.split.folds", problem, "data.val=null, or data.split.folds=null", folds)


def _fold_or_left_out(folds: int | None, val: Any) -> Found:
    if folds is not None and val == "leave_one_out":
        problem = "each fold is validation once, so no case is left out alone"
        yield Mistake("data.split.val", problem, "data.split.val=auto, or data.split.folds=null", val)


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


def _windows(most: int, model: str, hidden_states: bool) -> Found:
    if int(most) > 1 and model != "encoder":
        problem = f"a model of kind {model} has no windows of tokens; a longer data.max_length reads more of a text"
        yield Mistake("data.max_windows", problem, "data.max_windows=1", most)
    elif int(most) > 1 and hidden_states:
        problem = "cache.hidden_states keeps the states of one window of a text"
        yield Mistake("data.max_windows", problem, "data.max_windows=1, or cache.hidden_states=false", most)


RULES: tuple[Rule, ...] = (
    (("data.split.val", "data.split.test"), _shares),
    (("data.split.folds", "data.split.fold"), _folds),
    (("data.split.folds", "data.split.train_on_val"), _fold_is_validation),
    (("data.split.folds", "data.val"), _fold_files),
    (("data.split.folds", "data.split.val"), _fold_or_left_out),
    (("data.path", "data.train", "data.val", "data.test", "data.kind"), _files),
    (("data.text", "data.labels"), _columns),
    (("data.labels", "data.split_labels", "data.label_separator"), _label_sets),
    (("data.max_windows", "model.kind", "cache.hidden_states"), _windows),
)
