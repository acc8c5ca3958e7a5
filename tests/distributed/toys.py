"""Small data in memory and small models: texts with two heads, windows of series, and questions.

Each split has an odd number of rows: its last batch has one row, so that a second process has none.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from lab.config import schema
from lab.core.batches import MISSING, HeadSpec, QuestionSpec, References, SeriesSpec, TextSpec
from lab.data.dataloader import TokenRows, Width
from lab.data.datamodule import DataModule
from lab.data.qa.datamodule import WindowRows
from lab.data.series.datamodule import SeriesRows
from lab.data.series.panel import Cut
from lab.models.text.interfaces import BagEncoder, TokenEncoder

CONF = Path(__file__).resolve().parents[2] / "conf" / "model"
GLOBAL_BATCH = 8
HEADS = (HeadSpec("modo", ("a", "b", "c"), (20, 10, 5)), HeadSpec("causa", ("x", "y"), (10, 5)))
ROWS = {"train": 41, "val": 17, "test": 9}


class Loading:
    """The settings of `data` that a data module reads."""

    def __init__(self, number: int) -> None:
        self.batch_size = self.eval_batch_size = GLOBAL_BATCH // number
        self.num_workers, self.persistent_workers = 0, False


class InMemory(DataModule[Any]):
    """number: processes that share a global batch; at: epoch -> micro-batches per step."""

    def __init__(self, number: int, at: Callable[[int], int] = lambda _: 1) -> None:
        super().__init__("toy", "abc", Loading(number), at, seed=7, pin_memory=False)  # type: ignore[arg-type]
        self.num_ranks = number

    @property
    def facts(self) -> dict[str, object]:
        return {}

    def summary(self) -> str:
        return "toy"


class MeanEmbedding(BagEncoder):
    """The mean of the word vectors, then one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.dimension = 8
        self.words = nn.Embedding(20, 8)
        self.lower, self.upper = (nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(2))

    @property
    def embeddings(self) -> list[nn.Module]:
        return [self.words]

    @property
    def layers(self) -> list[nn.Module]:
        return [self.lower, self.upper]

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        share = mask.float() / mask.sum(1, keepdim=True)
        pooled: Tensor = self.upper(self.lower((self.words(ids) * share[..., None]).sum(1)))
        return pooled

    def save_architecture(self, folder: Path) -> None:
        raise AssertionError("never saved in these tests")


class TokensInMemory:
    """Token ids of random texts."""

    def __init__(self, num_rows: int) -> None:
        random = np.random.default_rng(num_rows)
        self.rows = [random.integers(1, 20, random.integers(2, 9)).astype(np.int32) for _ in range(num_rows)]
        self.lengths = np.array([len(row) for row in self.rows], dtype=np.int32)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> Any:
        return self.rows[row]


def texts_of(num: int) -> TokenRows:
    """Random texts with labels of both heads."""
    random = np.random.default_rng(num)
    labels = {"modo": random.integers(0, 3, num), "causa": random.integers(0, 2, num)}
    labels["causa"][random.random(num) < 0.7] = MISSING
    return TokenRows(TokensInMemory(num), labels, HEADS, pad_id=0)  # type: ignore[arg-type]


class Texts(InMemory):
    """Random texts with two label columns; most labels of the second are missing."""

    spec = TextSpec(HEADS, 20, 0, 9)

    def make_rows(self, split: str) -> TokenRows:
        return texts_of(ROWS[split])

    def lengths(self, split: str) -> npt.NDArray[np.int32]:
        return self.rows[split].tokens.lengths


