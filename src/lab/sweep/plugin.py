"""`hydra/sweeper=lab`: Hydra's view of a study, registered by an entry point.

Thin glue, and light: Hydra imports this module at every start, so the engine is imported when a sweep begins.
"""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


def _times(value: Any, factor: Any) -> float:
    """`${lab.times:${optimizer.lr},0.5}` in the lists of Hydra's own sweepers: a multiple, with six digits."""
    return float(f"{float(value) * float(factor):.6g}")


OmegaConf.register_resolver("lab.times", _times, replace=True)


@dataclass
class LabSweeperConfig:
    """The `lab` sweeper has no settings of its own: it reads the config's `sweep` node."""

    _target_: str = "lab.sweep.plugin.LabSweeper"


ConfigStore.instance().store(group="hydra/sweeper", name="lab", node=LabSweeperConfig, provider="lab")


class LabSweeper(Sweeper):
    """Runs a study: trials are sampled, run, ended early and resumed as the config's `sweep` node defines."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra passes, for `sweep`."""
        self.hydra_context, self.task, self.config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        from lab.sweep.study.controller import sweep

        assert self.config is not None
        assert self.hydra_context is not None
        return sweep(self.hydra_context, self.task, self.config, arguments)
