"""Stops at the first loss that is not finite and names the batch, input column or parameter that caused it.

The loss is checked before its gradient changes a weight. On a CPU that costs nothing. On a GPU, reading it would stall
every step: its flag is copied to the CPU and read one batch later, or before anything is saved. A finite loss may
have a gradient that is not finite, so the weights are checked before they are validated or saved: what is saved is
finite. Overflowing fp16 gradients are left to the GradScaler; the loss is unscaled and must be finite. Several
processes (DDP) stop together, with the words of the first one whose loss it was.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from lab.callbacks.loop.agreement import words_of_first
from lab.core.errors import RunError, listed


@dataclasses.dataclass
class _Pending:
    """A loss that is not checked yet: its batch and position, and the event after which `finite` may be read.

    finite: of all processes; own: of this one.
    """

    finite: Tensor
    own: Tensor
    copied: torch.cuda.Event | None
    batch: Any
    batch_idx: int
    epoch: int


class NanGuard(Callback):
    """Raises RunError of kind "nan" for a loss or a weight that is not finite."""

    def __init__(self) -> None:
        self._batch: Any = None
        self._batch_idx = 0
        self._pending: _Pending | None = None

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._batch, self._batch_idx = batch, batch_idx

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        self._settle(trainer, pl_module)
        own, copied = torch.isfinite(loss.detach()).all(), None
        finite = own
        if trainer.world_size > 1:
            finite = own.int()
            torch.distributed.all_reduce(finite, torch.distributed.ReduceOp.MIN)
        if finite.is_cuda:
            finite = finite.to("cpu", non_blocking=True)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record()
        self._pending = _Pending(finite, own, copied, self._batch, self._batch_idx, trainer.current_epoch)
        if copied is None:
            self._settle(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking and trainer.state.fn == "fit":
            self._settle(trainer, pl_module)
            self._check_weights(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._settle(trainer, pl_module)
        self._check_weights(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._settle(trainer, pl_module)
        self._batch = None

    def _settle(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pending, self._pending = self._pending, None
        if pending is None:
            return
        if pending.copied is not None:
            pending.copied.synchronize()
        if not bool(pending.finite):
            where = f"the loss is not finite in epoch {pending.epoch + 1}, batch {pending.batch_idx + 1}"
            cause = diagnose(pl_module, pending.batch, stepped=pending.copied is not None)
            words = f"{where}{_rows(pending.batch)}: {cause}\n    try: {_remedy(trainer)}"
            raise RunError(words_of_first(None if bool(pending.own) else words) or words, "nan")

    def _check_weights(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the norm of all weights that train; if it is not finite, each weight: the norm alone may overflow."""
        norm = nn.utils.get_total_norm([weight.detach() for weight in pl_module.parameters() if weight.requires_grad])
        if not bool(torch.isfinite(norm)) and (cause := _spoilt(pl_module)):
            where = f"after epoch {trainer.current_epoch + 1}, batch {self._batch_idx + 1}"
            cause += ": this step or an earlier one spoilt them"
            raise RunError(f"{where}, whose loss was finite: {cause}\n    try: {_remedy(trainer)}", "nan")


def diagnose(model: nn.Module, batch: Any, stepped: bool = False) -> str:
    """Return in words what is not finite: an input column, else a parameter, else a gradient.

    stepped: whether the optimizer step of this batch may be done already, as on a GPU.
    """
    for name, tensor in named_tensors(batch):
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return f"input {name} is not finite{_columns(tensor)}"
    if spoilt := _spoilt(model):
        return f"{spoilt}: {'this step or an earlier one' if stepped else 'an earlier step'} spoilt them"
    gradients = [(name, parameter.grad) for name, parameter in model.named_parameters() if parameter.grad is not None]
    wrong = [name for name, gradient in gradients if not torch.isfinite(gradient).all()]
    if wrong:
        others = f", nor are {len(wrong) - 1} others" if len(wrong) > 1 else ""
        return f"the gradient of {wrong[0]} is not finite{others}"
    return "inputs and parameters are finite, so the forward pass overflowed"


def _spoilt(model: nn.Module) -> str | None:
    wrong = [name for name, parameter in model.named_parameters() if not torch.isfinite(parameter).all()]
    return f"parameter {wrong[0]} is not finite, nor are {len(wrong) - 1} others" if wrong else None


def named_tensors(batch: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a batch, named by field of a dataclass, key of a mapping or position in a sequence."""
    if isinstance(batch, Tensor):
        yield name or "batch", batch
        return
    items: list[tuple[Any, Any]] = []
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        items = [(field.name, getattr(batch, field.name)) for field in dataclasses.fields(batch)]
    elif isinstance(batch, Mapping):
        items = list(batch.items())
    elif isinstance(batch, list | tuple):
        items = list(enumerate(batch))
    for key, value in items:
        yield from named_tensors(value, f"{name}.{key}" if name else str(key))


def _columns(tensor: Tensor) -> str:
    """Return in words which columns (last dimension) of an input (..., C) have values that are not finite."""
    if tensor.ndim < 2:
        return ""
    wrong = (~torch.isfinite(tensor)).flatten(0, -2).any(dim=0).nonzero().flatten().tolist()
    return f" in column {listed([str(column) for column in wrong])} of {tensor.shape[-1]} (counted from 0)"


def _rows(batch: Any) -> str:
    rows = getattr(batch, "rows", None)
    return f" (training rows {listed([str(row) for row in rows.tolist()])})" if isinstance(rows, Tensor) else ""


def _remedy(trainer: Trainer) -> str:
    """Return what may help: not the clipping or the precision that the run already has."""
    # Layer-wise decay gives lower layers less than optimizer.lr, which is the highest rate of the groups.
    rates = [group["lr"] for optimizer in trainer.optimizers for group in optimizer.param_groups]
    rate = max(rates, default=None)
    lower = f"optimizer.lr={rate / 10:.1e} (it was {rate:.1e} in this step)" if rate else "a lower optimizer.lr"
    clip = trainer.gradient_clip_val
    others = [
        "trainer.gradient_clip_val=1.0" if clip is None or clip > 1.0 else "",
        "trainer.precision=32" if trainer.precision != "32-true" else "",
    ]
    return "; ".join([lower, *filter(None, others)])