class Windows(InMemory):
    """Windows of 40 steps of two channels with gaps, and two classes."""

    spec = SeriesSpec((HeadSpec("class", ("up", "down"), (20, 21)),), ("x", "y"), 40)

    def make_rows(self, split: str) -> SeriesRows:
        random = np.random.default_rng(ROWS[split])
        values = random.normal(size=(200, 2)).astype(np.float32)
        values[random.random(values.shape) < 0.1] = np.nan
        ends = random.integers(39, 200, ROWS[split]).astype(np.int32)
        labels = (np.nan_to_num(values[ends, 0]) > 0).astype(np.int16)
        cut = Cut(ends, np.full(len(ends), 40, np.int32), labels)
        return SeriesRows(values, cut, self.spec.heads[0])

    def lengths(self, split: str) -> npt.NDArray[np.int32]:
        return self.rows[split].cut.lengths


class MeanVector(TokenEncoder):
    """Each token's vector beside the mean of all, through one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.dimension = 8
        self.words = nn.Embedding(20, 8)
        self.layer = nn.Sequential(nn.Linear(16, 8), nn.Tanh())

    def forward(self, ids: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        vectors = self.words(ids) * mask[..., None]
        mean = vectors.sum(1, keepdim=True) / mask.sum(1)[:, None, None]
        result: Tensor = self.layer(torch.cat([vectors, mean.expand_as(vectors)], -1))
        return result


class Questions(InMemory):
    """Questions of one to three windows of 6 to 12 tokens, the first three of them no context; some have no answer."""

    spec = QuestionSpec(20, 0, 12, "es", 4, 3, no_answer=True)

    def make_rows(self, split: str) -> WindowRows:
        return WindowRows(WindowsInMemory(ROWS[split]), 0, Width())  # type: ignore[arg-type]

    def lengths(self, split: str) -> npt.NDArray[np.int32]:
        return self.rows[split].windows.lengths

    def references(self, split: str) -> References:
        """Every question reads one context of letters; accepted is what its last window with an answer has."""
        windows, num = self.rows[split].windows, ROWS[split] // 2
        context = " ".join("abcdefghijkl")
        answers: list[tuple[str, ...]] = [()] * num
        for question, (first, last) in zip(windows.question_of, windows.spans, strict=True):
            if last:
                answers[question] = (context[2 * (first - 3) : 2 * (last - 3) + 1],)
        return References((context,), (0,) * num, tuple(answers))


class WindowsInMemory:
    """The windows of about half as many questions."""

    def __init__(self, num: int) -> None:
        random = np.random.default_rng(num)
        self.question_of = np.sort(np.concatenate([np.arange(num // 2), random.integers(0, num // 2, num - num // 2)]))
        self.lengths = random.integers(6, 13, num).astype(np.int32)
        self.spans = np.zeros((num, 2), np.int64)
        answered = random.random(num) < 0.7
        self.spans[answered] = np.sort(random.integers(3, self.lengths[answered][:, None], (answered.sum(), 2)))
        self.rows = []
        for length in self.lengths:
            row = np.full((length, 4), -1, np.int32)
            row[:, 0], row[:, 1] = random.integers(1, 20, length), np.arange(length) >= 3
            row[3:, 2] = 2 * np.arange(length - 3)
            row[3:, 3] = row[3:, 2] + 1
            self.rows.append(row)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, window: int) -> npt.NDArray[np.int32]:
        return self.rows[window]


def net_config(name: str, **changes: Any) -> Any:
    """The settings of conf/model/NAME.yaml with changes."""
    kinds = {"timer_xl": schema.TimerXL, "patchtst": schema.PatchTst, "inception_time": schema.InceptionTime}
    values = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    assert isinstance(values, dict)
    return kinds[name].model_validate(values | SMALL[name] | {"dropout": 0.0} | changes)


SMALL: dict[str, dict[str, Any]] = {
    "inception_time": {"depth": 4, "filters": 4, "bottleneck": 4, "kernels": (9, 5, 3)},
    "patchtst": {"patch": 8, "stride": 4, "width": 16, "num_heads": 2, "num_layers": 2, "ffn_width": 32},
    "timer_xl": {"patch": 8, "width": 32, "num_heads": 4, "num_layers": 2, "ffn_width": 64},
}
