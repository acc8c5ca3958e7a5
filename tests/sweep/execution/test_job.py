"""Sweep jobs as Azure's documents and its client write them (tests/sweep/jobs): read with their meaning, or refused
with a remedy that works when typed."""

import math
import shlex
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from lab.core.errors import RequestError
from lab.early_termination.policies.bandit import Bandit
from lab.early_termination.policies.base import NoPolicy
from lab.early_termination.policies.median_stopping import MedianStopping
from lab.early_termination.policies.truncation_selection import TruncationSelection
from lab.sweep.definition.load import load_plan
from lab.sweep.definition.plan import Plan
from lab.sweep.search_space.distributions import Choice, QuantileDistribution, Rounded, Steps, Uniform

CONF, JOBS = Path("conf").absolute(), Path(__file__).parent / "jobs"
LR = "'sweep.azure.parameters={lr: optimizer.lr}'"
READ: dict[str, tuple[str, dict[str, Any]]] = {
    "choice_grid": ("'sweep.azure.parameters={lr: optimizer.lr, batch: data.batch_size}'", {"total": 6, "size": 6}),
    "random_bandit": (
        "'sweep.azure.parameters={lr: optimizer.lr, dropout: model.dropout}' sweep.azure.metric=val/accuracy",
        {"policy": Bandit(0.15, None, 2, 4), "goal": "maximize", "metric": "val/accuracy", "study": "notices-bandit"},
    ),
    "client_defaults": (LR, {"policy": MedianStopping(1, 0), "goal": "minimize", "total": 9}),
    "truncation": (
        "'sweep.azure.parameters={epochs: callbacks.freeze.layers, batch: data.batch_size}' model=distilbeto",
        {"policy": TruncationSelection(20, False, 1, 5),
         "distributions": {"callbacks.freeze.layers": Steps(0, 4), "data.batch_size": Rounded(8.0, 64.0, 8)}},
    ),
    "median_camel": (
        "'sweep.azure.parameters={lr: optimizer.lr, warmup: scheduler.warmup_ratio}'",
        {"policy": MedianStopping(1, 5), "goal": "maximize"},
    ),
    "logbase_ten": (
        "'sweep.azure.parameters={lr: optimizer.lr, decay: optimizer.weight_decay}'",
        {"distributions": {"optimizer.lr": Uniform(1e-5, 1e-2, log=True),
                  "optimizer.weight_decay": QuantileDistribution("loguniform", 1e-3, 0.1, 0.001)}},
    ),
    "logbase_e": (
        "'sweep.azure.parameters={lr: optimizer.lr, decay: optimizer.weight_decay}'",
        {"distributions": {"optimizer.lr": Uniform(math.exp(-9), math.exp(-5), log=True),
                  "optimizer.weight_decay": QuantileDistribution("lognormal", -5.0, 1.0)}},
    ),
    "normal_laws": (
        "'sweep.azure.parameters={decay: optimizer.weight_decay}'",
        {"distributions": {"optimizer.weight_decay": QuantileDistribution("lognormal", -4.0, 0.5, 0.001),
                  "seed": QuantileDistribution("normal", 1000.0, 10.0, 1)}},
    ),
    "conditional": (
        "'sweep.azure.parameters={lr: optimizer.lr, dropout: model.dropout}'",
        {"policy": NoPolicy(), "total": 5},
    ),
    "quoted_numbers": (LR, {"policy": Bandit(None, 0.1, 1, 2), "total": 6,
                            "distributions": {"optimizer.lr": Uniform(1e-4, 1e-2)}}),
    "durations": (LR, {"timeout": 9000.0, "trial_timeout": 86430.0}),
    "local_text_values": (
        "'sweep.azure.parameters={schedule: scheduler.kind, stratify: data.split.stratify}'",
        {"distributions": {"scheduler.kind": Choice(("linear", "cosine")),
                           "data.split.stratify": Choice((True, False))}},
    ),
}  # fmt: skip


def plan_of(*line: str) -> Plan:
    with initialize_config_dir(str(CONF)):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", ["sweep=azure", *line], RunMode.MULTIRUN)
        return load_plan(loader, config, list(config.hydra.overrides.task))


