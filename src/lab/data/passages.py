"""Questions with stretches of their contexts as inputs of a model, on disk: made once, memory-mapped, shared by runs.

A context longer than a model reads becomes several windows that overlap by `stride` tokens. Each token of a window
knows the characters it stands for, so that a span of tokens is a stretch of the context, word for word; tokens of the
question stand for none and can never be an answer. Flat files: all windows' tokens behind one another, 24 bytes each.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab.batches import PairTokenizer
from lab.data.cache import made
from lab.data.questions import Asked
from lab.data.reading import Answer, Question
from lab.errors import Mistake, RequestError, listed

CHUNK = 500
"""Questions tokenised at a time."""
COLUMNS = 4
"""Of `values.bin`: id, segment, first character, character behind the last."""
Ints = npt.NDArray[np.int64]


class Windows:
    """The windows of one split. lengths: tokens of each; question_of: (windows,) its question; spans: (windows, 2)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.offsets: Ints = np.load(folder / "offsets.npy")
        self.question_of: Ints = np.load(folder / "question_of.npy")
        self.spans: Ints = np.load(folder / "spans.npy")
        self.values = np.memmap(folder / "values.bin", dtype=np.int32, mode="r").reshape(-1, COLUMNS)

    def __reduce__(self) -> tuple[type["Windows"], tuple[Path]]:
        return Windows, (self.folder,)

    def __len__(self) -> int:
        return len(self.question_of)

    def __getitem__(self, window: int) -> npt.NDArray[np.int32]:
        """(L, 4): id, segment, and the characters [start, end) of the context; -1 for a token that stands for none."""
        return self.values[self.offsets[window] : self.offsets[window + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int32]:
        return np.diff(self.offsets).astype(np.int32)


def refuse_long_questions(asked: dict[str, Asked], tokenizer: PairTokenizer, max_length: int, stride: int) -> None:
    """Raises RequestError naming the questions that leave a window no more than `stride` tokens of context."""
    found: list[tuple[int, str]] = []
    for one in asked.values():
        for some in _chunks(one.questions):
            rooms = tokenizer.room([question.text for question in some], max_length)
            found += [(room, question.id) for room, question in zip(rooms, some, strict=True) if room <= stride]
    if found:
        least = min(room for room, _ in found)
        problem = (
            f"{len(found)} questions leave windows of data.max_length={max_length} no more than the "
            f"data.stride={stride} tokens that neighbours share, so the windows would never come to the context's end: "
            f"{listed([name for _, name in sorted(found)], 3)}"
        )
        remedy = f"data.max_length={max_length + stride - least + 16}"
        remedy += f", or data.stride={least // 2}" if least >= 2 else ""
        raise RequestError(Mistake("data.max_length", problem, remedy, max_length))


def windows(asked: Asked, tokenizer: PairTokenizer, max_length: int, stride: int, cache: Path, key: str) -> Windows:
    """The windows of a split, each with the span of its first answer that it holds whole.

    key: names the questions. Questions must leave room for more than `stride` tokens (`refuse_long_questions`).
    """
    name = f"{key}\n{tokenizer.fingerprint()}\nwindows-{max_length}-{stride}"
    folder = cache / "tokens" / hashlib.sha256(name.encode()).hexdigest()[:32]
    made(folder, lambda aside: _fill(aside, asked, tokenizer, max_length, stride))
    return Windows(folder)


def span(places: Ints, answers: Sequence[Answer]) -> tuple[int, int]:
    """First and last token of the first answer that a window holds whole; (0, 0) where it holds none.

    places: (L, 2) characters of each token, -1 where it stands for none. An answer that starts or ends inside a token
    is widened to it; white space at its ends, for which no token stands, is let go by whoever reads the answer.

    >>> span(np.array([[-1, -1], [0, 2], [3, 8], [9, 11]]), [Answer("bomba", 3)])
    (2, 2)
    """
    known = np.flatnonzero(places[:, 0] >= 0)
    if not len(known):
        return 0, 0
    low, high = int(places[known[0], 0]), int(places[known[-1], 1])
    for answer in answers:
        if answer.start < low or answer.end > high:
            continue
        touched = known[(places[known, 0] < answer.end) & (places[known, 1] > answer.start)]
        if len(touched):
            return int(touched[0]), int(touched[-1])
    return 0, 0


def _fill(aside: Path, asked: Asked, tokenizer: PairTokenizer, max_length: int, stride: int) -> None:
    lengths, question_of, spans = [0], list[int](), list[tuple[int, int]]()
    number = 0
    with (aside / "values.bin").open("wb") as file:
        for some in _chunks(asked.questions):
            contexts = [asked.contexts[question.context] for question in some]
            found = tokenizer.windows([question.text for question in some], contexts, max_length, stride)
            for question, pieces in zip(some, found, strict=True):
                for piece in pieces:
                    places = np.asarray(piece.places, np.int64).reshape(-1, 2)
                    columns = np.column_stack([piece.ids, piece.segments, places])
                    file.write(columns.astype(np.int32).tobytes())
                    lengths.append(len(columns))
                    question_of.append(number)
                    spans.append(span(places, question.answers))
                number += 1
    np.save(aside / "offsets.npy", np.cumsum(np.array(lengths, np.int64)))
    np.save(aside / "question_of.npy", np.array(question_of, np.int64))
    np.save(aside / "spans.npy", np.array(spans, np.int64).reshape(-1, 2))


def _chunks(questions: Sequence[Question]) -> Iterator[Sequence[Question]]:
    return (questions[start : start + CHUNK] for start in range(0, len(questions), CHUNK))
