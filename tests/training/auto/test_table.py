"""The pure decision of model=auto: the first row that holds, in milliseconds."""

from dataclasses import replace
from pathlib import Path

import pytest

from lab.config.rules.tasks import LABELLED, QUESTIONS, READS, SERIES
from lab.config.shipped import CONF
from lab.training.auto.table import MAX_WORDS, TABLE, Facts, Machine, Row, choose

TEXTS = Facts(LABELLED, 1500, 24, 0.25, "es")
NOTHING = Machine((), lambda: False)
EVERYTHING = Machine([row.model for row in TABLE if row.weights], lambda: True)


def test_every_task_ends_with_a_row_that_always_holds() -> None:
    for task in (LABELLED, QUESTIONS, SERIES):
        last = [row for row in TABLE if row.task == task][-1]
        assert last == Row(task, last.model, last.evidence)


def test_every_model_of_the_table_is_a_choice_of_its_task() -> None:
    kinds = {path.stem: path.read_text().split("kind: ")[1].split()[0] for path in Path(CONF / "model").glob("*.yaml")}
    for row in TABLE:
        assert row.task in READS[kinds[row.model]]


def test_without_weights_texts_get_ngrams_with_the_reason() -> None:
    choice = choose(TEXTS, NOTHING)
    assert choice.model == "ngram"
    assert choice.reason.startswith("1,500 training texts, 24 classes, 25% of them with fewer than 30 rows, Spanish: ")


@pytest.mark.parametrize(
    ("language", "model"), [("es", "beto"), ("pt", "bertimbau"), ("en", "roberta"), (None, "ngram")]
)
def test_on_a_gpu_the_encoder_of_the_language_is_taken(language: str | None, model: str) -> None:
    assert choose(replace(TEXTS, language=language), EVERYTHING).model == model


def test_a_network_on_a_simple_model_needs_validation_rows() -> None:
    assert choose(TEXTS, NOTHING).title == "ngram with model.base=linear"
    assert choose(replace(TEXTS, held_out=False), NOTHING).title == "linear"
    assert choose(TEXTS, EVERYTHING).title == "beto with model.base=linear"
    assert choose(replace(TEXTS, held_out=False), EVERYTHING).title == "beto"


def test_streamed_texts_get_a_model_that_is_trained_by_steps() -> None:
    assert choose(replace(TEXTS, classes=134, streamed=True), NOTHING).model == "ngram"


def test_english_texts_get_a_frozen_encoder_where_its_vectors_take_minutes() -> None:
    english, here = replace(TEXTS, language="en", words=15_000), Machine(["minilm_frozen"], lambda: False)
    assert choose(english, here).title == "minilm_frozen with model.base=linear"
    for other in (
        replace(english, language="es"),
        replace(english, words=MAX_WORDS + 1),
        replace(english, in_windows=True),
        replace(english, streamed=True),
    ):
        assert choose(other, here).model == "ngram"
    assert choose(replace(english, held_out=False), here).model == "linear"
    assert choose(english, NOTHING).model == "ngram"


def test_many_rows_a_class_train_a_small_encoder() -> None:
    other = replace(TEXTS, language="pt", rows=4800, words=50_000)
    assert choose(other, NOTHING).title == "tiny_attention with model.base=linear"
    assert choose(replace(other, rows=4799), NOTHING).model == "ngram"
    assert choose(replace(other, words=MAX_WORDS + 1), NOTHING).model == "ngram"
    assert choose(replace(other, held_out=False), NOTHING).model == "linear"
    assert choose(replace(other, streamed=True), NOTHING).model == "ngram"
    assert choose(replace(other, labelled=4799), NOTHING).model == "ngram"
    spanish = replace(other, language="es", rows=1920)
    assert choose(spanish, NOTHING).title == "tiny_attention with model.base=linear"
    assert choose(replace(spanish, rows=1919), NOTHING).model == "ngram"


@pytest.mark.parametrize(("rows", "epochs"), [(1_000_000, 4), (12_800, 4), (12_400, 5), (2_500, 20), (1_000, 40)])
def test_fewer_rows_have_more_epochs(rows: int, epochs: int) -> None:
    assert choose(replace(TEXTS, language="es", rows=rows, classes=2, words=50_000), NOTHING).epochs == epochs


def test_an_encoder_needs_its_weights_a_gpu_and_rows() -> None:
    only = Machine(["distilbeto"], lambda: True)
    assert choose(TEXTS, only).model == "distilbeto"
    assert choose(TEXTS, Machine(["beto"], lambda: False)).model == "ngram"
    assert choose(replace(TEXTS, rows=999), EVERYTHING).model == "ngram"


def test_the_device_is_only_looked_at_where_a_row_needs_it() -> None:
    def never() -> bool:
        raise AssertionError("imports torch")

    assert choose(TEXTS, Machine((), never)).model == "ngram"
    assert choose(replace(TEXTS, language=None), Machine(EVERYTHING.weights, never)).model == "ngram"


def test_questions_follow_language_and_weights() -> None:
    questions = Facts(QUESTIONS, 700, language="pt")
    assert choose(questions, EVERYTHING).model == "bertimbau"
    assert choose(questions, Machine(["minilm"], lambda: False)).model == "minilm"
    assert choose(questions, NOTHING).model == "tiny"


def test_series_that_do_not_fit_the_ridge_get_a_net() -> None:
    cases = Facts(SERIES, 36, 3, feature_gib=0.01)
    assert choose(cases, NOTHING).model == "minirocket"
    assert choose(replace(cases, feature_gib=2.1), NOTHING).model == "inception_time"


def test_windows_of_a_table_get_the_model_of_lags() -> None:
    assert choose(Facts(SERIES, 3000, 2, timed=True), NOTHING).model == "logistic_lags"


def test_rows_are_looked_through_from_the_top() -> None:
    rows = (
        Row(LABELLED, "first", "few", max_rows=100),
        Row(LABELLED, "second", "many classes", min_classes=40),
        Row(LABELLED, "timed", "never of texts", timed=True),
        Row(LABELLED, "last", "always"),
    )
    assert choose(replace(TEXTS, rows=100), NOTHING, rows).model == "first"
    assert choose(replace(TEXTS, classes=40), NOTHING, rows).model == "second"
    assert choose(TEXTS, NOTHING, rows).model == "last"
