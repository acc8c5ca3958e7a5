"""An Azure job file becomes the sweep node of a plan; its keys without a file are refused."""

from pathlib import Path
from typing import Any

import pytest

from lab.config.schema import Sweep
from lab.core.errors import RequestError
from lab.sweep.definition.plan import fixed_settings, with_azure_job

JOB = """
type: sweep
experiment_name: reg-sweep
sampling_algorithm: grid
search_space: {reg_rate: {type: choice, values: [0.01, 0.1, 1]}}
objective: {goal: Maximize, primary_metric: Accuracy}
limits: {max_total_trials: 4, max_concurrent_trials: 2, timeout: 7200}
trial: {command: "python train.py --reg ${{search_space.reg_rate}}"}
"""
AZURE = ("file", "parameters", "metric")
LIMITS = ("max_total_trials", "max_concurrent_trials", "timeout", "trial_timeout", "max_failed_trials")


def node(**given: Any) -> Sweep:
    azure = dict.fromkeys(AZURE) | {name: given.pop(name) for name in AZURE if name in given}
    blank: dict[str, Any] = dict.fromkeys(Sweep.model_fields) | {"limits": dict.fromkeys(LIMITS)}
    return Sweep.model_validate({**blank, "azure": azure, **given})


def test_a_job_file_is_the_node(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(JOB)
    read = with_azure_job(
        node(file=str(path), parameters={"reg_rate": "optimizer.weight_decay"}, metric="val/accuracy")
    )
    assert read.study == "reg-sweep"
    assert read.search_space == {"optimizer.weight_decay": {"type": "choice", "values": [0.01, 0.1, 1]}}
    assert read.objective == {"primary_metric": "val/accuracy", "goal": "maximize"}
    assert (read.limits.max_total_trials, read.limits.timeout, read.limits.trial_timeout) == (4, 7200, None)


def test_without_a_file_the_node_stays_and_its_keys_are_refused() -> None:
    assert with_azure_job(node(study="a")) == node(study="a")
    with pytest.raises(RequestError, match=r"sweep\.azure\.metric"):
        with_azure_job(node(metric="val/accuracy"))


def test_settings_that_change_results_are_compared_and_paths_are_not() -> None:
    cache = {"dir": "~/.cache/lab", "max_gib": 20, "hidden_states": True, "dtype": "bf16"}
    callbacks = {"progress": {"refresh": 5}, "freeze": {"layers": 2}}
    plain = {"cache": cache, "logger": {"csv": {}}, "sweep": {"study": "a"}, "callbacks": callbacks, "run_name": "x"}
    assert fixed_settings(plain) == {"cache.hidden_states": True, "cache.dtype": "bf16", "callbacks.freeze.layers": 2}
