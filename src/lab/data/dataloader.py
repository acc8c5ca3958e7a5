"""Batches of texts: a data set that is indexed by draws, and a loader that can resume in the middle of an epoch.

The loader counts its batches, and Lightning stores the count in every checkpoint (`state_dict`). Because the order of
rows is a pure function of (seed, epoch), skipping batches needs no data work. Shapes: B rows, L tokens, K classes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset

from lab.core.batches import MISSING, HeadSpec, TextBatch
from lab.data.batch_sampler import Draw, EvalDraws, TrainDraws
from lab.data.cache.hidden_states import States
from lab.data.text.token_cache import Tokens

BaseLogits = Mapping[str, npt.NDArray[np.float32]]
"""Per head, the logits (N, K) of the simple model for the rows of a split."""


def rows_of(base: BaseLogits | None, rows: npt.NDArray[np.int64]) -> dict[str, torch.Tensor] | None:
    """Per head, the logits (B, K) of some rows; None without a simple model."""
    return None if base is None else {name: torch.from_numpy(logits[rows]) for name, logits in base.items()}


def known_labels(labels: npt.NDArray[np.integer[Any]], draw: Draw) -> torch.Tensor:
    """The labels (B,) int64 of a draw's rows; a row that counts for nothing has none."""
    known = torch.from_numpy(labels[draw.rows].astype(np.int64))
    return torch.full_like(known, MISSING) if draw.is_filler else known


@dataclass(frozen=True)
class Width:
    """The width of a batch of rows: that of its longest row, or a multiple of `multiple`, at most `longest`.

    Rows of equal length stay as they are: without padding, attention needs no mask.
    """

    multiple: int = 1
    longest: int = 0

    def of(self, lengths: npt.NDArray[np.int64]) -> int:
        """The width of a batch of rows of these lengths (B,)."""
        width = int(lengths.max())
        if width == int(lengths.min()):
            return width
        return max(width, min(-(-width // self.multiple) * self.multiple, self.longest))


class TokenRows(Dataset[TextBatch]):
    """Tokens and labels of one split. Indexed by a draw, it returns its batch, padded to the longest row.

    width: how wide a batch is, if it is not as wide as its longest row.
    """

    def __init__(
        self,
        tokens: Tokens,
        labels: dict[str, npt.NDArray[np.int64]],
        heads: tuple[HeadSpec, ...],
        pad_id: int,
        width: Width = Width(),
    ) -> None:
        self.tokens, self.labels, self.heads, self.pad_id, self.width = tokens, labels, heads, pad_id, width
        self.states: States | None = None
        """Outputs of the frozen layers for each row, if batches contain them."""
        self.depth = 0
        self.is_pooled = False
        """Whether these outputs are one vector per text."""
        self.base: BaseLogits | None = None
        """Logits of the simple model for each row, if the model starts from one."""

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, draw: Draw) -> TextBatch:
        rows = [self.tokens[row] for row in draw.rows]
        lengths = np.array([len(row) for row in rows])
        width = max(1, self.width.of(lengths))
        mask = np.arange(width) < lengths[:, None]
        ids = np.full((len(rows), width), self.pad_id, dtype=np.int64)
        ids[mask] = np.concatenate(rows)
        return TextBatch(
            ids=torch.from_numpy(ids),
            mask=torch.from_numpy(mask),
            labels={head.name: known_labels(self.labels[head.name], draw) for head in self.heads},
            rows=torch.from_numpy(draw.rows.astype(np.int64)),
            window_counts={head.name: self._counts(head, draw.window) for head in self.heads},
            states=self._states(draw.rows, width),
            depth=self.depth,
            whole=bool(mask.all()),
            base=rows_of(self.base, draw.rows),
            is_filler=draw.is_filler,
        )

    def _states(self, rows: npt.NDArray[np.int64], width: int) -> torch.Tensor | None:
        if self.states is None:
            return None
        return self.states.padded(rows, 1)[:, 0] if self.is_pooled else self.states.padded(rows, width)

    def _counts(self, head: HeadSpec, window: npt.NDArray[np.int64]) -> torch.Tensor:
        labels = self.labels[head.name][window]
        return torch.from_numpy(np.bincount(labels[labels != MISSING], minlength=head.num_classes))


class Place:
    """The place of a loader in its epoch, which Lightning saves with a checkpoint: `state_dict` has the epoch and the
    number of batches yielded in it."""

    def __init__(self) -> None:
        self._handed_out = {"epoch": 0, "batches": 0}
        self._skip: dict[str, int] | None = None

    def begin(self, epoch: int) -> int:
        """Begin a pass over an epoch; return the number of batches that a resumed one leaves out."""
        skip, self._skip = self._skip, None
        start = skip["batches"] if skip and skip["epoch"] == epoch else 0
        self._handed_out = {"epoch": epoch, "batches": start}
        return start

    def counted(self, batches: Iterable[Any]) -> Iterator[Any]:
        """The batches of the pass, counted as they are yielded."""
        for batch in batches:
            self._handed_out["batches"] += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return the position for a checkpoint."""
        return dict(self._handed_out)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from a position at the next pass."""
        self._skip = dict(state)


class Loader(Place, DataLoader[Any]):
    """A DataLoader of draws that can resume."""

    def __init__(
        self, rows: Dataset[Any], draws: TrainDraws | EvalDraws, num_workers: int, pin_memory: bool, persistent: bool
    ) -> None:
        Place.__init__(self)
        DataLoader.__init__(
            self,
            rows,
            sampler=draws,
            batch_size=None,
            num_workers=num_workers,
            pin_memory=pin_memory,
            persistent_workers=persistent and num_workers > 0,
            collate_fn=_same,
        )
        self.draws = draws

    @property
    def epoch(self) -> int:
        """The epoch of the draws."""
        return getattr(self.draws, "epoch", 0)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        # A generator: nothing runs before the first `next`, when Lightning has already set the sampler's epoch.
        start = self.begin(self.epoch)
        if isinstance(self.draws, TrainDraws):
            self.draws.start = start
        yield from self.counted(super().__iter__())


def _same(batch: Any) -> Any:
    return batch
