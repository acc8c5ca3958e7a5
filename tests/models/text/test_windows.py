"""Windows of long texts: which tokens they have, and the mean of their logits."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from lab.core.batches import HeadSpec, TextBatch, TextSpec, TextWindows
from lab.models.task_module import Training
from lab.models.text.multitask_classifier import MultitaskTextClassifier
from lab.models.text.windows import mean_over_windows, window
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer

from ..conftest import LOSS

FIRST, LAST, PAD = 101, 102, 0
WINDOWS = TextWindows(size=6, most=4)
"""Four tokens of content, the next window three later."""


def batch_of(*contents: range) -> TextBatch:
    rows = [[FIRST, *content, LAST] for content in contents]
    width = max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (width - len(row)) for row in rows])
    return TextBatch(
        ids, torch.arange(width) < torch.tensor([[len(row)] for row in rows]), {}, torch.arange(len(rows)), {}
    )


def content_of(batch: TextBatch, number: int) -> list[list[int]]:
    part = window(batch, WINDOWS, PAD, number)
    rows = [ids[mask].tolist() for ids, mask in zip(part.ids, part.mask, strict=True)]
    assert all((row[0], row[-1]) == (FIRST, LAST) for row in rows)
    assert bool((part.ids[~part.mask] == PAD).all())
    return [row[1:-1] for row in rows]


def test_windows_overlap_and_the_last_ends_where_the_text_ends() -> None:
    batch = batch_of(range(1, 9), range(11, 13), range(21, 25))
    assert content_of(batch, 0) == [[1, 2, 3, 4], [11, 12], [21, 22, 23, 24]]
    assert content_of(batch, 1) == [[4, 5, 6, 7], [11, 12], [21, 22, 23, 24]]
    assert content_of(batch, 2) == [[5, 6, 7, 8], [11, 12], [21, 22, 23, 24]]
    assert WINDOWS.number(batch.ids.shape[1]) == 3


def test_every_token_is_in_a_window_whatever_the_length() -> None:
    for num in range(1, 14):
        batch = batch_of(range(1, num + 1))
        seen = {token for number in range(WINDOWS.number(num + 2)) for token in content_of(batch, number)[0]}
        assert seen == set(range(1, num + 1))


def test_a_text_counts_its_own_windows_only() -> None:
    batch = batch_of(range(1, 9), range(11, 13), range(21, 26))

    def sums(part: TextBatch) -> list[torch.Tensor]:
        total = torch.where(part.mask & (part.ids < FIRST), part.ids, 0).sum(1)
        return [torch.stack([total, -total], 1).float()]

    (mean,) = mean_over_windows(batch, WINDOWS, PAD, sums)
    expected = [(1 + 2 + 3 + 4 + 4 + 5 + 6 + 7 + 5 + 6 + 7 + 8) / 3, 23, (21 + 22 + 23 + 24 + 22 + 23 + 24 + 25) / 2]
    assert mean[:, 0].tolist() == pytest.approx(expected)
    assert mean[:, 1].tolist() == pytest.approx([-each for each in expected])


@pytest.fixture
def model(small: Callable[..., Any], texts: Any, tmp_path: Any, training: Callable[..., Training]) -> Any:
    settings = small("bert")
    encoder = build_encoder(settings, build_tokenizer(settings, texts), tmp_path)
    spec = TextSpec((HeadSpec("modo", ("a", "b", "c"), (5, 5, 5)),), 300, PAD, WINDOWS.size)
    return MultitaskTextClassifier(spec, encoder, "mean", LOSS, 0.1, training(), windows=WINDOWS)


def test_a_long_text_has_the_mean_logits_of_its_windows_after_training_only(model: Any) -> None:
    batch = batch_of(range(1, 9), range(11, 13))
    model.eval()
    (whole,) = model(batch)
    parts = [model(window(batch, WINDOWS, PAD, number))[0] for number in range(3)]
    assert torch.allclose(whole[0], torch.stack(parts)[:, 0].mean(0), atol=1e-6)
    assert torch.allclose(whole[1], parts[0][1], atol=1e-6)
    model.windows = None
    (cut,) = model(window(batch, WINDOWS, PAD, 0))
    assert not torch.allclose(whole[0], cut[0], atol=1e-4)


def test_the_loss_of_windows_reaches_nothing_that_a_gpu_must_be_waited_for(model: Any) -> None:
    batch = batch_of(range(1, 9), range(11, 13)).to(torch.device("meta"))
    assert model.eval().to("meta")(batch)[0].shape == (2, 3)
