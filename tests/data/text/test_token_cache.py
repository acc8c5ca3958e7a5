"""Tokens of texts on disk: rows of any length, cut to the longest, empty splits included."""

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.core.batches import FlatIds
from lab.data.cache.store import is_intact
from lab.data.text import token_cache
from lab.data.text.token_cache import full_lengths, tokenise


class Words:
    """A tokenizer of words: the id of a word is its length."""

    pad_id, vocabulary_size, longest, unit = 0, 30, 40, "words"

    def lengths(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def encode(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        return [[len(word) for word in text.split()[:max_length]] for text in texts]

    def encode_flat(self, texts: Sequence[str], max_length: int) -> FlatIds:
        return FlatIds.of(self.encode(texts, max_length))

    def save(self, folder: Path) -> None:
        raise AssertionError("nothing here saves it")

    def fingerprint(self) -> str:
        return "words"


class Listed(list[str]):
    def batches(self, size: int) -> Iterator[list[str]]:
        for start in range(0, len(self), size):
            yield list(self[start : start + size])


def test_rows_are_read_back_and_cut(tmp_path: Path) -> None:
    texts, ticks = Listed(["uno dos tres", "", "cuatro"]), list[int]()
    tokens = tokenise(texts, Words(), 2, tmp_path, "key", ticks.append)
    assert [row.tolist() for row in (tokens[0], tokens[1], tokens[2])] == [[3, 3], [], [6]]
    assert (len(tokens), tokens.lengths.tolist(), ticks) == (3, [2, 0, 1], [3])
    assert full_lengths(texts, Words(), tmp_path, "key", ticks.append).tolist() == [3, 0, 1], "before any cut"
    again = pickle.loads(pickle.dumps(tokens))
    assert again[0].tolist() == [3, 3]


def test_texts_without_any_token(tmp_path: Path) -> None:
    tokens = tokenise(Listed(["", ""]), Words(), 2, tmp_path, "empty", lambda _: None)
    assert tokens.lengths.tolist() == [0, 0]
    assert tokens[1].tolist() == []


def test_two_processes_write_what_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sliced(Listed):
        def at(self, places: Any) -> "Sliced":
            return Sliced([self[place] for place in places])

    texts = Sliced(["uno dos tres"] * 2500 + ["", "cuatro"] * 251)
    one = tokenise(texts, Words(), 2, tmp_path, "one", lambda _: None)
    counted = full_lengths(texts, Words(), tmp_path, "one", lambda _: None)
    monkeypatch.setattr(token_cache, "HALVED", 3000)
    monkeypatch.setattr(token_cache, "is_possible", lambda: True)
    monkeypatch.setattr(Words, "uses_one_core", True, raising=False)
    ticks: list[int] = []
    two = tokenise(texts, Words(), 2, tmp_path, "two", ticks.append)
    assert sum(ticks) == 1501, "another process has the other half"
    assert np.array_equal(one.offsets, two.offsets)
    assert np.array_equal(one.values, two.values)
    assert all(is_intact(tokens.folder) for tokens in (one, two)), "checksums that were computed on the way"
    names = [{path.name for path in tokens.folder.iterdir()} for tokens in (one, two)]
    assert names[0] == names[1]
    assert np.array_equal(full_lengths(texts, Words(), tmp_path, "two", lambda _: None), counted)
    assert one.counts(9).tolist() == np.bincount(one.values, minlength=9).tolist()
