"""Values of a space that the config cannot have are refused before the first trial."""

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


def mistakes_of(block: dict[str, Any], *overrides: str) -> list[Mistake]:
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
    "experiment_name": "choice('${model.name}', other)",
}


def test_usual_spaces_are_accepted() -> None:
    assert mistakes_of(SOUND) == []


@pytest.mark.parametrize(
    ("key", "given", "problem", "remedy"),
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
def test_values_that_a_key_cannot_have_are_refused(key: str, given: Any, problem: str, remedy: str) -> None:
    mistakes = mistakes_of(SOUND | {key: given})
    assert [mistake.key for mistake in mistakes] == [f"sweep.search_space.{key}"]
    assert problem in mistakes[0].problem
    assert remedy in (mistakes[0].remedy or "")


def test_a_remedy_can_be_typed() -> None:
    (mistake,) = mistakes_of({"model.dropout": "interval(0, 1.5)"})
    typed = shlex.split(mistake.remedy.partition(", or")[0])[0]
    assert mistakes_of(dict([typed.split("=", 1)])) == []
    (mistake,) = mistakes_of({"model.word_ngrams": {"type": "choice", "values": [[1, 2, 3]]}}, "model=ngram")
    assert mistake.remedy.startswith("'model.word_ngrams=choice([1,2])'")


def test_keys_of_a_group_that_is_searched_follow_from_the_choice() -> None:
    assert mistakes_of({"model": "choice(tiny, ngram)", "model.dropout": "interval(0, 0.9)"}) == []


def test_every_mistake_names_its_key() -> None:
    block = {"optimizr.lr": "interval(0, 1)", "model.dropout": "interval(0, 1.5)", "objective.mode": "choice(min,max)"}
    shown = "\n".join(map(str, mistakes_of({**block, "seed": "choice(1, 2)"}, "seed=3")))
    for text in ("optimizr.lr: is no config key; the nearest is optimizer.lr", "model.dropout: reaches 1.5",
                 "objective.mode: must be the same", "seed: is searched, and was also given one value"):  # fmt: skip
        assert text in shown
