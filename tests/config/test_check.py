"""A sound config becomes typed; an unsound one gives all its mistakes at once, in words."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lab.config.check import check
from lab.core.errors import Mistake, RequestError

CONF = Path(__file__).parents[2] / "conf"
CSV = ("data=csv", "data.path=a.csv", "data.text=[texto]", "data.labels=[modo,causa]")


@cache
def _composed(overrides: tuple[str, ...]) -> dict[str, Any]:
    with initialize_config_dir(str(CONF)):
        plain = OmegaConf.to_container(compose("config", list(overrides)), resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def changed(changes: dict[str, object], *overrides: str) -> dict[str, Any]:
    """The default config (with `overrides`), changed at dotted keys."""
    config = deepcopy(_composed(overrides))
    for key, value in changes.items():
        *parents, leaf = key.split(".")
        node = config
        for parent in parents:
            node = node[parent]
        node[leaf] = value
    return config


def mistakes(changes: dict[str, object], *overrides: str) -> dict[str, Mistake]:
    with pytest.raises(RequestError) as caught:
        check(changed(changes, *overrides))
    return {mistake.key: mistake for mistake in caught.value.mistakes}


def test_the_default_config_is_sound_and_typed() -> None:
    config = check(changed({}))
    assert config.model.name == "tiny"
    assert config.trainer.max_epochs > 0
    assert config.callbacks.freeze.schedule == {}


def test_a_resolved_config_reads_back_as_itself() -> None:
    config = check(changed({"callbacks.freeze.schedule": {0: 2, 3: 0}}))
    assert check(config.model_dump(mode="json")) == config


def test_no_logger_at_all_is_allowed() -> None:
    config = changed({})
    del config["logger"]
    assert check(config).logger.wandb is None


@pytest.mark.parametrize(
    ("key", "value", "words", "remedy"),
    [
        ("optimizer.lr", -1, "greater than 0", "optimizer.lr=0.001"),
        ("baselines.max_wait_s", -1, "greater than 0", "baselines.max_wait_s=1800"),
        ("optimizer.lr", "fast", "a number", "optimizer.lr="),
        ("optimizer.lr", float("nan"), "finite", "optimizer.lr="),
        ("optimizer.weight_decay", float("inf"), "finite", ""),
        ("loss.head_weights", {"causa": float("nan")}, "finite", ""),
        ("loss.label_smoothing", 1.0, "less than 1", "loss.label_smoothing="),
        ("trainer.precision", 17, "16, bf16", "trainer.precision=32"),
        ("trainer.precision", "bf17", "16, bf16", "trainer.precision=bf16"),
        ("trainer.max_epochs", 0, "greater than 0", "trainer.max_epochs=1"),
        ("trainer.max_epochs", True, "not true or false", "trainer.max_epochs=1"),
        ("seed", 3.5, "whole number", "seed="),
        ("data.max_length", "long", "whole number or auto", "data.max_length=auto"),
        ("callbacks.nan_guard.enabled", 5, "true or false", "callbacks.nan_guard.enabled=true"),
        ("scheduler.kind", "linaer", "linear, cosine", "scheduler.kind=linear"),
        ("tags", "a", "a list", "tags=["),
        ("data.split", 3, "a mapping", "data.split={"),
        ("model.kind", "rnn", "encoder, ngram", ""),
        ("loss.class_weights", {"causa": "balance"}, "balanced", "=balanced"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(key: str, value: object, words: str, remedy: str) -> None:
    result = mistakes({key: value})
    (name,) = result
    assert name == key or name.startswith(f"{key}.")
    assert words in result[name].problem
    assert remedy in result[name].remedy


@pytest.mark.parametrize(("layers", "remedy"), [([-1], "'peft.layers=[0]'"), (["x"], "'peft.layers=[1]'")])
def test_what_is_wrong_in_a_list_is_mended_by_a_list(layers: object, remedy: str) -> None:
    result = mistakes({"peft.layers": layers}, "peft=lora")
    assert result["peft.layers"].remedy == remedy


def test_a_key_that_is_misspelt_is_answered_with_the_known_key() -> None:
    overrides = ("data=rainfall", "model=minirocket")
    result = mistakes({"data.label": {"feature": "rain", "horizont": 3, "threshold": 1.0}}, *overrides)
    assert "data.label.horizon" in result["data.label.horizont"].problem


def test_all_mistakes_come_at_once_types_and_contradictions_alike() -> None:
    result = mistakes(
        {"optimizer.lr": -1, "trainer.precision": 17, "objective.metric": "test/f1_macro", "seed": "x", "foo": 1,
         "trainer.min_epochs": 99}
    )  # fmt: skip
    assert set(result) == {"optimizer.lr", "trainer.precision", "objective.metric", "seed", "foo", "trainer.min_epochs"}


def test_an_unknown_key_names_the_nearest() -> None:
    result = mistakes({"optimizer.lrr": 3, "nothing_like_it": 1})
    assert "optimizer.lr" in result["optimizer.lrr"].problem
    assert result["optimizer.lrr"].remedy == "optimizer.lr=3"
    assert result["nothing_like_it"].problem == "no such key"


def test_a_key_that_was_deleted_is_missed() -> None:
    config = changed({})
    del config["trainer"]["max_epochs"]
    with pytest.raises(RequestError, match=r"trainer\.max_epochs: is missing"):
        check(config)


def test_keys_without_default_say_what_to_type() -> None:
    with initialize_config_dir(str(CONF)), pytest.raises(RequestError) as caught:
        check(compose("config", ["data=csv", "data.path=a.csv"]))
    assert {one.key: one.remedy for one in caught.value.mistakes} == {
        "data.text": "'data.text=[descripcion]'",
        "data.labels": "'data.labels=[modo,causa]'",
    }


def test_an_interpolation_that_leads_nowhere_is_named() -> None:
    with initialize_config_dir(str(CONF)), pytest.raises(RequestError) as caught:
        check(compose("config", ["optimizer.lr=${modl.lr}"]))
    (mistake,) = caught.value.mistakes
    assert mistake.key == "optimizer.lr"
    assert "modl.lr" in mistake.problem


def test_a_column_named_by_a_number_is_text() -> None:
    config = check(changed({"data.labels": [2024]}, *CSV))
    assert config.data.model_dump()["labels"] == ("2024",)


@pytest.mark.parametrize(
    ("overrides", "key", "value", "most"),
    [
        ((), "seed", 99999999999999999999, 2**32 - 1),
        ((), "trainer.max_epochs", 100_000_000, 1_000_000),
        ((), "trainer.max_epochs", 1e23, 1_000_000),
        (("model=ngram",), "model.buckets", 1_000_000_000_000, 2**31 - 2),
    ],
)
def test_numbers_that_no_machine_holds_are_refused_with_the_most_there_is(
    overrides: tuple[str, ...], key: str, value: float, most: int
) -> None:
    with pytest.raises(RequestError) as error:
        check(changed({key: value}, *overrides))
    (mistake,) = [one for one in error.value.mistakes if one.key == key]
    assert mistake.problem == f"must be at most {most}"
    assert mistake.remedy == f"{key}={most}"
    assert check(changed({key: most}, *overrides))
