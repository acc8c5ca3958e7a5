"""Questions with parts of their contexts as model inputs on disk: computed once, memory-mapped, shared by runs.

A context that is too long for a model becomes several windows that overlap by `stride` tokens. Each token of a window
has its characters in the context, so that a span of tokens is a part of the context, word for word. Tokens of the
question and of white space have none, so no answer starts or ends with one. Flat files: the tokens of all windows, one
window after another, 16 bytes per token.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab.core.batches import PairTokenizer
from lab.core.errors import Mistake, RequestError, listed
from lab.data.cache.store import make_entry
from lab.data.progress_lines import ticker
from lab.data.qa.question_rows import Answer, Question
from lab.data.qa.splits import QuestionSplit

SPARE = 16
"""Tokens of context, beyond the overlap, that a proposed `data.max_length` leaves."""
CHUNK = 500
"""Questions tokenised at a time."""
COLUMNS = 4
"""Columns of `values.bin`: id, segment, first character, character after the last."""
LAYOUT = 2
"""Part of a cache entry's name; increased when the same questions and tokens make other windows."""
BLANK = np.array([chr(code).isspace() for code in range(0x3002)])
"""Whether a character is white space, by its code; the last item applies to all higher codes."""
Ints = npt.NDArray[np.int64]


class Windows:
    """The windows of one split. question_of: (windows,) number of the question; spans: (windows, 2) first and last
    token of the answer."""

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
        """Return (L, 4): id, segment, and the characters [start, end) of the context, -1 for a token without any."""
        return self.values[self.offsets[window] : self.offsets[window + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int32]:
        """Number of tokens of each window, (windows,)."""
        return np.diff(self.offsets).astype(np.int32)


def without_overlap(parts: Sequence[npt.NDArray[np.integer]]) -> npt.NDArray[np.integer]:
    """Return the ids (tokens,) of the windows (L, 4) of a question: the question once, each token of the context once.

    >>> first, second = [[7, 0, -1, -1], [8, 1, 0, 2]], [[7, 0, -1, -1], [8, 1, 0, 2], [9, 1, 3, 5]]
    >>> without_overlap([np.array(first), np.array(second)]).tolist()
    [7, 8, 9]
    """
    kept, last = [parts[0][:, 0]], parts[0][:, 2].max(initial=-1)
    for part in parts[1:]:
        kept.append(part[part[:, 2] > last, 0])
        last = max(last, part[:, 2].max(initial=-1))
    return np.concatenate(kept)


def refuse_long_questions(
    splits: dict[str, QuestionSplit], tokenizer: PairTokenizer, max_length: int, stride: int
) -> None:
    """Raises RequestError naming the questions that leave a window no more than `stride` tokens of context."""
    too_long: list[tuple[int, str]] = []
    for part in splits.values():
        for chunk in _chunks(part.questions):
            rooms = tokenizer.room([question.text for question in chunk], max_length)
            too_long += [(room, question.id) for room, question in zip(rooms, chunk, strict=True) if room <= stride]
    if too_long:
        problem = (
            f"{len(too_long)} questions are so long that windows of data.max_length={max_length} have room for no more "
            f"than the data.stride={stride} tokens that neighbours share; windows would never reach the context's end: "
            f"{listed([name for _, name in sorted(too_long)], 3)}"
        )
        remedy = _remedy(too_long, max_length, stride, tokenizer.longest)
        raise RequestError(Mistake("data.max_length", problem, remedy, max_length))


def _remedy(too_long: Sequence[tuple[int, str]], max_length: int, stride: int, longest: int) -> str:
    """Settings with which all these questions fit. too_long: (tokens left for context, id), at most `stride` tokens."""
    least = min(room for room, _ in too_long)
    ways = []
    if max_length + stride - least < longest:
        ways.append(f"data.max_length={min(max_length + stride - least + SPARE, longest)}")
    if least >= 2:
        ways.append(f"data.stride={least // 2}")
    if ways:
        return ", or ".join(ways)
    hopeless = [name for room, name in sorted(too_long) if room + longest - max_length <= stride]
    longer = f"data.max_length={longest}, and " if len(hopeless) < len(too_long) else ""
    return f"{longer}shorten these questions or take them out: {listed(hopeless)}"


def windows(
    part: QuestionSplit, tokenizer: PairTokenizer, max_length: int, stride: int, cache: Path, key: str
) -> Windows:
    """Return the windows of a split, each with the span of the first answer that is completely inside it.

    key: identifies the questions. Questions must leave room for more than `stride` tokens (`refuse_long_questions`).
    """
    name = f"{key}\n{tokenizer.fingerprint()}\nwindows-{LAYOUT}-{max_length}-{stride}"
    folder = cache / "tokens" / hashlib.sha256(name.encode()).hexdigest()[:32]
    make_entry(folder, lambda aside: _fill(aside, part, tokenizer, max_length, stride))
    return Windows(folder)


def answer_span(places: Ints, answers: Sequence[Answer]) -> tuple[int, int]:
    """Return the first and last token of the first answer that is completely inside a window; (0, 0) without one.

    places: (L, 2) characters of each token, -1 for a token without any. An answer that starts or ends inside a token is
    extended to the whole token.

    >>> answer_span(np.array([[-1, -1], [0, 2], [3, 8], [9, 11]]), [Answer("bomba", 3)])
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


def without_white_space(places: Ints, context: str) -> Ints:
    """Return the characters of each token (L, 2) without white space at its ends; -1 for a token of white space only.

    Byte-level and SentencePiece tokenizers include the space before a word in its token.

    >>> without_white_space(np.array([[-1, -1], [0, 2], [2, 8], [8, 10]]), "la bomba\\n ").tolist()
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


def _fill(aside: Path, part: QuestionSplit, tokenizer: PairTokenizer, max_length: int, stride: int) -> None:
    lengths, question_of, spans = [0], list[int](), list[tuple[int, int]]()
    number = 0
    tick = ticker("cutting contexts into windows", len(part.questions), "questions")
    with (aside / "values.bin").open("wb") as file:
        for chunk in _chunks(part.questions):
            contexts = [part.contexts[question.context] for question in chunk]
            batch = tokenizer.windows([question.text for question in chunk], contexts, max_length, stride)
            for question, pieces in zip(chunk, batch, strict=True):
                for piece in pieces:
                    places = without_white_space(
                        np.asarray(piece.places, np.int64).reshape(-1, 2), part.contexts[question.context]
                    )
                    columns = np.column_stack([piece.ids, piece.segments, places])
                    file.write(columns.astype(np.int32).tobytes())
                    lengths.append(len(columns))
                    question_of.append(number)
                    spans.append(answer_span(places, question.answers))
                number += 1
            tick(len(chunk))
    np.save(aside / "offsets.npy", np.cumsum(np.array(lengths, np.int64)))
    np.save(aside / "question_of.npy", np.array(question_of, np.int64))
    np.save(aside / "spans.npy", np.array(spans, np.int64).reshape(-1, 2))


def _chunks(questions: Sequence[Question]) -> Iterator[Sequence[Question]]:
    return (questions[start : start + CHUNK] for start in range(0, len(questions), CHUNK))
