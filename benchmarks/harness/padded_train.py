"""train.py with every batch padded to `data.max_length`, as the recipes that people start from do.

    python -m benchmarks.harness.padded_train data.max_length=256 [OVERRIDE ...]

Padding to the longest row of a batch is not an option of `lab` that could be switched off; here it is undone, so that
what it saves can be measured. Tensors that are as wide as the batch are widened with zeros, ids with the padding id;
frozen layers compute their states at that width, too.
"""

import runpy
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn.functional import pad

from lab.data.dataloader import TokenRows
from lab.data.text import datamodule
from lab.models.text import frozen_prefix

TRAIN = Path(__file__).resolve().parents[2] / "train.py"


class PaddedRows(TokenRows):
    """Batches of one width: that of the longest text that is let in."""

    width = 0

    def __getitem__(self, draw: Any) -> Any:
        batch = super().__getitem__(draw)
        narrow = batch.mask.shape[1]
        for field in fields(batch):
            tensor = getattr(batch, field.name)
            if isinstance(tensor, Tensor) and tensor.ndim > 1 and tensor.shape[1] == narrow:
                widening = [0, 0] * (tensor.ndim - 2) + [0, self.width - narrow]
                setattr(batch, field.name, pad(tensor, widening, value=self.pad_id if field.name == "ids" else 0))
        return batch


if __name__ == "__main__":
    (asked,) = [word.split("=")[1] for word in sys.argv[1:] if word.startswith("data.max_length=")]
    PaddedRows.width = int(asked)
    datamodule.TokenRows = PaddedRows
    frozen_prefix._widths = lambda lengths, _: np.full(len(lengths), PaddedRows.width)
    sys.argv[0] = str(TRAIN)
    runpy.run_path(sys.argv[0], run_name="__main__")
