"""The generator: same arguments, same reports; every answer stands where it says and in one place only."""

from lab.data.qa.demo import QUESTIONS, SENTENCES, generate
from lab.data.qa.question_rows import occurrences


def test_the_same_arguments_give_the_same_reports_and_more_keep_the_first() -> None:
    few, many = generate(20, 3), generate(40, 3)
    assert generate(20, 3) == few
    assert many.contexts[:20] == few.contexts
    assert many.questions[:60] == few.questions
    assert generate(20, 4).contexts != few.contexts


def test_answers_occur_once_in_their_report_and_none_is_moved() -> None:
    reading = generate(300, 0)
    assert reading.repaired == 0
    assert not reading.dropped
    for question in reading.questions:
        (answer,) = question.answers
        context = reading.contexts[question.context]
        assert context[answer.start : answer.end] == answer.text
        assert len(occurrences(context, answer.text)) <= 2, "5 horas also ends 15 horas, never more"


def test_every_telling_says_every_fact_once() -> None:
    for telling in SENTENCES:
        assert all(telling.count(f"{{{name}}}") == 1 for name in ("equipment", *QUESTIONS))


def test_a_question_names_one_machine_of_those_in_its_report() -> None:
    reading = generate(50, 0)
    reported = [context.count(" horas") for context in reading.contexts]
    assert {1, 2} == set(reported)
    assert 0.1 < reported.count(2) / len(reported) < 0.5
    for question in reading.questions:
        tag = question.text.rstrip("?").split()[-1]
        assert reading.contexts[question.context].count(tag) == 1
