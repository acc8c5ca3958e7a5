"""Questions, contexts and answers as read from any source, and what becomes of answers that are not where they should.

An answer is a stretch of its context: a text and where it starts, in characters. Files count in other units, too
(`lab.data.qa.answer_offsets`), and published ones have offsets that miss (FaQuAD: 33 of 1,541). An answer whose offset
misses is moved where its text stands once; where it stands several times nobody knows which one is meant, and where it
stands nowhere there is none. Neither can be pointed at, but both stay texts that a prediction is compared with, as in
SQuAD's evaluation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lab.data.qa.answer_offsets import CHARACTERS, Counting, Given, counting_of, forms, standing

Ambiguous = Literal["leave_out", "nearest"]
"""What becomes of an answer whose offset misses and whose text stands several times."""


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
    """context: its place among the reading's contexts. answers: those that are where they stand in it; unplaced: texts
    of those that stand nowhere; ambiguous: of those whose offset misses and that stand several times."""

    id: str
    text: str
    context: int
    answers: tuple[Answer, ...]
    unplaced: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()

    @property
    def accepted(self) -> tuple[str, ...]:
        """What a prediction is compared with, each text once; empty where the context does not say."""
        return tuple(dict.fromkeys([*(answer.text for answer in self.answers), *self.unplaced, *self.ambiguous]))

    @property
    def lost(self) -> bool:
        """Whether it has answers and the place of none of them is known: there is nothing to train on."""
        return bool(self.unplaced or self.ambiguous) and not self.answers


@dataclass(frozen=True)
class Dropped:
    """An answer whose place in its context is not known."""

    question: str
    text: str


@dataclass(frozen=True)
class Reading:
    """One source. documents: of each context, the document it is from. repaired: answers moved to where they stand.
    counting: what the offsets of the source count. made_ids: questions that had no id and were given one."""

    contexts: tuple[str, ...]
    documents: tuple[str, ...]
    questions: tuple[Question, ...]
    repaired: int = 0
    counting: Counting = CHARACTERS
    made_ids: int = 0

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """Answers that stand nowhere."""
        return tuple(Dropped(question.id, text) for question in self.questions for text in question.unplaced)

    @property
    def ambiguous(self) -> tuple[Dropped, ...]:
        """Answers that stand several times, and not where the source says."""
        return tuple(Dropped(question.id, text) for question in self.questions for text in question.ambiguous)

    @property
    def num_answers(self) -> int:
        """Answers as given, those without a place included."""
        placed_answers = sum(len(question.answers) for question in self.questions)
        return placed_answers + len(self.dropped) + len(self.ambiguous)


@dataclass(frozen=True)
class Placed:
    """answer: where it stands, None where that is not known. num: places that hold its text. moved: whether the source
    has another offset or another form of its accents."""

    answer: Answer | None
    num: int
    moved: bool = False


def placed(context: str, given: Given, place: int | None, ambiguous: Ambiguous) -> Placed:
    """An answer where it stands, trimmed. place: the character that its offset falls on.

    The text is found, too, where the context writes its accents in Unicode's other form, and then as the context does.

    >>> placed("la bomba y la otra bomba", Given("otra", 17), 17, "leave_out").answer
    Answer(text='otra', start=14)
    """
    if found := standing(context, given.text, place):
        return Placed(Answer(*found), 1, found[0] != given.text.strip())
    for form in forms(given.text):
        if found_places := occurrences(context, form):
            near = given.start if place is None else place
            nearest = min(found_places, key=lambda start: (abs(start - near), start))
            known = len(found_places) == 1 or ambiguous == "nearest"
            return Placed(Answer(form, nearest) if known else None, len(found_places), known)
    return Placed(None, 0)


def occurrences(context: str, text: str) -> list[int]:
    """Every place where a text starts, overlapping ones included."""
    found, place = [], context.find(text)
    while place >= 0:
        found.append(place)
        place = context.find(text, place + 1)
    return found


@dataclass(frozen=True)
class _Asked:
    id: str
    text: str
    context: int
    answers: tuple[Given, ...]


class Gathered:
    """Questions put together one by one; their answers are placed when all of them are known."""

    def __init__(self) -> None:
        self.contexts: list[str] = []
        self.documents: list[str] = []
        self.asked: list[_Asked] = []
        self.made_ids = 0

    def context(self, text: str, document: str) -> int:
        """Add a context; gives its number."""
        self.contexts.append(text)
        self.documents.append(document)
        return len(self.contexts) - 1

    def ask(self, name: str, text: str, context: int, answers: Sequence[tuple[str, int]]) -> None:
        """Add a question about a context already added. answers: (text, start), each kept once, blank ones not at all:
        a question with no other is one that the context does not answer."""
        given = tuple(Given(answer, start) for answer, start in answers if answer.strip())
        self.asked.append(_Asked(name, text.strip(), context, given))

    def reading(self, ambiguous: Ambiguous = "leave_out") -> Reading:
        answers: list[list[Given]] = [[] for _ in self.contexts]
        for one in self.asked:
            answers[one.context] += one.answers
        counting = counting_of(self.contexts, answers)
        repaired, questions = 0, []
        for one in self.asked:
            question, moved = self._placed(one, counting, ambiguous)
            questions.append(question)
            repaired += moved
        return Reading(tuple(self.contexts), tuple(self.documents), tuple(questions), repaired, counting, self.made_ids)

    def _placed(self, one: _Asked, counting: Counting, ambiguous: Ambiguous) -> tuple[Question, int]:
        """The question with its answers where they stand, and how many of them had to be moved."""
        context = self.contexts[one.context]
        places = counting.places(context, [given.start for given in one.answers])
        found = [placed(context, given, place, ambiguous) for given, place in zip(one.answers, places, strict=True)]
        lacking = [(given.text.strip(), of.num) for given, of in zip(one.answers, found, strict=True) if not of.answer]
        kept = dict.fromkeys(of.answer for of in found if of.answer)
        nowhere = dict.fromkeys(text for text, num in lacking if not num)
        several = dict.fromkeys(text for text, num in lacking if num)
        question = Question(one.id, one.text, one.context, tuple(kept), tuple(nowhere), tuple(several))
        return question, sum(of.moved for of in found)
