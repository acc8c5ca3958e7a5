"""What does not go with model=auto, and the line with a model in its place."""

import pytest

from lab.cli.command_line import parse
from lab.config.rules.tasks import LABELLED, QUESTIONS, SERIES
from lab.training.auto.line import single, unfit, varies, with_choice, without
from lab.training.auto.table import Choice

ARGV = ["train.py", "model=auto", "seed=1,2", "-m"]


def test_the_model_takes_the_place_of_auto() -> None:
    assert without(ARGV) == ["train.py", "seed=1,2", "-m"]
    reason = 'model_reason="12 rows: few, (and \\"rare\\")"'
    line = ["train.py", "seed=1,2", "-m", "model=ngram"]
    assert with_choice(ARGV, Choice("ngram", '12 rows: few, (and "rare")')) == [*line, reason]
    choice = Choice("ngram", '12 rows: few, (and "rare")', "linear")
    assert with_choice(ARGV, choice) == [*line, "model.base=linear", reason]
    choice = Choice("ngram", '12 rows: few, (and "rare")', "linear", 20)
    assert with_choice(ARGV, choice) == [*line, "model.base=linear", "model.epochs=20", reason]


def test_one_job_has_the_first_value_of_each_list() -> None:
    words = ["a=[1,2]", "b=interval(0,1)", "c=3", "+d=choice('x y',2)", "e=range(2,5)", "f=glob(*)", "=broken"]
    assert single(words) == ["a=[1,2]", "c=3", "+d=x\\ y", "e=2", "=broken"]


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("model.dropout=0.2", "model.dropout"),
        ("peft=lora", "peft"),
        ("model_reason=x", "model_reason"),
        ("model=auto,ngram", "model"),
        ("model=choice(ngram, auto)", "model"),
        ("data=csv,imdb", "data"),
        ("data.num_rows=100,200", "data.num_rows"),
        ("experiment=fast,ucr", "experiment"),
    ],
)
def test_what_does_not_go_with_it(word: str, key: str) -> None:
    mistakes = list(unfit(parse(["train.py", "-m", word]), {}, LABELLED))
    assert [mistake.key for mistake in mistakes] == [key]
    assert mistakes[0].remedy


@pytest.mark.parametrize("word", ["model=auto", "peft=none", "seed=1,2", "data.split.fold=0,1", "data.num_rows=100"])
def test_what_goes_with_it(word: str) -> None:
    assert list(unfit(parse(["train.py", "-m", word]), {"optimizer.lr": None, "data.batch_size": None}, LABELLED)) == []


def test_a_searched_model_is_not_chosen() -> None:
    searched = unfit(parse(["train.py", "-m"]), {"model": None, "data.window": None}, LABELLED)
    assert [mistake.key for mistake in searched] == ["model", "data.window"]


def test_keys_that_change_what_is_looked_at() -> None:
    assert varies("data.path")
    assert not varies("data.batch_size")
    assert not varies("data.split.seed")
    assert not varies("optimizer.lr")
    assert not varies("data.split.fold")


@pytest.mark.parametrize(("task", "named"), [(LABELLED, "ngram"), (QUESTIONS, "tiny"), (SERIES, "minirocket")])
def test_the_model_to_name_instead_does_the_task(task: str, named: str) -> None:
    line = parse(["train.py", "-m", "model=auto,tiny", "model.dropout=0.2", "data.split.folds=3,5"])
    assert [f"model={named}" in mistake.remedy for mistake in unfit(line, {}, task)] == [True] * 3
