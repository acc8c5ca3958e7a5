"""Contradictions between keys of the data."""

from typing import Any

import pytest

from .conftest import keys_of_mistakes

FILES = ("data.path", "data.train", "data.val", "data.test", "data.kind")
FOLDS = ("data.split.folds", "data.split.fold")
WINDOWS = ("data.max_windows", "model.kind", "cache.hidden_states")
SETS = ("data.labels", "data.split_labels", "data.label_separator")


@pytest.mark.parametrize(
    ("keys", "values", "blamed"),
    [
        (("data.split.val", "data.split.test"), (0.4, 0.5), []),
        (("data.split.val", "data.split.test"), (0.5, 0.5), ["data.split.val"]),
        (FOLDS, (None, None), []),
        (FOLDS, (5, 4), []),
        (FOLDS, (5, 5), ["data.split.fold"]),
        (FOLDS, (None, 0), ["data.split.fold"]),
        (FOLDS, (5, None), ["data.split.folds"]),
        (("data.split.folds", "data.split.train_on_val"), (5, True), ["data.split.train_on_val"]),
        (("data.split.folds", "data.val"), (5, "val.csv"), ["data.split.folds"]),
        (("data.split.folds", "data.split.val"), (5, "leave_one_out"), ["data.split.val"]),
        (("data.split.folds", "data.split.val"), (5, "auto"), []),
        (FILES, ("a.csv", None, None, None, "csv"), []),
        (FILES, (None, "a.csv", None, "b.csv", "csv"), []),
        (FILES, (None, None, None, None, "csv"), ["data.path"]),
        (FILES, ("a.csv", "b.csv", None, None, "csv"), ["data.path"]),
        (FILES, ("a.csv", None, None, "b.csv", "csv"), ["data.path"]),
        (("data.text", "data.labels"), (["a"], ["b", "c"]), []),
        (("data.text", "data.labels"), (["a"], ["b", "b"]), ["data.labels"]),
        (("data.text", "data.labels"), (["a", "a"], ["b"]), ["data.text"]),
        (("data.text", "data.labels"), (["a"], ["a"]), ["data.labels"]),
        (SETS, (["modo", "temas"], None, "|"), []),
        (SETS, (["modo", "temas"], ["temas"], ";"), []),
        (SETS, (["modo", "temas"], [], "|"), []),
        (SETS, (["modo", "temas"], ["tema"], "|"), ["data.split_labels"]),
        (SETS, (["modo", "temas"], ["temas", "tema"], "|"), ["data.split_labels"]),
        (SETS, (["modo", "temas"], None, ";"), ["data.label_separator"]),
        (WINDOWS, (8, "encoder", False), []),
        (WINDOWS, (1, "ngram", True), []),
        (WINDOWS, (8, "ngram", False), ["data.max_windows"]),
        (WINDOWS, (8, "encoder", True), ["data.max_windows"]),
    ],
)
def test_rule(keys: tuple[str, ...], values: tuple[object, ...], blamed: list[str]) -> None:
    assert keys_of_mistakes(dict(zip(keys, values, strict=True))) == blamed


def of(keys: tuple[str, ...], values: tuple[Any, ...]) -> list[str]:
    return keys_of_mistakes(dict(zip(keys, values, strict=True)))


@pytest.mark.parametrize(
    ("key", "fine", "wrong"),
    [
        ("model.base", None, "linear"),
        ("cache.hidden_states", False, True),
        ("data.max_tokens", None, 4096),
        ("data.max_rows.train", None, 100),
        ("data.split.group", None, "equipo"),
        ("data.split.folds", None, 5),
        ("data.split.train_on_val", False, True),
        ("data.split.refit", False, True),
        ("data.split_labels", None, ["temas"]),
        ("data.encoding", "UTF-8", "latin-1"),
    ],
)
def test_what_needs_all_rows_is_refused(key: str, fine: Any, wrong: Any) -> None:
    keys = ("data.streaming", key)
    assert of(keys, (True, fine)) == []
    assert of(keys, (True, wrong)) == [key]
    assert of(keys, (False, wrong)) == []


def test_models_that_are_solved_need_all_rows() -> None:
    assert of(("data.streaming", "model.kind"), (True, "linear")) == ["model"]
    assert of(("data.streaming", "model.kind"), (True, "ngram")) == []


def test_a_buffer_without_a_stream_has_no_effect() -> None:
    keys = ("data.streaming", "data.shuffle_buffer")
    assert of(keys, (False, 1000)) == ["data.shuffle_buffer"]
    assert of(keys, (True, 1000)) == []
