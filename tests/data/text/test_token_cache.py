"""Tokens of texts on disk: rows of any length, cut to the longest, empty splits included."""

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.core.batches import FlatIds
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
