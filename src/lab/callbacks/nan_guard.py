"""Stops at the first loss that is not finite and says which batch, input column or parameter went wrong.

The loss is looked at before its gradient touches a weight. On a CPU that costs nothing. On a GPU reading it at once
would stall every step: its flag is copied aside and read one batch later, or before anything is saved. A sound loss may
have a gradient that is not, so the weights are looked at before they are validated or saved: what is saved is sound.
Overflowing fp16 gradients are the GradScaler's business; the loss is unscaled and must be finite.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from lab.core.errors import RunError, listed


@dataclasses.dataclass
class _Pending:
    """A loss not yet looked at: its batch, where it was, and the event after which `finite` may be read."""

    finite: Tensor
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
        finite, copied = torch.isfinite(loss.detach()).all(), None
        if finite.is_cuda:
            finite = finite.to("cpu", non_blocking=True)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record()
        self._pending = _Pending(finite, copied, self._batch, self._batch_idx, trainer.current_epoch)
        if copied is None:
            self._settle(trainer, pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking and trainer.state.fn == "fit":
            self._settle(trainer, pl_module)
            self._weigh(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        self._settle(trainer, pl_module)
        self._weigh(trainer, pl_module)

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
            found = diagnose(pl_module, pending.batch, stepped=pending.copied is not None)
            raise RunError(f"{where}{_rows(pending.batch)}: {found}\n    try: {_remedy(trainer)}", "nan")

    def _weigh(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The weights that train, by one number; only where it is none, each by itself: a norm may overflow alone."""
        norm = nn.utils.get_total_norm([one.detach() for one in pl_module.parameters() if one.requires_grad])
        if not bool(torch.isfinite(norm)) and (found := _spoilt(pl_module)):
            where = f"after epoch {trainer.current_epoch + 1}, batch {self._batch_idx + 1}"
            found += ": this step or an earlier one spoilt them"
            raise RunError(f"{where}, whose loss was finite: {found}\n    try: {_remedy(trainer)}", "nan")


def diagnose(model: nn.Module, batch: Any, stepped: bool = False) -> str:
    """The first thing that is not finite, in words: an input column, else a parameter, else a gradient.

    stepped: whether this batch's own step may have been taken since, as on a GPU.
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
    """Tensors of a batch with their names: fields of a dataclass, keys of a mapping, places in a sequence."""
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
    """Which columns (last dimension) of a (..., C) input hold what is not finite."""
    if tensor.ndim < 2:
        return ""
    wrong = (~torch.isfinite(tensor)).flatten(0, -2).any(dim=0).nonzero().flatten().tolist()
    return f" in column {listed([str(column) for column in wrong])} of {tensor.shape[-1]} (counted from 0)"


def _rows(batch: Any) -> str:
    rows = getattr(batch, "rows", None)
    return f" (training rows {listed([str(row) for row in rows.tolist()])})" if isinstance(rows, Tensor) else ""


def _remedy(trainer: Trainer) -> str:
    """What changes something: neither a clipping nor a precision that the run has already."""
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
