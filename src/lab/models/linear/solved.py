"""Classifiers that are solved once, after one pass over the training rows and the first over the validation rows.

Validation rows choose the penalty and calibrate, so the heads are fitted when all of them have been read, and both
splits are scored then. The collected rows are in the checkpoints, so a resumed run is fitted to all of them; they are
sorted by their number, so their order in the pass has no influence. Shapes: B rows of a batch, N rows, K classes.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lab.core.errors import Mistake, RequestError
from lab.models.classifier import Classifier, LabelledBatch
from lab.models.linear.solver import Floats, Rows

MAX_GIB = 2.0
"""Limit for the collected features of a split, which are in memory at once."""
Part = dict[str, Tensor]
"""A batch on the CPU: `rows` (B,), `label HEAD` (B,) of each head, and the tensors of `collect`."""


class FittedHead(NamedTuple):
    """c: the chosen penalty; size: the chosen number of columns or lags; logits: (N, K) from `features`."""

    c: float
    size: int
    logits: Callable[[Any], Floats]


class SolvedClassifier(Classifier):
    """Collects features and labels; `fit_heads` fits all heads at the end of the first validation.

    chooses: whether validation rows choose and calibrate; false where the model is trained on them as well.
    """

    chooses = True
    choices: Tensor
    """Per head `c` and `size` of the fit (H, 2); 0 before it."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._collected: dict[str, list[Part]] = {"train": [], "val": []}
        self._num_bytes = 0
        self.register_buffer("choices", torch.zeros(len(self.head_specs), 2, dtype=torch.double))

    @abstractmethod
    def collect(self, batch: Any) -> Part:
        """What `features` needs of a batch, on the CPU."""

    @abstractmethod
    def features(self, parts: Sequence[Part], order: Tensor) -> Any:
        """Features (N, D) of the rows of all parts in the given order, an array or a SciPy sparse matrix."""

    @abstractmethod
    def fit_heads(self, train: Mapping[str, Rows], val: Mapping[str, Rows] | None) -> list[FittedHead]:
        """Fit the heads to rows by head, fill the weights of this module, and return what was fitted."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        self._keep("train", batch)
        return torch.zeros((), device=batch.rows.device)

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Do nothing: no parameter has a gradient, so the optimizer changes nothing."""

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        if self._is_unfitted():
            self._keep("val", batch)
        else:
            super().validation_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        if self._is_unfitted():
            self._fit()
        super().on_validation_epoch_end()

    def take_choice(self, other: "SolvedClassifier") -> None:
        """Use the choice of another fit in place of that of validation rows."""
        self.choices.copy_(other.choices)

    def fixed_choice(self, index: int) -> tuple[float, int] | None:
        """`c` and `size` of a head that another fit has chosen; None if this fit chooses."""
        c, size = self.choices[index].tolist()
        return (c, int(size)) if c > 0 and not self.chooses else None

    def _is_unfitted(self) -> bool:
        return bool(self._collected["train"]) and not self.trainer.sanity_checking

    def _keep(self, split: str, batch: LabelledBatch) -> None:
        labels = {f"label {name}": labels.cpu() for name, labels in batch.labels.items()}
        part = {"rows": batch.rows.cpu(), **self.collect(batch), **labels}
        self._collected[split].append(part)
        self._num_bytes += sum(tensor.nbytes for tensor in part.values())
        if self._num_bytes > MAX_GIB * 2**30:
            problem = f"needs the features of all rows at once, and these take more than {MAX_GIB:g} GiB"
            raise RequestError(Mistake("model", problem, "another model, or fewer data rows", type(self).__name__))

    @torch.no_grad()
    def _fit(self) -> None:
        rows = {split: self._rows(parts) for split, parts in self._collected.items() if parts}
        self._collected, self._num_bytes = {"train": [], "val": []}, 0
        heads = self.fit_heads(rows["train"], rows.get("val") if self.chooses else None)
        for index, (spec, head) in enumerate(zip(self.head_specs, heads, strict=True)):
            self.choices[index] = torch.tensor([head.c, head.size], dtype=torch.double)
            for split, of_split in rows.items():
                self._score(split, index, of_split[spec.name], head)

    def _rows(self, parts: list[Part]) -> dict[str, Rows]:
        order = torch.cat([part["rows"] for part in parts]).argsort()
        features = self.features(parts, order)
        labels = {spec.name: torch.cat([part[f"label {spec.name}"] for part in parts]) for spec in self.head_specs}
        return {name: Rows(features, column[order].numpy().astype(np.int64)) for name, column in labels.items()}

    def _score(self, split: str, index: int, rows: Rows, head: FittedHead) -> None:
        logits = torch.from_numpy(head.logits(rows.features)).to(self.device)
        labels = torch.from_numpy(rows.labels).to(self.device)
        self.head_metric(split).update(index, logits, labels, *self.losses.of_head(index, logits, labels))

    def class_weights(self, index: int) -> Floats | None:
        """Weights (K,) of a head's classes; None if all are 1."""
        weights = self.losses.of_class(index).cpu()
        return None if bool((weights == 1).all()) else weights.numpy().astype(np.float32)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["collected"] = self._collected["train"]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self._collected = {"train": list(checkpoint["collected"]), "val": []}
        self._num_bytes = sum(tensor.nbytes for part in self._collected["train"] for tensor in part.values())
