"""A multirun on SLURM whose request does not fit together is refused before a job is submitted.

The script of a sound one is what submitit writes for it.
"""

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict

from lab.cli import validate_overrides
from lab.cli.arguments import slurm
from lab.cli.command_line import parse
from lab.config.shipped import CONF
from tests.sweep import fake_slurm

LAUNCHER = {"timeout_min": 60, "signal_delay_s": 120, "tasks_per_node": 1, "nodes": 1}
TRAINER = {"devices": 1, "accelerator": "auto"}


def found(timeout: float | None = None, trainer: dict[str, Any] | None = None, **launcher: Any) -> dict[str, str]:
    """Return the remedies by key."""
    mistakes = slurm.mistakes(LAUNCHER | launcher, TRAINER | (trainer or {}), timeout, which=lambda name: name)
    return {mistake.key: mistake.remedy for mistake in mistakes}


def test_a_sound_request_has_no_mistake() -> None:
    assert found() == {}
    assert found(3000.0, {"devices": 2}, gpus_per_node=2) == {}
    assert found(trainer={"devices": (0, 1)}, gres="gpu:a100:2,tmp:1") == {}
    assert found(trainer={"devices": 2, "accelerator": "cpu"}) == {}
    assert found(trainer={"accelerator": "gpu"}, additional_parameters={"gpus": 1}) == {}
    assert found(gpus_per_node="a100:1") == {}
    assert found(trainer={"devices": "1,2"}, gpus_per_node=2) == {}, "a searched key has no value yet"


def test_a_machine_without_the_programs_of_slurm_is_named() -> None:
    (mistake,) = slurm.mistakes(LAUNCHER, TRAINER, None, which=lambda name: None if name == "sacct" else name)
    assert (mistake.key, mistake.value) == ("hydra/launcher", "submitit_slurm")
    assert "does not have sacct" in mistake.problem
    assert "hydra/launcher=submitit_local" in mistake.remedy


ONE_GPU = "trainer.devices=1 trainer.strategy=auto"
WRONG: list[tuple[dict[str, Any], str, str]] = [
    (
        {"gpus_per_node": 1, "trainer": {"devices": 2}},
        "trainer.devices",
        f"hydra.launcher.gpus_per_node=2, or {ONE_GPU}",
    ),
    (
        {"gres": "gpu:4"},
        "trainer.devices",
        "hydra.launcher.gres=null hydra.launcher.gpus_per_node=1, or trainer.devices=4 trainer.strategy=ddp",
    ),
    ({"trainer": {"devices": 2, "accelerator": "gpu"}}, "trainer.accelerator", "hydra.launcher.gpus_per_node=2"),
    (
        {"gpus_per_task": 1, "trainer": {"accelerator": "cpu"}},
        "hydra.launcher.gpus_per_task",
        "hydra.launcher.gpus_per_task=null",
    ),
    (
        {"tasks_per_node": 2},
        "hydra.launcher.tasks_per_node",
        "hydra.launcher.tasks_per_node=1 trainer.devices=2 trainer.strategy=ddp",
    ),
    ({"nodes": 2}, "hydra.launcher.nodes", "hydra.launcher.nodes=1"),
    ({"use_srun": False}, "hydra.launcher.use_srun", "hydra.launcher.use_srun=true"),
    ({"timeout_min": 2}, "hydra.launcher.timeout_min", "hydra.launcher.timeout_min=60"),
    ({"timeout": 3600.0}, "sweep.limits.trial_timeout", "hydra.launcher.timeout_min=62"),
]


@pytest.mark.parametrize(("given", "key", "remedy"), WRONG)
def test_what_does_not_fit_together_is_named_with_a_remedy(given: dict[str, Any], key: str, remedy: str) -> None:
    assert found(**given) == {key: remedy}


def test_the_script_for_sbatch_has_what_the_line_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rendered by submitit through hydra-submitit-launcher; the slow tests of studies run such scripts."""
    submitit = pytest.importorskip("submitit")
    plugin = pytest.importorskip("hydra_plugins.hydra_submitit_launcher.submitit_launcher")
    for name, value in fake_slurm.variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    scripts = list[str]()

    def render(executor: Any, *_: Any) -> list[Any]:
        scripts.append(executor._executor._make_submission_file_text("COMMAND", "uid"))
        return []

    monkeypatch.setattr(submitit.AutoExecutor, "map_array", render)
    words = ["hydra/launcher=submitit_slurm", f"hydra.sweep.dir={tmp_path}", "trainer.devices=2"]
    words += ["++hydra.launcher.additional_parameters.requeue=true", "hydra.launcher.setup=[module load cuda]"]
    given = ("partition=gpu", "timeout_min=90", "gpus_per_node=2", "mem_gb=32", "cpus_per_task=8", "signal_delay_s=60")
    words += [f"hydra.launcher.{word}" for word in given]
    with initialize_config_dir(str(CONF.absolute()), job_name="train"):
        composed = compose("config", words, return_hydra_config=True)
    with open_dict(composed):
        composed.hydra.runtime.output_dir = str(tmp_path)
    HydraConfig.instance().set_config(composed)
    launcher = plugin.SlurmLauncher(
        **{name: node for name, node in composed.hydra.launcher.items() if name != "_target_"}
    )
    launcher.setup(hydra_context=None, task_function=None, config=composed)
    launcher.launch([["seed=1"], ["seed=2"]], 0)
    (script,) = scripts
    for flag in ("partition=gpu", "time=90", "gpus-per-node=2", "mem=32GB", "cpus-per-task=8", "signal=USR2@60",
                 "ntasks-per-node=1", "nodes=1", "open-mode=append", "job-name=train", "requeue"):  # fmt: skip
        assert f"#SBATCH --{flag}\n" in script
    after = script.partition("# setup\n")[2].splitlines()
    assert after[0] == "module load cuda"
    assert next(text for text in after if text.startswith("srun ")).endswith(" COMMAND")
    assert "export SUBMITIT_EXECUTOR=slurm" in after


def line(*words: str) -> list[str]:
    """Return the keys of all mistakes of a command line."""
    typed = parse(["train.py", *words])
    return sorted(mistake.key for mistake in validate_overrides.mistakes(typed, CONF))


def test_every_mistake_of_a_line_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    monkeypatch.setenv("PATH", str(tmp_path))
    words = ["hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=1", "trainer.devices=2", "optimizr.lr=1"]
    words += ["hydra.launcher.gpus_per_node=1", "trainer.strategy=ddp"]
    expected = ["hydra.launcher.timeout_min", "hydra/launcher", "optimizr.lr", "trainer.devices"]
    assert line("-m", "seed=1,2", *words) == expected
    assert line("-m", "sweep=text", *words) == expected
    assert line(*words) == ["optimizr.lr"], "a single run has no launcher"


def test_values_that_only_a_job_knows_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINUTES", "30")
    node = OmegaConf.create({"timeout_min": "${oc.decode:${oc.env:MINUTES}}", "nodes": "${oc.env:NO_SUCH_NAME}"})
    assert slurm._values(node) == {"timeout_min": 30, "nodes": slurm.UNKNOWN}
    unknown = dict.fromkeys(("tasks_per_node", "nodes", "timeout_min", "gpus_per_node", "gres"), slurm.UNKNOWN)
    assert found(**unknown, trainer={"devices": slurm.UNKNOWN}) == {}
