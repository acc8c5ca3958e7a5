"""Lightning's DDP strategy with means that are not rounded, and `trainer.sync_batchnorm` for the norms of `lab`.

Lightning divides the sum of a logged value by the number of rows, and takes the mean over the processes of both. A mean
of whole numbers is rounded down: 23 rows in two processes counted as 22, and a mean loss came out 4.5 % too high.
"""

from typing import Any

from lightning.pytorch.plugins import TorchSyncBatchNorm
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn

from lab.core.errors import Mistake, RequestError
from lab.models.series.interfaces import MaskedBatchNorm


class Ddp(DDPStrategy):
    """As its base; `reduce` takes the mean of whole numbers in double precision."""

    def reduce(self, tensor: Tensor, group: Any | None = None, reduce_op: Any = "mean") -> Tensor:
        if isinstance(tensor, Tensor) and not tensor.is_floating_point() and reduce_op in ("mean", "avg"):
            tensor = tensor.double()
        return super().reduce(tensor, group, reduce_op)


def refuse_on_cpu(norm: nn.Module) -> None:
    """Raises RequestError for a batch norm on a CPU, for which torch has no layer that shares statistics."""
    if any(parameter.device.type == "cpu" for parameter in norm.parameters()):
        key, problem = "trainer.sync_batchnorm", f"torch shares the statistics of a {type(norm).__name__} on GPUs only"
        raise RequestError(Mistake(key, problem, f"{key}=false", True))


class SyncedNorms(TorchSyncBatchNorm):
    """As its base; the masked norms of `lab` stay and share their statistics themselves, on a CPU too."""

    def apply(self, model: nn.Module) -> nn.Module:
        """Raises RequestError for a batch norm of torch on a CPU."""
        if isinstance(model, nn.modules.batchnorm._BatchNorm) and not isinstance(model, MaskedBatchNorm):
            refuse_on_cpu(model)
        if isinstance(model, MaskedBatchNorm):
            model.is_synced = True
            return model
        for name, child in list(model.named_children()):
            model.add_module(name, self.apply(child))
        return model if next(model.children(), None) is not None else super().apply(model)

    def revert(self, model: nn.Module) -> nn.Module:
        for module in model.modules():
            if isinstance(module, MaskedBatchNorm):
                module.is_synced = False
        return super().revert(model)
