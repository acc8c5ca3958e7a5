"""The launcher in Hydra's own suites, no case skipped, and what it promises besides: light imports.

The suites drive applications with configs of their own, which have no `sweep` node: they do not apply to the sweeper.
"""

import subprocess
import sys

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import BatchedSweeperTestSuite, IntegrationTestSuite, LauncherTestSuite

from lab.sweep.plugin import ProcessLauncher

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def test_hydra_finds_the_launcher() -> None:
    assert ProcessLauncher in Plugins.instance().discover(Launcher)


def test_the_plugin_is_light() -> None:
    code = (
        "import sys, lab.sweep.plugin; print([m for m in ('torch','optuna','lightning','numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
    """Hydra's cases with applications of their own."""
