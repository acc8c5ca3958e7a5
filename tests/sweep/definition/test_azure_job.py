"""A sweep job as in Azure's documents becomes our `sweep` node; mistakes are named."""

from pathlib import Path

import pytest

from lab.core.errors import RequestError
from lab.early_termination.parsing import parse
from lab.early_termination.policies.bandit import Bandit
from lab.sweep.definition.azure_job import read_job, unused
from lab.sweep.search_space.samplers import build_sampler
from lab.sweep.search_space.space import parse_space

STANDARD = """
$schema: https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json
type: sweep
sampling_algorithm: grid
trial:
  code: src
  command: python train.py --training_data ${{inputs.training_data}} --reg_rate ${{search_space.reg_rate}}
  environment: azureml:sklearn@latest
inputs:
  training_data: {type: uri_file, path: "azureml:diabetes:1"}
search_space:
  reg_rate:
    type: choice
    values: [0.01, 0.1, 1]
objective:
  goal: Maximize
  primary_metric: Accuracy
limits:
  max_total_trials: 4
  max_concurrent_trials: 2
  timeout: 7200
compute: azureml:cluster
experiment_name: sweep-diabetes
description: Sweep.
"""


@pytest.fixture
def job(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(text: str) -> Path:
        path = tmp_path / "job.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_standard_example(job) -> None:  # type: ignore[no-untyped-def]
    path = job(STANDARD)
    node = read_job(path, {"reg_rate": "optimizer.weight_decay"}, "val/accuracy")
    assert node == {
        "study": "sweep-diabetes",
        "sampling_algorithm": "grid",
        "search_space": {"optimizer.weight_decay": {"type": "choice", "values": [0.01, 0.1, 1]}},
        "objective": {"primary_metric": "val/accuracy", "goal": "maximize"},
        "limits": {"max_total_trials": 4, "max_concurrent_trials": 2, "timeout": 7200},
    }
    assert unused(path) == ("$schema", "type", "trial", "inputs", "compute", "description")
    space = parse_space(node["search_space"])
    build_sampler(node["sampling_algorithm"], space)
    assert space.size() == 3
    typed = [space.overrides(space.values(space.point(number))) for number in range(3)]
    assert typed == [[f"optimizer.weight_decay={value}"] for value in ("0.01", "0.1", "1")]


def test_numbers_without_a_point_are_numbers_and_conditions_are_renamed_too(job) -> None:  # type: ignore[no-untyped-def]
    text = """
sampling_algorithm: {type: random, rule: sobol, seed: 123}
search_space:
  lr: {type: uniform, min_value: 1e-5, max_value: 1E-3}
  kind:
    type: choice
    values:
      - {name: tiny, wd: {type: choice, values: [1e-2, '1e-3']}}
      - {type: choice, values: [a, b]}
objective: {goal: minimize, primary_metric: val/loss}
early_termination: {type: bandit, slack_amount: 1e-1, evaluation_interval: 1, delay_evaluation: 5}
"""
    node = read_job(job(text), {"lr": "optimizer.lr", "wd": "optimizer.weight_decay", "name": "model"}, None)
    assert "study" not in node
    assert "limits" not in node
    assert node["search_space"]["optimizer.lr"] == {"type": "uniform", "min_value": 1e-5, "max_value": 1e-3}
    space = parse_space(node["search_space"])
    assert set(space.hydra_keys()) == {"optimizer.lr", "model", "optimizer.weight_decay", "kind"}
    assert space.parameters[2].distribution.size() == 2
    inner = node["search_space"]["kind"]["values"][0]["optimizer.weight_decay"]
    assert inner["values"] == [0.01, "1e-3"]
    assert parse(node["early_termination"]) == Bandit(None, 0.1, 1, 5)
    assert node["objective"] == {"primary_metric": "val/loss", "goal": "minimize"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("type: sweep", "type: command"), {"sweep.azure.file": "type command"}),
        (("goal: Maximize", "goal: up"), {"sweep.azure.file: objective.goal": "maximize, minimize"}),
        (("timeout", "time_out"), {"sweep.azure.file: limits.time_out": "timeout"}),
        (("compute:", "computer:"), {"sweep.azure.file: computer": "no such field"}),
        (("search_space:\n", "searchspace:\n"),
         {"sweep.azure.file: searchspace": "", "sweep.azure.file: search_space": "missing"}),
        (("reg_rate:\n", "regrate:\n"), {"sweep.azure.parameters.reg_rate": "it has regrate"}),
        (("experiment_name", "early_termination: {type: bandit}\nexperiment_name"), {"sweep.early_termination": ""}),
        (("sampling_algorithm: grid", "x: [1"), {"sweep.azure.file": "is no YAML"}),
        ((STANDARD, "[1, 2]"), {"sweep.azure.file": "mapping"}),
        ((STANDARD, "objective: 3\nlimits: 4"),
         {"sweep.azure.file: objective": "must be a mapping", "sweep.azure.file: limits": "",
          "sweep.azure.file: search_space": "missing", "sweep.azure.file: sampling_algorithm": "missing"}),
        (("primary_metric:", "metric: a\n  primary_metric:"), {"sweep.azure.file: objective.metric": "no such"}),
    ],
)  # fmt: skip
def test_every_mistake_is_named(job, change: tuple[str, str], expected: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RequestError) as caught:
        read_job(job(STANDARD.replace(*change)), {"reg_rate": "optimizer.weight_decay"}, "val/accuracy")
    shown = {mistake.key: str(mistake) for mistake in caught.value.mistakes}
    assert set(shown) == set(expected)
    assert [key for key, text in expected.items() if text not in shown[key]] == []


def test_a_metric_that_is_not_logged_needs_a_mapping(job) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RequestError, match=r"try: sweep\.azure\.metric=val/accuracy"):
        read_job(job(STANDARD), {}, None)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="there is no such file"):
        read_job(tmp_path / "none.yaml", {}, None)


def test_a_test_metric_is_refused_together_with_other_mistakes(job) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RequestError) as caught:
        read_job(job(STANDARD), {"regrate": "optimizer.weight_decay"}, "test/accuracy")
    assert {mistake.key for mistake in caught.value.mistakes} == {
        "sweep.azure.parameters.regrate",
        "sweep.azure.metric",
    }
