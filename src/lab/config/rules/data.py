"""Contradictions about the data: shares of a split, files, columns, and streamed rows, which are never all in memory.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

from collections.abc import Sequence
from typing import Any

from lab.config.rules.rule import Found, Rule
from lab.config.rules.tasks import NO_BASE
from lab.config.schema.text_data import SHUFFLE_BUFFER
from lab.core.errors import Mistake, listed
from lab.core.hydra_quoting import quoted

OTHER_COLUMN = "OTHER_COLUMN"
"""Stands in a remedy for a column of the user's file, which only `lab.data.column_proposals` reads."""


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
        yield Mistake("data.labels", problem, _assignment("data.text", left or [OTHER_COLUMN]), list(labels))


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


def _spellings(merge: bool, split_labels: Sequence[str] | None) -> Found:
    if merge and split_labels:
        problem = "merges classes, and data.split_labels makes a column of each label before there are classes"
        yield Mistake("data.merge_spellings", problem, "data.merge_spellings=false, or data.split_labels=null", True)


STREAMING, OFF = "data.streaming", "data.streaming=false"


def _needs_all_rows(key: str, off: Any, reason: str, remedy: str) -> Rule:
    """A rule for a setting that only `off` leaves possible."""

    def rule(streaming: bool, value: Any) -> Found:
        if streaming and value != off:
            yield Mistake(
                key, f"{reason}, and with data.streaming=true they stay on disk", f"{remedy}, or {OFF}", value
            )

    return (STREAMING, key), rule


def _streamed_model(streaming: bool, kind: str) -> Found:
    if streaming and kind == "linear":
        problem = "is solved for all rows at once, and with data.streaming=true they stay on disk"
        yield Mistake("model", problem, f"model=ngram, or {OFF}", "linear")


def _buffer(streaming: bool, size: int) -> Found:
    if not streaming and int(size) != SHUFFLE_BUFFER:
        problem = "has no effect without data.streaming=true: rows in memory are shuffled all together"
        yield Mistake("data.shuffle_buffer", problem, f"data.shuffle_buffer={SHUFFLE_BUFFER}", size)


def _streamed_encoding(streaming: bool, encoding: str) -> Found:
    if streaming and encoding.lower().replace("-", "").replace("_", "") != "utf8":
        yield Mistake(
            "data.encoding", "shards of JSON lines are read as UTF-8", f"data.encoding=utf-8, or {OFF}", encoding
        )


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
    (("data.merge_spellings", "data.split_labels"), _spellings),
    (("data.max_windows", "model.kind", "cache.hidden_states"), _windows),
    ((STREAMING, "model.kind"), _streamed_model),
    ((STREAMING, "data.shuffle_buffer"), _buffer),
    ((STREAMING, "data.encoding"), _streamed_encoding),
    _needs_all_rows("model.base", None, "needs predictions for all training rows", NO_BASE),
    _needs_all_rows("cache.hidden_states", False, "keeps states of all training rows", "cache.hidden_states=false"),
    _needs_all_rows("data.max_tokens", None, "needs the lengths of all rows", "data.max_tokens=null"),
    _needs_all_rows("data.max_rows.train", None, "draws from all rows", "trainer.limit_train_batches=0.1"),
    _needs_all_rows("data.split.group", None, "needs the groups of all rows", "files for data.val and data.test"),
    _needs_all_rows("data.split.folds", None, "divides all rows", "data.split.folds=null"),
    _needs_all_rows("data.split.train_on_val", False, "joins all rows", "data.split.train_on_val=false"),
    _needs_all_rows("data.split.refit", False, "joins all rows", "data.split.refit=false"),
    _needs_all_rows("data.merge_spellings", False, "counts the spellings of all rows", "data.merge_spellings=false"),
    _needs_all_rows("data.split_labels", None, "needs the labels of all rows", "data.split_labels=null"),
)
