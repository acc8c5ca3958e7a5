"""Splits made of other splits: every question keeps its context, and no context is kept for nothing."""

from lab.data.qa.question_rows import Question
from lab.data.qa.splits import QuestionSplit, capped, concatenated, without_unused_contexts


def question(name: str, context: int, **more: tuple[str, ...]) -> Question:
    return Question(name, f"{name}?", context, (), **more)


FIRST = QuestionSplit(("a", "b", "c"), (question("1", 2), question("2", 0)))
SECOND = QuestionSplit(("d",), (question("3", 0, unplaced=("x",)),))


def contexts(requested: QuestionSplit) -> dict[str, str]:
    return {question.id: requested.contexts[question.context] for question in requested.questions}


def test_contexts_that_no_question_uses_go() -> None:
    assert without_unused_contexts(FIRST).contexts == ("a", "c")
    assert contexts(without_unused_contexts(FIRST)) == {"1": "c", "2": "a"}


def test_joined_splits_keep_the_context_of_each_question() -> None:
    assert contexts(concatenated(FIRST, SECOND)) == {"1": "c", "2": "a", "3": "d"}


def test_questions_without_a_place_for_their_answers_are_not_trained_on() -> None:
    assert [question.id for question in concatenated(FIRST, SECOND).trainable().questions] == ["1", "2"]
    assert concatenated(FIRST, SECOND).references().answers == ((), (), ("x",))


def test_a_cap_draws_by_the_seed_and_keeps_the_order() -> None:
    many = QuestionSplit(("a", "b"), tuple(question(str(number), number % 2) for number in range(50)))
    few = capped(many, 5, seed=1)
    assert [int(one.id) for one in few.questions] == sorted(int(one.id) for one in few.questions)
    assert len(few.questions) == 5
    assert capped(many, 5, seed=1) == few != capped(many, 5, seed=2)
    assert capped(many, None, 1) is capped(many, 50, 1) is many
