"""The objective of a sweep: its block, else the config's own; two that differ are refused."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Config
from lab.core.errors import RequestError
from lab.sweep.definition.objective import objective

CONF = Path(__file__).parents[3] / "conf"


@pytest.fixture(scope="module")
def config() -> Config:
    with initialize_config_dir(str(CONF)):
        return check(compose("config", []))


def test_without_a_block_it_is_the_configs(config: Config) -> None:
    assert objective(None, config, []) == ("val/f1_macro", "maximize")


def test_a_block_replaces_the_default_and_may_name_one_of_both(config: Config) -> None:
    assert objective({"primary_metric": "val/loss", "goal": "Minimize"}, config, []) == ("val/loss", "minimize")
    assert objective({"primary_metric": "val/accuracy"}, config, []) == ("val/accuracy", "maximize")


@pytest.mark.parametrize(
    ("block", "keys"),
    [
        ({"primary_metric": "test/accuracy"}, ["primary_metric"]),
        ({"primary_metric": "test/accuracy", "goal": "up"}, ["primary_metric", "goal"]),
        ({"primary_metric": "val/loss", "goal": "maximize"}, ["goal"]),
        ({"metric": "val/loss"}, ["metric"]),
    ],
)
def test_every_mistake_of_a_block_has_its_key(config: Config, block: dict[str, str], keys: list[str]) -> None:
    with pytest.raises(RequestError) as caught:
        objective(block, config, [])
    assert [mistake.key for mistake in caught.value.mistakes] == [f"sweep.objective.{key}" for key in keys]


def test_two_that_differ_are_refused_with_who_gave_the_other(config: Config) -> None:
    with pytest.raises(RequestError, match=r"differs from objective=.* which comes from objective.metric"):
        objective({"primary_metric": "val/accuracy", "goal": "maximize"}, config, ["objective.metric"])
