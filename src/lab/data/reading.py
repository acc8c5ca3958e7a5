"""Questions, contexts and answers as read from any source, and what becomes of answers that are not where they should.

An answer is a stretch of its context: a text and where it starts, in characters. Published files have offsets that miss
(FaQuAD: 33 of 1,541); such an answer is moved to the nearest place that holds its text. Where none does it cannot be
pointed at, but stays one of the texts that a prediction is compared with, as in SQuAD's evaluation.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """A stretch of a context: `context[start : start + len(text)] == text`."""

    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True)
class Question:
    """context: its place among the reading's contexts. answers: those that stand in it; unplaced: texts of the rest."""

    id: str
    text: str
    context: int
    answers: tuple[Answer, ...]
    unplaced: tuple[str, ...] = ()

    @property
    def accepted(self) -> tuple[str, ...]:
        """What a prediction is compared with, each text once; empty where the context does not say."""
        return tuple(dict.fromkeys([*(answer.text for answer in self.answers), *self.unplaced]))

    @property
    def lost(self) -> bool:
        """Whether it has answers and none of them stands in its context: there is nothing to train on."""
        return bool(self.unplaced) and not self.answers


@dataclass(frozen=True)
class Dropped:
    """An answer that stands nowhere in its context."""

    question: str
    text: str


@dataclass(frozen=True)
class Reading:
    """One source. documents: of each context, the document it is from. repaired: answers moved to where they stand."""

    contexts: tuple[str, ...]
    documents: tuple[str, ...]
    questions: tuple[Question, ...]
    repaired: int = 0

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """Answers that stand nowhere."""
        return tuple(Dropped(question.id, text) for question in self.questions for text in question.unplaced)

    @property
    def num_answers(self) -> int:
        """Answers as given, dropped ones included."""
        return sum(len(question.answers) for question in self.questions) + len(self.dropped)


def placed(context: str, text: str, start: int) -> tuple[Answer | None, bool]:
    """The answer where it stands, trimmed; and whether it had to be moved. None where it stands nowhere.

    text: not blank; found, too, where the context writes its accents in Unicode's other form (é as one character or as
    two, as files from a Mac or a PDF do), and then as the context writes it.

    >>> placed("la bomba y la otra bomba", "bomba", 17)
    (Answer(text='bomba', start=19), True)
    """
    trimmed = text.strip()
    start += text.index(trimmed)
    if start >= 0 and context.startswith(trimmed, start):
        return Answer(trimmed, start), False
    for form in dict.fromkeys([trimmed, *(unicodedata.normalize(form, trimmed) for form in ("NFC", "NFD"))]):
        if found := occurrences(context, form):
            return Answer(form, min(found, key=lambda place: (abs(place - start), place))), True
    return None, False


def occurrences(context: str, text: str) -> list[int]:
    """Every place where a text starts, overlapping ones included."""
    found, place = [], context.find(text)
    while place >= 0:
        found.append(place)
        place = context.find(text, place + 1)
    return found


class Gathered:
    """Questions put together one by one, their answers placed."""

    def __init__(self) -> None:
        self.contexts: list[str] = []
        self.documents: list[str] = []
        self.questions: list[Question] = []
        self.repaired = 0

    def context(self, text: str, document: str) -> int:
        """Add a context; gives its number."""
        self.contexts.append(text)
        self.documents.append(document)
        return len(self.contexts) - 1

    def ask(self, name: str, text: str, context: int, answers: Sequence[tuple[str, int]]) -> None:
        """Add a question about a context already added. answers: (text, start), each kept once, blank ones not at all:
        a question with no other is one that the context does not answer."""
        kept: dict[Answer, None] = {}
        unplaced: dict[str, None] = {}
        for answer, start in answers:
            if not answer.strip():
                continue
            found, moved = placed(self.contexts[context], answer, start)
            if found is None:
                unplaced[answer.strip()] = None
            else:
                kept[found] = None
                self.repaired += moved
        self.questions.append(Question(name, text.strip(), context, tuple(kept), tuple(unplaced)))

    def reading(self) -> Reading:
        return Reading(tuple(self.contexts), tuple(self.documents), tuple(self.questions), self.repaired)
