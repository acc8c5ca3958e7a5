"""Ranges around a default become numbers: of the run, of each branch, or those that a study recorded."""

from collections.abc import Sequence
from typing import Any

import pytest

from lab.sweep.search_space.relative import Relative
from lab.sweep.search_space.space import parse_space

RATES = {"model=ngram": 7e-3, "model=tiny": 2e-3, "model=small": 2e-3}
LR = {"type": "loguniform", "around": "default", "factor": 4}


def default(key: str, chosen: Sequence[str]) -> Any:
    if key != "optimizer.lr":
        return {"data.batch_size": 32, "model.dropout": 0.0, "trainer.precision": "bf16"}.get(key)
    models = [word for word in chosen if word.startswith("model=")]
    return (1 if "peft=none" not in chosen else 10) * RATES[models[-1] if models else "model=ngram"]


def relative() -> Relative:
    return Relative("sweep.search_space", ["model", "peft"], default)


def test_numbers_are_around_the_default() -> None:
    block = {
        "optimizer.lr": LR,
        "data.batch_size": {"type": "choice", "around": "default", "factors": [0.5, 1, 2]},
        "seed": "choice(1, 2)",
    }
    assert relative().absolute(block) == {
        "optimizer.lr": {"type": "loguniform", "low": 0.00175, "high": 0.028},
        "data.batch_size": {"type": "choice", "values": [16, 32, 64]},
        "seed": "choice(1, 2)",
    }


@pytest.mark.parametrize(
    "models", ["ngram,tiny", "choice(ngram, tiny)", {"type": "choice", "values": ["ngram", "tiny"]}]
)
def test_each_model_of_a_choice_has_its_own_range(models: Any) -> None:
    block = relative().absolute({"model": models, "optimizer.lr": LR, "seed": "1,2"})
    assert block == {
        "seed": "1,2",
        "model": {"type": "choice", "values": [
            {"optimizer.lr": {"type": "loguniform", "low": 0.00175, "high": 0.028}, "model": "ngram"},
            {"optimizer.lr": {"type": "loguniform", "low": 0.0005, "high": 0.008}, "model": "tiny"},
        ]},
    }  # fmt: skip
    names = [parameter.name for parameter in parse_space(block).parameters]
    assert names == ["model", "model[0].optimizer.lr", "model[1].optimizer.lr", "seed"]


def test_models_with_one_default_share_a_range() -> None:
    block = relative().absolute({"model": "tiny,small", "optimizer.lr": LR})
    assert block["model"] == "tiny,small"
    assert block["optimizer.lr"] == {"type": "loguniform", "low": 0.0005, "high": 0.008}


def test_two_choices_are_nested() -> None:
    peft = {"type": "choice", "values": ["none", "lora"]}
    block = relative().absolute({"model": "ngram,tiny", "peft": peft, "optimizer.lr": LR})
    lows = [inner["optimizer.lr"]["low"] for outer in block["model"]["values"] for inner in outer["peft"]["values"]]
    assert lows == [0.0175, 0.00175, 0.005, 0.0005]


def test_inside_a_branch_the_branch_decides() -> None:
    rates = {"type": "choice", "around": "default", "factors": [1, 3]}
    method = {
        "type": "choice",
        "values": [{"peft": "none", "optimizer.lr": rates}, {"peft": "lora", "optimizer.lr": rates}],
    }
    block = relative().absolute({"method": method})
    assert [branch["optimizer.lr"]["values"] for branch in block["method"]["values"]] == [[0.07, 0.21], [0.007, 0.021]]


def test_a_resumed_study_takes_the_recorded_numbers() -> None:
    saved = {"optimizer.lr": {"type": "loguniform", "low": 5e-4, "high": 5e-3}, "model.dropout": "choice(0, 1)"}
    block = relative().absolute({"optimizer.lr": LR, "model.dropout": "choice(0)"}, saved)
    assert block == {"optimizer.lr": saved["optimizer.lr"], "model.dropout": "choice(0)"}
    fixed = {"type": "choice", "values": [{"optimizer.lr": LR}]}
    old = {"type": "choice", "values": [{"optimizer.lr": 1e-5}]}
    assert relative().absolute({"preset": fixed}, {"preset": old}) == {"preset": old}


@pytest.mark.parametrize(
    ("key", "given", "where"),
    [
        ("optimizer.lr", {"type": "loguniform", "around": 3, "factor": 2}, "optimizer.lr.around"),
        ("optimizer.lr", {"type": "loguniform", "around": "default"}, "optimizer.lr.factor"),
        ("optimizer.lr", {"type": "loguniform", "around": "default", "factor": 0.5}, "optimizer.lr.factor"),
        ("optimizer.lr", {"type": "loguniform", "around": "default", "factr": 2, "factor": 2}, "optimizer.lr.factr"),
        ("optimizer.lr", {"type": "choice", "around": "default", "factors": []}, "optimizer.lr.factors"),
        ("optimizer.lr", {"type": "choice", "around": "default", "factors": [0]}, "optimizer.lr.factors"),
        ("optimizer.lr", {"type": "normal", "around": "default"}, "optimizer.lr.type"),
        ("model.dropout", LR, "model.dropout"),
        ("trainer.precision", LR, "trainer.precision"),
        ("optimizer.foo", LR, "optimizer.foo"),
    ],
)
def test_mistakes(key: str, given: dict[str, Any], where: str) -> None:
    made = relative()
    parse_space(made.absolute({key: given}))
    assert [mistake.key for mistake in made.mistakes] == [f"sweep.search_space.{where}"]
    assert made.mistakes[0].remedy