def seen(plan: Plan) -> dict[str, Any]:
    return {
        "total": plan.total,
        "size": plan.space.size(),
        "policy": plan.policy,
        "goal": plan.goal,
        "metric": plan.metric,
        "study": plan.study,
        "timeout": plan.limits.timeout,
        "trial_timeout": plan.limits.trial_timeout,
        "distributions": {one.key: one.distribution for one in plan.space.parameters},
    }


@pytest.mark.parametrize("name", READ)
def test_a_job_is_read_with_its_meaning(name: str) -> None:
    line, expected = READ[name]
    result = seen(plan_of(f"sweep.azure.file={JOBS / name}.yaml", *shlex.split(line)))
    shown = {key: result[key] for key in expected}
    if "distributions" not in expected:
        assert shown == expected
        return
    for key, distribution in expected["distributions"].items():
        assert type(shown["distributions"][key]) is type(distribution)
        assert (
            vars(shown["distributions"][key]) == pytest.approx(vars(distribution))
            if not isinstance(distribution, Choice)
            else True
        )
        assert shown["distributions"][key] == distribution or not isinstance(distribution, Choice)


@pytest.mark.parametrize("name", sorted({path.stem for path in JOBS.glob("*.yaml")}))
def test_following_the_remedies_ends_in_a_plan(name: str) -> None:
    """Type the first remedy again and again; a mistake that only the file can correct may remain."""
    line = [f"sweep.azure.file={JOBS / name}.yaml"]
    for _ in range(10):
        try:
            assert plan_of(*line).total > 0
        except RequestError as error:
            typable = [words for one in error.mistakes if (words := words_of(one.remedy))]
            if not typable and all(one.remedy.endswith("in the file") for one in error.mistakes):
                return
            keys = {word.partition("=")[0].lstrip("+~") for word in typable[0]}
            line = [*(word for word in line if word.partition("=")[0].lstrip("+~") not in keys), *typable[0]]
        else:
            return
    raise AssertionError(f"still refused: {line}")


def words_of(remedy: str) -> list[str]:
    first = remedy.split(", or ")[0]
    words = [] if first.endswith("in the file") else shlex.split(first)
    return [word for word in words if "=" in word or word[:1] == "~"]


def test_typed_values_replace_the_files() -> None:
    line, _ = READ["random_bandit"]
    typed = ["sweep.limits.max_total_trials=3", "sweep.limits.timeout=null", "sweep.sampling_algorithm=random",
             "sweep.early_termination=median_stopping", "sweep.study=mine",
             "optimizer.lr=interval(1e-4,1e-3)"]  # fmt: skip
    plan = plan_of(f"sweep.azure.file={JOBS}/random_bandit.yaml", *shlex.split(line), *typed)
    assert (plan.total, plan.limits.timeout, plan.limits.trial_timeout) == (3, None, 900)
    assert plan.policy == MedianStopping()
    assert plan.study == "mine"
    assert plan.blocks["sampling_algorithm"] == "random"
    assert {one.key: one.distribution for one in plan.space.parameters}["optimizer.lr"] == Uniform(1e-4, 1e-3)


def test_a_policy_is_typed_away_and_an_objective_in_its_place() -> None:
    typed = ["sweep.early_termination=null", "sweep.objective={primary_metric: val/mcc, goal: maximize}"]
    plan = plan_of(f"sweep.azure.file={JOBS}/client_defaults.yaml", *shlex.split(LR), *typed)
    assert plan.policy == NoPolicy()
    assert (plan.metric, plan.goal) == ("val/mcc", "maximize")


def test_an_interval_of_zero_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "lab.sweep.definition.plan"):
        plan_of(f"sweep.azure.file={JOBS}/client_defaults.yaml", *shlex.split(LR))
    assert "evaluation_interval of 0 is read as 1" in caplog.text
    caplog.clear()
    with caplog.at_level("INFO", "lab.sweep.definition.plan"):
        plan_of(f"sweep.azure.file={JOBS}/quoted_numbers.yaml", *shlex.split(LR))
    assert "is read as 1" not in caplog.text


def test_there_are_enough_jobs() -> None:
    assert len(list(JOBS.glob("*.yaml"))) >= 12
