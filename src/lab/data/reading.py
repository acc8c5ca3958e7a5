"""Questions, contexts and answers as read from any source, and what becomes of answers that are not where they should.

An answer is a stretch of its context: a text and where it starts, in characters. Published files have offsets that miss
(FaQuAD: 33 of 1,541); such an answer is moved to the nearest place that holds its text, or dropped where none does.
"""

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
    """context: its place among the reading's contexts. answers: empty where the context holds none."""

    id: str
    text: str
    context: int
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Dropped:
    """An answer that stands nowhere in its context."""

    question: str
    text: str


@dataclass(frozen=True)
class Reading:
    """One source. documents: of each context, the document it is from.

    repaired: answers that were moved to where they stand; dropped: those that stand nowhere. A question that lost all
    its answers is not among `questions`; it is in `lost`.
    """

    contexts: tuple[str, ...]
    documents: tuple[str, ...]
    questions: tuple[Question, ...]
    repaired: int = 0
    dropped: tuple[Dropped, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def num_answers(self) -> int:
        """Answers as given, dropped ones included."""
        return sum(len(question.answers) for question in self.questions) + len(self.dropped)


def placed(context: str, text: str, start: int) -> tuple[Answer | None, bool]:
    """The answer where it stands, trimmed; and whether it had to be moved. None where it stands nowhere.

    >>> placed("la bomba y la otra bomba", "bomba", 17)
    (Answer(text='bomba', start=19), True)
    """
    if context[start : start + len(text)] == text and start >= 0:
        moved = False
    else:
        found = occurrences(context, text) if text.strip() else []
        if not found:
            return None, False
        start, moved = min(found, key=lambda place: (abs(place - start), place)), True
    trimmed = text.strip()
    return (Answer(trimmed, start + text.index(trimmed)), moved) if trimmed else (None, False)


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
        self.dropped: list[Dropped] = []
        self.lost: list[str] = []

    def context(self, text: str, document: str) -> int:
        """Add a context; gives its number."""
        self.contexts.append(text)
        self.documents.append(document)
        return len(self.contexts) - 1

    def ask(self, name: str, text: str, context: int, answers: Sequence[tuple[str, int]]) -> None:
        """Add a question about a context already added. answers: (text, start), each kept once."""
        kept: dict[Answer, None] = {}
        for answer, start in answers:
            found, moved = placed(self.contexts[context], answer, start)
            if found is None:
                self.dropped.append(Dropped(name, answer))
            else:
                kept[found] = None
                self.repaired += moved
        if answers and not kept:
            self.lost.append(name)
        else:
            self.questions.append(Question(name, text, context, tuple(kept)))

    def reading(self) -> Reading:
        return Reading(
            tuple(self.contexts),
            tuple(self.documents),
            tuple(self.questions),
            self.repaired,
            tuple(self.dropped),
            tuple(self.lost),
        )
