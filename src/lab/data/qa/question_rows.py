"""Questions, contexts and answers from any source, and the treatment of answers with wrong offsets.

An answer is a span of its context: a text and its start in characters. Some files count in other units
(`lab.data.qa.answer_offsets`), and published files have wrong offsets (FaQuAD: 33 of 1,541). An answer with a wrong
offset is moved if its text occurs once. If it occurs several times (ambiguous) or never (unplaced), its place is not
known and it is not trained on, but predictions are still compared with its text, as in SQuAD's evaluation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lab.data.qa.answer_offsets import CHARACTERS, Counting, FileAnswer, counting_of, forms, match_at

Ambiguous = Literal["leave_out", "nearest"]
"""Treatment of an answer with a wrong offset whose text occurs several times."""


@dataclass(frozen=True)
class Answer:
    """A span of a context: `context[start : start + len(text)] == text`."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """The character after the last one."""
        return self.start + len(self.text)


@dataclass(frozen=True)
class Question:
    """A question. context: number of its context; answers: those with a known place; unplaced: texts of answers that do
    not occur in the context; ambiguous: texts of answers with a wrong offset that occur several times."""

    id: str
    text: str
    context: int
    answers: tuple[Answer, ...]
    unplaced: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()

    @property
    def accepted(self) -> tuple[str, ...]:
        """Texts with which a prediction is compared, each once; empty if the context does not answer the question."""
        return tuple(dict.fromkeys([*(answer.text for answer in self.answers), *self.unplaced, *self.ambiguous]))

    @property
    def lost(self) -> bool:
        """Whether it has answers but none with a known place, so that it cannot be trained on."""
        return bool(self.unplaced or self.ambiguous) and not self.answers


@dataclass(frozen=True)
class Dropped:
    """An answer whose place in its context is not known."""

    question: str
    text: str


@dataclass(frozen=True)
class Reading:
    """Content of one source. documents: document of each context; repaired: number of answers that were moved;
    counting: unit of the source's offsets; made_ids: number of questions without an id that were given one."""

    contexts: tuple[str, ...]
    documents: tuple[str, ...]
    questions: tuple[Question, ...]
    repaired: int = 0
    counting: Counting = CHARACTERS
    made_ids: int = 0

    @property
    def dropped(self) -> tuple[Dropped, ...]:
        """Answers that do not occur in their contexts."""
        return tuple(Dropped(question.id, text) for question in self.questions for text in question.unplaced)

    @property
    def ambiguous(self) -> tuple[Dropped, ...]:
        """Answers that occur several times, but not where the source says."""
        return tuple(Dropped(question.id, text) for question in self.questions for text in question.ambiguous)

    @property
    def num_answers(self) -> int:
        """Number of answers, with those without a known place."""
        placed_answers = sum(len(question.answers) for question in self.questions)
        return placed_answers + len(self.dropped) + len(self.ambiguous)


@dataclass(frozen=True)
class PlacedAnswer:
    """An answer in its context. answer: None if its place is not known; num: number of places with its text; moved:
    whether the source has another offset or other Unicode forms of accents."""

    answer: Answer | None
    num: int
    moved: bool = False


def place_answer(context: str, given: FileAnswer, place: int | None, ambiguous: Ambiguous) -> PlacedAnswer:
    """Find an answer, trimmed, in its context. place: the character at which its offset points.

    The text also matches if the context writes accents in Unicode's other form; the answer then has the context's form.

    >>> place_answer("la bomba y la otra bomba", FileAnswer("otra", 17), 17, "leave_out").answer
    Answer(text='otra', start=14)
    """
    if match := match_at(context, given.text, place):
        return PlacedAnswer(Answer(*match), 1, match[0] != given.text.strip())
    for form in forms(given.text):
        if places := occurrences(context, form):
            offset = given.start if place is None else place
            nearest = min(places, key=lambda start: (abs(start - offset), start))
            known = len(places) == 1 or ambiguous == "nearest"
            return PlacedAnswer(Answer(form, nearest) if known else None, len(places), known)
    return PlacedAnswer(None, 0)


def occurrences(context: str, text: str) -> list[int]:
    """Return every place where a text starts, also overlapping ones."""
    places, place = [], context.find(text)
    while place >= 0:
        places.append(place)
        place = context.find(text, place + 1)
    return places


@dataclass(frozen=True)
class _FileQuestion:
    id: str
    text: str
    context: int
    answers: tuple[FileAnswer, ...]


class ReadingBuilder:
    """Collects contexts and questions one by one; answers are placed at the end, when the unit of offsets is known."""

    def __init__(self) -> None:
        self.contexts: list[str] = []
        self.documents: list[str] = []
        self.questions: list[_FileQuestion] = []
        self.made_ids = 0

    def context(self, text: str, document: str) -> int:
        """Add a context; return its number."""
        self.contexts.append(text)
        self.documents.append(document)
        return len(self.contexts) - 1

    def ask(self, name: str, text: str, context: int, answers: Sequence[tuple[str, int]]) -> None:
        """Add a question about a context that was added. answers: (text, start); blank ones are left out, and a
        question without others is one that the context does not answer."""
        file_answers = tuple(FileAnswer(answer, start) for answer, start in answers if answer.strip())
        self.questions.append(_FileQuestion(name, text.strip(), context, file_answers))

    def reading(self, ambiguous: Ambiguous = "leave_out") -> Reading:
        """Return all contexts and questions, with each answer at its place."""
        answers: list[list[FileAnswer]] = [[] for _ in self.contexts]
        for question in self.questions:
            answers[question.context] += question.answers
        counting = counting_of(self.contexts, answers)
        repaired, questions = 0, []
        for question in self.questions:
            placed_question, moved = self._placed(question, counting, ambiguous)
            questions.append(placed_question)
            repaired += moved
        return Reading(tuple(self.contexts), tuple(self.documents), tuple(questions), repaired, counting, self.made_ids)

    def _placed(self, question: _FileQuestion, counting: Counting, ambiguous: Ambiguous) -> tuple[Question, int]:
        """The question with its answers at their places, and the number of answers that were moved."""
        context, answers = self.contexts[question.context], question.answers
        offsets = counting.places(context, [answer.start for answer in answers])
        results = [
            place_answer(context, answer, place, ambiguous) for answer, place in zip(answers, offsets, strict=True)
        ]
        known = dict.fromkeys(result.answer for result in results if result.answer)
        unknown = [(answer.text.strip(), result.num)
                   for answer, result in zip(answers, results, strict=True) if not result.answer]  # fmt: skip
        unplaced = dict.fromkeys(text for text, num in unknown if not num)
        several = dict.fromkeys(text for text, num in unknown if num)
        placed_question = Question(
            question.id, question.text, question.context, tuple(known), tuple(unplaced), tuple(several)
        )
        return placed_question, sum(result.moved for result in results)
