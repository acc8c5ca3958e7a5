"""train.py with every batch padded to `data.max_length`, as the recipes that people start from do.

    python -m benchmarks.harness.padded_train data.max_length=256 [OVERRIDE ...]

Padding to the longest row of a batch is not an option of `lab` that could be switched off; here it is undone, so that
what it saves can be measured. Frozen layers compute their states at that width, too.
"""

import runpy
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lab.data.dataloader import Width
from lab.data.text import datamodule
from lab.models.text import frozen_prefix

TRAIN = Path(__file__).resolve().parents[2] / "train.py"


class FixedWidth(Width):
    """The width `longest` for every batch, whatever its rows."""

    def of(self, lengths: npt.NDArray[np.int64]) -> int:  # noqa: ARG002
        return self.longest


if __name__ == "__main__":
    (max_length,) = [int(word.split("=")[1]) for word in sys.argv[1:] if word.startswith("data.max_length=")]
    datamodule.Width = lambda *_: FixedWidth(longest=max_length)
    frozen_prefix._widths = lambda lengths, _: np.full(len(lengths), max_length)
    sys.argv[0] = str(TRAIN)
    runpy.run_path(sys.argv[0], run_name="__main__")
