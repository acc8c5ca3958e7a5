"""The launcher in Hydra's own suites, without a skipped case, and its light imports.

The suites drive applications with configs of their own, which have no `sweep` node: they do not apply to the sweeper.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import BatchedSweeperTestSuite, IntegrationTestSuite, LauncherTestSuite
from omegaconf import OmegaConf

from lab.sweep.execution import process_launcher
from lab.sweep.execution.process_launcher import ProcessLauncher

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def test_hydra_finds_the_launcher() -> None:
    assert ProcessLauncher in Plugins.instance().discover(Launcher)


def test_the_plugin_is_light() -> None:
    code = (
        "import sys, lab.sweep.plugin, lab.sweep.execution.process_launcher; "
        "print([m for m in ('torch','optuna','lightning','numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_further_imports_follow_from_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    by = {
        "data.kind": {"squad": ["lab.training.tasks.question_answering"]},
        "peft.kind": {"qlora": ["peft", "no_such_package.of_ours"]},
    }
    monkeypatch.setattr(process_launcher, "find_spec", lambda name: None if name == "no_such_package" else object())
    settings = [("data.kind", "squad"), ("peft", "qlora"), ("peft", "qlora")]
    assert process_launcher.modules_to_preload(by, settings, False) == [
        "lab.training.tasks.question_answering",
        "peft",
    ]
    assert process_launcher.modules_to_preload(by, [("data.kind", "maintenance"), ("seed", 1)], False) == []


def test_with_a_gpu_the_server_imports_nothing_that_initialises_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    by = {"peft.kind": {"qlora": ["lab.models.peft.adapters", "peft", "bitsandbytes"]}}
    modules = process_launcher.modules_to_preload
    monkeypatch.setattr(process_launcher, "find_spec", lambda _: object())
    assert modules(by, [("peft", "qlora")], has_gpu=True) == ["lab.models.peft.adapters"]
    assert modules(by, [("peft", "qlora")], has_gpu=False) == ["lab.models.peft.adapters", "peft", "bitsandbytes"]
    monkeypatch.setattr(process_launcher, "find_spec", lambda name: None if name == "bitsandbytes" else object())
    assert modules(by, [("peft", "qlora")], has_gpu=True) == ["lab.models.peft.adapters", "peft"]


def test_every_preloaded_module_exists() -> None:
    conf = OmegaConf.load(Path(__file__).parents[3] / "conf/hydra/launcher/process.yaml")
    named = {name for modules in conf.preload_by.values() for names in modules.values() for name in names}
    ours = [name for name in [*conf.preload, *named] if name.startswith("lab.")]
    assert [name for name in ours if find_spec(name) is None] == []


@pytest.mark.parametrize(("launcher_name", "overrides"), [("process", [])])
class TestProcessLauncher(LauncherTestSuite):
    """Hydra's cases for any launcher."""


@pytest.mark.parametrize(("launcher_name", "overrides"), [("process", ["hydra.sweeper.max_batch_size=2"])])
class TestProcessLauncherInBatches(BatchedSweeperTestSuite):
    """Hydra's cases for a sweeper that launches several times."""


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [({}, ["-m", "hydra/launcher=process"])],
)
class TestProcessLauncherIntegration(IntegrationTestSuite):
    """Hydra's cases with separate applications."""
