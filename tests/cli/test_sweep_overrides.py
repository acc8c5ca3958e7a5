"""What Hydra would take otherwise than a person means it, said with what to type instead, which then works."""

from pathlib import Path

import pytest

from lab.cli.command_line import parse
from lab.cli.validate_overrides import mistakes
from lab.core.errors import Mistake

CONF = Path(__file__).parents[2] / "conf"
TRUNCATION = "{type: truncation_selection, truncation_percentage: 20}"


def result(*line: str) -> dict[str, Mistake]:
    return {mistake.key: mistake for mistake in mistakes(parse(["train.py", *line]), CONF)}


def test_a_sweep_needs_m() -> None:
    judged = result("sweep=text")
    assert list(judged) == ["sweep"]
    assert judged["sweep"].remedy == "-m sweep=text"
    assert result("-m", "sweep=text") == {}


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("sweep.early_termination", TRUNCATION),
        ("sweep.early_termination", "{type: median_stopping}"),
        ("sweep.sampling_algorithm", "{type: tpe, seed: 1, num_random: 3}"),
    ],
)
def test_a_block_of_another_kind_is_not_merged_into_the_files(key: str, typed: str) -> None:
    judged = result("-m", "sweep=text", f"{key}={typed}")
    assert list(judged) == [key]
    assert "is merged" in judged[key].problem
    assert judged[key].remedy.startswith(f"'~{key}' '+{key}={{type:")
    assert result("-m", "sweep=text", f"~{key}", f"+{key}={typed}") == {}


@pytest.mark.parametrize(
    "typed",
    [
        "sweep.early_termination={delay_evaluation: 3}",
        "sweep.early_termination=median_stopping",
        "sweep.search_space={loss.label_smoothing: {max_value: 0.1}}",
        "optimizer.lr=choice(1e-3)",
    ],
)
def test_what_hydra_merges_or_replaces_passes(typed: str) -> None:
    assert result("-m", "sweep=text", typed) == {}


@pytest.mark.parametrize(
    "typed",
    [
        "sweep.search_space.optimizer.lr={low: 1e-5}",
        "~sweep.search_space.optimizer.lr",
        "sweep.search_space={optimizer.weight_decay: {type: choice, values: [0.1]}}",
    ],
)
def test_a_parameter_is_named_by_the_value_of_its_key(typed: str) -> None:
    (mistake,) = result("-m", "sweep=text", typed).values()
    assert mistake.key.startswith("sweep.search_space")
    assert "=interval(" in mistake.remedy


def test_an_interval_without_a_sweep_is_reported_beside_all_else() -> None:
    typed = "optimizer.lr=interval(1e-5,1e-3)"
    judged = result("-m", typed, "trainer.max_epochs=0")
    assert set(judged) == {"optimizer.lr", "trainer.max_epochs"}
    assert judged["optimizer.lr"].value == "interval(1e-5,1e-3)"
    assert judged["optimizer.lr"].remedy.startswith(f"-m sweep=text '{typed}'")
    assert result("-m", "sweep=text", typed) == {}
    assert result("-m", "hydra/sweeper=lab", "sweep.study=s", typed) == {}
    assert set(result("-m", "experiment=fast", typed)) == {"optimizer.lr"}
    assert result("-m", "optimizer.lr=1e-3,1e-4") == {}
