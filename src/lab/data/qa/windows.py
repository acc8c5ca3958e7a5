"""Questions with stretches of their contexts as inputs of a model, on disk: made once, memory-mapped, shared by runs.

A context longer than a model reads becomes several windows that overlap by `stride` tokens. Each token of a window
knows the characters it stands for, so that a span of tokens is a stretch of the context, word for word; tokens of the
question, and of nothing but white space, stand for none: no answer starts or ends with one. Flat files: all windows'
tokens behind one another, 16 bytes each.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab.core.batches import PairTokenizer
from lab.core.errors import Mistake, RequestError, listed
from lab.data.cache.store import made
from lab.data.progress_lines import ticker
from lab.data.qa.examples import Asked
from lab.data.qa.question_rows import Answer, Question

SPARE = 16
"""Tokens of context that a proposed `data.max_length` leaves beside what neighbours share."""
CHUNK = 500
"""Questions tokenised at a time."""
COLUMNS = 4
"""Of `values.bin`: id, segment, first character, character behind the last."""
LAYOUT = 2
"""Part of a cache's name; one more whenever the same questions and tokens make other windows."""
BLANK = np.array([chr(code).isspace() for code in range(0x3002)])
"""Whether a character is white space, by its code; the last one stands for all that come behind it."""
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
        problem = (
            f"{len(found)} questions leave windows of data.max_length={max_length} no more than the "
            f"data.stride={stride} tokens that neighbours share, so the windows would never come to the context's end: "
            f"{listed([name for _, name in sorted(found)], 3)}"
        )
        remedy = _remedy(found, max_length, stride, tokenizer.longest)
        raise RequestError(Mistake("data.max_length", problem, remedy, max_length))


def _remedy(found: Sequence[tuple[int, str]], max_length: int, stride: int, longest: int) -> str:
    """What makes every question found fit. found: (tokens of context beside it, id), none more than `stride`."""
    least = min(room for room, _ in found)
    ways = []
    if max_length + stride - least < longest:
        ways.append(f"data.max_length={min(max_length + stride - least + SPARE, longest)}")
    if least >= 2:
        ways.append(f"data.stride={least // 2}")
    if ways:
        return ", or ".join(ways)
    hopeless = [name for room, name in sorted(found) if room + longest - max_length <= stride]
    longer = f"data.max_length={longest}, and " if len(hopeless) < len(found) else ""
    return f"{longer}shorten these questions or take them out: {listed(hopeless)}"


def windows(asked: Asked, tokenizer: PairTokenizer, max_length: int, stride: int, cache: Path, key: str) -> Windows:
    """The windows of a split, each with the span of its first answer that it holds whole.

    key: names the questions. Questions must leave room for more than `stride` tokens (`refuse_long_questions`).
    """
    name = f"{key}\n{tokenizer.fingerprint()}\nwindows-{LAYOUT}-{max_length}-{stride}"
    folder = cache / "tokens" / hashlib.sha256(name.encode()).hexdigest()[:32]
    made(folder, lambda aside: _fill(aside, asked, tokenizer, max_length, stride))
    return Windows(folder)


def span(places: Ints, answers: Sequence[Answer]) -> tuple[int, int]:
    """First and last token of the first answer that a window holds whole; (0, 0) where it holds none.

    places: (L, 2) characters of each token, -1 where it stands for none. An answer that starts or ends inside a token
    is widened to it.

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


def bare(places: Ints, context: str) -> Ints:
    """Characters of each token (L, 2) without white space at either end; -1 where nothing else is left.

    Byte-level and SentencePiece tokenizers count the space before a word as part of it.

    >>> bare(np.array([[-1, -1], [0, 2], [2, 8], [8, 10]]), "la bomba\\n ").tolist()
    [[-1, -1], [0, 2], [3, 8], [-1, -1]]
    """
    codes = np.frombuffer(context.encode("utf-32-le"), np.uint32)
    blank = BLANK[np.minimum(codes, len(BLANK) - 1)]
    starts, ends = places.T.copy()
    while (moved := (starts < ends) & blank[starts.clip(0, len(blank) - 1)]).any():
        starts += moved
    while (moved := (starts < ends) & blank[ends.clip(1) - 1]).any():
        ends -= moved
    return np.where((starts < ends)[:, None], np.column_stack([starts, ends]), -1)


def _fill(aside: Path, asked: Asked, tokenizer: PairTokenizer, max_length: int, stride: int) -> None:
    lengths, question_of, spans = [0], list[int](), list[tuple[int, int]]()
    number = 0
    tick = ticker("cutting contexts into windows", len(asked.questions), "questions")
    with (aside / "values.bin").open("wb") as file:
        for some in _chunks(asked.questions):
            contexts = [asked.contexts[question.context] for question in some]
            found = tokenizer.windows([question.text for question in some], contexts, max_length, stride)
            for question, pieces in zip(some, found, strict=True):
                for piece in pieces:
                    places = bare(np.asarray(piece.places, np.int64).reshape(-1, 2), asked.contexts[question.context])
                    columns = np.column_stack([piece.ids, piece.segments, places])
                    file.write(columns.astype(np.int32).tobytes())
                    lengths.append(len(columns))
                    question_of.append(number)
                    spans.append(span(places, question.answers))
                number += 1
            tick(len(some))
    np.save(aside / "offsets.npy", np.cumsum(np.array(lengths, np.int64)))
    np.save(aside / "question_of.npy", np.array(question_of, np.int64))
    np.save(aside / "spans.npy", np.array(spans, np.int64).reshape(-1, 2))


def _chunks(questions: Sequence[Question]) -> Iterator[Sequence[Question]]:
    return (questions[start : start + CHUNK] for start in range(0, len(questions), CHUNK))
