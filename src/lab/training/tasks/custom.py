"""Any LightningModule with any LightningDataModule: `model=custom data=custom`, each with a `_target_`.

The module decides about its loss, optimizer and metrics. It gets what every run has: the folder, the callbacks, exact
resume, sweeps and the report, which shows what the module logged. A module without a test is not tested.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities.model_helpers import is_overridden

from lab.config import plugins
from lab.config.schema import Config, CustomData, CustomModel
from lab.config.targets import make
from lab.core.batches import CustomSpec
from lab.core.errors import Mistake, RequestError
from lab.core.record.run_folder import RunFolder
from lab.core.terminal.tables import Column, Table
from lab.data.resumable_loader import ResumableLoader
from lab.data.shared_loader import of_rank
from lab.training.evaluation.base import EvaluationResult
from lab.training.tasks.base import Sample, TaskDefinition


class CustomTask(TaskDefinition[CustomSpec, Any, Any]):
    """A module and a data module that the config names."""

    spec_type = CustomSpec

    def load_data(self, config: Config, folder: RunFolder, pin_memory: bool, fresh: bool) -> pl.LightningDataModule:
        assert isinstance(config.data, CustomData), f"data of kind {config.data.kind} have a task of their own"
        data = make("data", config.data.node)
        assert isinstance(data, pl.LightningDataModule), f"{config.data.target} was checked to be a data module"
        lacking = [name for name in ("train_dataloader", "val_dataloader") if not is_overridden(name, data)]
        if lacking:
            problem = f"{config.data.target} has no {' and no '.join(lacking)}: a run trains, and is compared on, them"
            raise RequestError(Mistake("data._target_", problem, "a data module that has both", config.data.target))
        _share_loaders(data, config.seed)
        return data

    def build_model(
        self, config: Config, spec: CustomSpec, folder: RunFolder, fresh: bool, sample: Sample | None = None
    ) -> pl.LightningModule:
        assert isinstance(config.model, CustomModel), f"a model of kind {config.model.kind} reads no custom data"
        chosen = config.optimizer
        injected = {"lr": chosen.lr, "learning_rate": chosen.lr, "weight_decay": chosen.weight_decay}
        model: pl.LightningModule = make("model", config.model.node, **injected)
        return model

    def evaluate(self, model: pl.LightningModule, data: pl.LightningDataModule) -> EvaluationResult:
        logged = model.trainer.callback_metrics if self.is_tested(model, data) else {}
        scores = {name.removeprefix("test/"): float(value) for name, value in logged.items() if name[:5] == "test/"}
        return Logged(scores, None, {})

    def spec_of(self, data: pl.LightningDataModule) -> CustomSpec:
        return CustomSpec()

    def setup(self, data: pl.LightningDataModule, stage: str) -> None:
        """The Trainer calls `prepare_data` and `setup`, once each."""

    def is_tested(self, model: pl.LightningModule, data: pl.LightningDataModule) -> bool:
        return is_overridden("test_step", model) and is_overridden("test_dataloader", data)

    def fingerprint(self, config: Config, data: pl.LightningDataModule) -> str:
        return str(self.facts(config, data)["fingerprint"])

    def facts(self, config: Config, data: pl.LightningDataModule) -> dict[str, object]:
        """The record's `data`. The fingerprint is of the class, its arguments and its plug-in's files, and what the
        data module gives as `fingerprint` itself, if it does."""
        assert isinstance(config.data, CustomData)
        files = [plugin.sha256 for plugin in plugins.loaded(config.plugins)]
        about = [config.data.node, files, str(getattr(data, "fingerprint", ""))]
        digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()
        return {"name": config.data.name, "fingerprint": digest}


@dataclass(frozen=True)
class Logged(EvaluationResult):
    """The test metrics that a module logged."""

    def write(self, folder: RunFolder) -> None:
        """Nothing besides run.json, which has the scores: a module keeps its own predictions."""

    def table(self) -> Table:
        table = Table([Column("test metric", is_name=True), Column("value", right=True, bold=True)], plain=True)
        for name, value in sorted(self.metrics.items()):
            table.add_row(name, f"{value:.4f}")
        return table


def _share_loaders(data: pl.LightningDataModule, seed: int) -> None:
    """Give each of several processes its part of the loaders, and let that of training start an interrupted epoch
    behind the batches that were trained on."""
    inner: Callable[[], Any] = data.train_dataloader
    validation: Callable[[], Any] = data.val_dataloader

    @wraps(inner)
    def train_dataloader() -> Any:
        loader = inner()
        if not hasattr(loader, "__iter__") or isinstance(loader, list | tuple | dict):
            problem = "train_dataloader gives several loaders; a run has one, whose place can be saved"
            raise RequestError(Mistake("data._target_", problem, "one DataLoader"))
        return ResumableLoader(_part(data, loader, trains=True), seed)

    @wraps(validation)
    def val_dataloader() -> Any:
        loaders = validation()
        if isinstance(loaders, list | tuple):
            return [_part(data, loader, trains=False) for loader in loaders]
        return _part(data, loaders, trains=False)

    data.train_dataloader = train_dataloader  # type: ignore[method-assign]
    data.val_dataloader = val_dataloader  # type: ignore[method-assign]


def _part(data: pl.LightningDataModule, loader: Any, trains: bool) -> Any:
    """The loader of the process that the data module's Trainer is in."""
    trainer = data.trainer
    return loader if trainer is None else of_rank(loader, trainer.global_rank, trainer.world_size, trains)
