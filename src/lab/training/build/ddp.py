"""Lightning's DDP strategy, with means of whole numbers that are not rounded.

Lightning divides the sum of a logged value by the number of rows, and takes the mean over the processes of both. A mean
of whole numbers is rounded down: 23 rows in two processes counted as 22, and a mean loss came out 4.5 % too high.
"""

from typing import Any

from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor


class Ddp(DDPStrategy):
    """As its base; `reduce` takes the mean of whole numbers in double precision."""

    def reduce(self, tensor: Tensor, group: Any | None = None, reduce_op: Any = "mean") -> Tensor:
        if isinstance(tensor, Tensor) and not tensor.is_floating_point() and reduce_op in ("mean", "avg"):
            tensor = tensor.double()
        return super().reduce(tensor, group, reduce_op)
