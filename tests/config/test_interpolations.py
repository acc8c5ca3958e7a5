"""An interpolation that leads nowhere is one mistake among others."""

from pathlib import Path

import pytest

from lab.cli.command_line import parse
from lab.cli.validate_overrides import mistakes
from lab.core.errors import Mistake

CONF = Path("conf").absolute()


def result(*line: str) -> dict[str, Mistake]:
    return {mistake.key: mistake for mistake in mistakes(parse(["train.py", *line]), CONF)}


@pytest.mark.parametrize(
    ("override", "key", "remedy"),
    [
        ("optimizer.lr=${modl.lr}", "optimizer.lr", "'optimizer.lr=${model.lr}'"),
        ("tags=[${foo}]", "tags", "leave out tags"),
        ("experiment_name=${oc.env:LAB_NO_SUCH_VARIABLE}", "experiment_name", "leave out experiment_name"),
        ("experiment_name=${eval:1}", "experiment_name", "leave out experiment_name"),
        ("experiment_name=${experiment_name}", "experiment_name", "leave out experiment_name"),
        ("model.lr=${optimizer.lr}", "model.lr", "leave out model.lr"),
        ("model.architecture=${model}", "model.architecture", "leave out model.architecture"),
        ("data.metric=${foo.bar}", "data.metric", "leave out data.metric"),
    ],
)
def test_all_other_mistakes_are_reported_too(override: str, key: str, remedy: str) -> None:
    judged = result(override, "trainer.max_epochs=0", "seed=x")
    assert {*judged} == {key, "trainer.max_epochs", "seed"}
    assert "cannot be resolved" in judged[key].problem
    assert judged[key].remedy == remedy


def test_two_of_them_are_two_mistakes() -> None:
    assert {*result("experiment_name=${foo}", "seed=${bar}")} == {"experiment_name", "seed"}


def test_a_key_that_refers_to_a_blank_one_is_no_mistake_of_its_own() -> None:
    """`objective.metric` is `${data.metric}`, which custom data leave blank: leaving the former out would not help."""
    judged = result("data=custom", "model=custom", "seed=x")
    assert {"data.metric", "seed"} <= {*judged}
    assert "objective.metric" not in judged
