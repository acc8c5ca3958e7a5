"""Freezing and gradual unfreezing: which embeddings and encoder layers do not train is a function of the epoch alone.

One callback serves `callbacks.freeze.layers` and its schedule: both are the same decision, made at every epoch start
and after a resume, so there is no state to save. Frozen modules require no gradient and are in eval mode (no dropout).
They stay in the optimizer without a gradient: with a gradient of zeros, weight decay would change them.

DDP exchanges the gradients of those parameters only that required one when it wrapped the model, and waits for each of
them. So the model is wrapped again wherever other parameters train from here on, in all processes at once.
"""

import logging
from collections.abc import Mapping
from typing import Any, Protocol, cast, runtime_checkable

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from lab.core.errors import Mistake, RequestError
from lab.models.parameters import parameter_counts

log = logging.getLogger(__name__)


@runtime_checkable
class Freezable(Protocol):
    """A module that names its parts in the order in which they are frozen."""

    def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """Embedding modules, and encoder layers from the input up (either may be empty)."""
        ...


def frozen_layers(epoch: int, embeddings: bool, layers: int, schedule: Mapping[int, int]) -> tuple[bool, int]:
    """Return whether the embeddings are frozen, and how many layers from the input up are, in `epoch` (0-based).

    The latest entry of `schedule` {epoch: layers still frozen} that has begun takes precedence over `layers`. A frozen
    layer implies frozen embeddings, which lie below it.
    """
    begun = [start for start in schedule if start <= epoch]
    num_layers = schedule[max(begun)] if begun else layers
    return embeddings or num_layers > 0, num_layers


def always_frozen(layers: int, schedule: Mapping[int, int]) -> int:
    """Return how many layers from the input up are frozen in every epoch: their output for a text never changes."""
    return min([*schedule.values(), *([] if 0 in schedule else [layers])])


def mistakes(
    num_embeddings: int, num_layers: int, embeddings: bool, layers: int, schedule: Mapping[int, int]
) -> list[Mistake]:
    """Return what is requested and impossible with so many embedding modules and layers."""
    has = f"the model has {num_layers} layers" if num_layers else "the model has no layers to freeze"
    remedy = f"at most {num_layers}" if num_layers else "model=tiny, or leave it out"
    result = []
    if layers > num_layers:
        result.append(Mistake("callbacks.freeze.layers", has, f"callbacks.freeze.layers={num_layers}", layers))
    if any(frozen > num_layers for frozen in schedule.values()):
        result.append(Mistake("callbacks.freeze.schedule", has, remedy, dict(schedule)))
    if embeddings and not num_embeddings:
        problem = "the model names no embeddings to freeze"
        result.append(Mistake("callbacks.freeze.embeddings", problem, "callbacks.freeze.embeddings=false", True))
    return result


@runtime_checkable
class HasFrozenBase(Protocol):
    """A module with parameters that never train, whatever is unfrozen."""

    def frozen_base_parameters(self) -> list[nn.Parameter]:
        """Return them. They are the base below adapters: freezing or unfreezing a layer acts on its adapters alone."""
        ...


class Freeze(Callback):
    """Applies `frozen_layers` to a `Freezable` module and logs how many parameters train, at the start and at a change.

    Parameters are as in `frozen_layers`. Raises RequestError before training when the model has fewer layers.
    """

    def __init__(self, embeddings: bool = False, layers: int = 0, schedule: Mapping[int, int] | None = None) -> None:
        self.embeddings = embeddings
        self.layers = layers
        self.schedule = dict(schedule or {})
        self._frozen: list[nn.Module] = []
        self._applied: tuple[bool, int] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        self._applied, self._frozen = None, []
        embedding_modules, layer_modules = _parts(pl_module)
        result = mistakes(len(embedding_modules), len(layer_modules), self.embeddings, self.layers, self.schedule)
        if result:
            raise RequestError(result)
        if trainer.world_size > 1:  # the same in all processes, before DDP wraps the model
            apply(pl_module, *frozen_layers(0, self.embeddings, self.layers, self.schedule))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning does not call on_train_epoch_start for an epoch that is resumed in its middle.
        self._apply(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._apply(trainer, pl_module)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        # A validation or a library may have called .train() on the whole model, which turns dropout on.
        for module in self._frozen:
            if module.training:
                module.eval()

    def _apply(self, trainer: Trainer, pl_module: LightningModule) -> None:
        epoch, before = trainer.current_epoch, trained(pl_module)
        decision = frozen_layers(epoch, self.embeddings, self.layers, self.schedule)
        self._frozen = apply(pl_module, *decision)
        if trained(pl_module) != before:
            wrap_again(trainer)
        if decision != self._applied:
            done = "" if self._applied is None else f"after epoch {epoch}: "
            log.info("%s%s", done, trainable(pl_module))
            self._applied = decision


def apply(model: nn.Module, embeddings: bool, num_layers: int) -> list[nn.Module]:
    """Freeze the embeddings and the first layers of a `Freezable` model, unfreeze the rest; return the frozen modules.

    Sets every mode explicitly: pretrained encoders arrive in eval mode. A parameter outside of embeddings and layers
    keeps its `requires_grad`, and a parameter of a frozen base never requires a gradient.
    """
    embedding_modules, layer_modules = _parts(model)
    frozen = (embedding_modules if embeddings else []) + layer_modules[:num_layers]
    still = {id(parameter) for module in frozen for parameter in module.parameters()}
    if isinstance(model, HasFrozenBase):
        still |= {id(parameter) for parameter in model.frozen_base_parameters()}
    for module in embedding_modules + layer_modules:
        for parameter in module.parameters():
            parameter.requires_grad_(id(parameter) not in still)
            if id(parameter) in still:
                parameter.grad = None
    model.train()
    for module in frozen:
        module.eval()
    return frozen


def trained(model: nn.Module) -> list[bool]:
    """Return for each parameter whether it requires a gradient."""
    return [parameter.requires_grad for parameter in model.parameters()]


def wrap_again(trainer: Trainer) -> None:
    """Let DDP, if it wraps the model, exchange the gradients of the parameters that require one now."""
    strategy = trainer.strategy
    if isinstance(strategy, DDPStrategy) and isinstance(strategy.model, DistributedDataParallel):
        strategy.model = strategy.model.module  # the end of the old wrapper removes its hooks from the parameters
        strategy.configure_ddp()


def trainable(model: nn.Module) -> str:
    """Return how many parameters train in words: `x trainable of y parameters, z %`."""
    counts = parameter_counts(model)
    training, total = counts["trainable"], counts["total"]
    return f"{training:,} trainable of {total:,} parameters, {100 * training / max(1, total):.1f} %"


def _parts(model: nn.Module) -> tuple[list[nn.Module], list[nn.Module]]:
    return cast(Freezable, model).freezable() if isinstance(model, Freezable) else ([], [])
