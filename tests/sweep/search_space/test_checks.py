"""Whether the config can hold what a space draws is known before the first trial."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from lab.config.check import check
from lab.core.errors import Mistake
from lab.sweep.search_space import checks
from lab.sweep.search_space.space import parse_space

CONF = Path(__file__).parents[3] / "conf"


def found(block: dict[str, Any], *overrides: str) -> list[Mistake]:
    with initialize_config_dir(str(CONF), job_name="train"):
        plain = check(compose("config", ["model=tiny", *overrides])).model_dump(mode="json")
        loader = GlobalHydra.instance().config_loader()
        return checks.mistakes(parse_space(block), block, plain, overrides, loader)


SOUND = {
    "optimizer.lr": {"type": "loguniform", "min_value": -9, "max_value": -2},
    "optimizer.head_lr": "tag(log, interval(1e-5, 1e-2))",
    "model.dropout": {"type": "quniform", "min_value": 0, "max_value": 0.5, "q": 0.1},
    "callbacks.freeze.layers": "range(0, 3)",
    "trainer.precision": "choice(32, bf16)",
    "optimizer.weight_decay": {"type": "normal", "mu": 0.01, "sigma": 0.1},
    "callbacks.accumulate.schedule": {"type": "choice", "values": [None]},
    "seed": "choice(1, 2)",
    "loss.label_smoothing": "interval(0, 1)",
    "optimizer.eps": "interval(0, 1e-6)",
    "name": "choice('${model.name}', other)",
}


def test_what_ships_and_what_people_search_is_left_alone() -> None:
    assert found(SOUND) == []


@pytest.mark.parametrize(
    ("key", "law", "said", "remedy"),
    [
        (
            "model.dropout",
            "interval(0, 1.5)",
            "reaches 1.5: must be less than 1",
            "'model.dropout=choice(0.1)', or ends inside that",
        ),
        (
            "model.dropout",
            "choice(0.1, 1.5, 2)",
            "reaches 1.5: must be less than 1",
            "'model.dropout=choice(0.1)', or ends inside that",
        ),
        (
            "optimizer.lr",
            {"type": "uniform", "min_value": -0.1, "max_value": 0.1},
            "reaches -0.1",
            "'optimizer.lr=choice(",
        ),
        ("callbacks.freeze.layers", "interval(1, 3)", "must be a whole number", "callbacks.freeze.layers=choice(1)"),
        ("data.batch_size", "choice(8, ocho)", "reaches ocho: must be a whole number", "data.batch_size="),
        ("optimizer.lr", {"type": "choice", "values": [1e-3, float("inf")]}, "reaches inf", "optimizer.lr=choice("),
        (
            "model.dropout",
            {"type": "choice", "values": [{"model.dropout": 1.5}, {"model.dropout": "interval(0, 3)"}]},
            "reaches 1.5",
            "model.dropout=",
        ),
    ],
)
def test_a_law_that_reaches_what_its_key_cannot_hold(key: str, law: Any, said: str, remedy: str) -> None:
    mistakes = found(SOUND | {key: law})
    assert [mistake.key for mistake in mistakes] == [f"sweep.search_space.{key}"]
    assert said in mistakes[0].problem
    assert remedy in (mistakes[0].remedy or "")


def test_a_remedy_can_be_typed() -> None:
    (mistake,) = found({"model.dropout": "interval(0, 1.5)"})
    typed = shlex.split(mistake.remedy.partition(", or")[0])[0]
    assert found(dict([typed.split("=", 1)])) == []
    (mistake,) = found({"model.word_ngrams": {"type": "choice", "values": [[1, 2, 3]]}}, "model=ngram")
    assert mistake.remedy.startswith("'model.word_ngrams=choice([1,2])'")


def test_keys_of_a_group_that_is_searched_follow_from_the_choice() -> None:
    assert found({"model": "choice(tiny, ngram)", "model.dropout": "interval(0, 0.9)"}) == []


def test_every_key_is_told_with_what_is_wrong_with_it() -> None:
    block = {"optimizr.lr": "interval(0, 1)", "model.dropout": "interval(0, 1.5)", "objective.mode": "choice(min,max)"}
    said = "\n".join(map(str, found({**block, "seed": "choice(1, 2)"}, "seed=3")))
    for text in ("optimizr.lr: is no config key; the nearest is optimizer.lr", "model.dropout: reaches 1.5",
                 "objective.mode: must be the same", "seed: is searched, and was also given one value"):  # fmt: skip
        assert text in said
