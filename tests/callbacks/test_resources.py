"""Throughput and memory with a clock of our own: validation left out, padding counted, a cut epoch continued."""

import ctypes
import platform
from dataclasses import dataclass
from typing import Any

import psutil
import pytest
import torch
from lightning.pytorch import Callback
from torch import Tensor
from torch.utils.data import DataLoader

from lab.callbacks.resources import GIB, Resources
from lab.training.session import M_MMAP_MAX, M_TRIM_THRESHOLD


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Takes(Callback):
    """A training batch takes 2 s, a validation batch 100 s."""

    def __init__(self, clock: Clock, cut: tuple[int, int] | None = None, path: Any = None) -> None:
        self.clock, self.cut, self.path = clock, cut, path

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.clock.now += 2.0

    def on_validation_batch_start(self, *_: Any) -> None:
        self.clock.now += 100.0

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if (trainer.current_epoch, batch_idx) == self.cut:
            trainer.save_checkpoint(self.path)
            raise InterruptedError


@dataclass
class Masked:
    tensors: tuple[Tensor, Tensor]
    mask: Tensor

    def __getitem__(self, place: int) -> Tensor:
        return self.tensors[place]


def masked(rows: list[Any]) -> Masked:
    """Rows of five tokens, three of them real."""
    ids, target = torch.stack([row[0] for row in rows]), torch.stack([row[1] for row in rows])
    return Masked((ids, target), torch.tensor([True, True, True, False, False]).expand(len(rows), 5))


@pytest.fixture
def texts(loader: Any) -> DataLoader[Any]:
    return DataLoader(loader.dataset, batch_size=8, collate_fn=masked)


def test_rates_leave_validation_out_and_count_real_tokens(tiny: Any, fit: Any, texts: Any) -> None:
    clock = Clock()
    resources = Resources(clock)
    trainer = fit(tiny(), Takes(clock), resources, batches=texts, val_batches=texts)
    # 4 batches of 8 rows in 8 s; 3 of 5 tokens are real
    expected = {"samples_per_s": 4.0, "tokens_per_s": 12.0, "padding_share": pytest.approx(0.4)}
    assert resources.summary()["throughput"] == expected
    assert resources.summary()["per_epoch"] == [408.0] * 3
    logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
    assert {name: logged[f"train/{name}"] for name in expected} == pytest.approx(
        {"samples_per_s": 4.0, "tokens_per_s": 12.0, "padding_share": 0.4}
    )
    assert 0.05 < logged["peak_rss_gib"] <= resources.summary()["memory"]["peak_rss_gib"]
    assert resources.summary()["memory"]["peak_gpu_gib"] is None or torch.cuda.is_available()


class Writes(Callback):
    """What stands after Resources and takes long: best.ckpt after a validation, figures after an epoch."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_validation_end(self, *_: Any) -> None:
        self.clock.now += 1000.0

    def on_train_epoch_end(self, *_: Any) -> None:
        self.clock.now += 10000.0


def test_rates_leave_figures_and_checkpoints_out(tiny: Any, fit: Any, texts: Any) -> None:
    clock = Clock()
    resources = Resources(clock)
    trainer = fit(tiny(), Takes(clock), resources, Writes(clock), batches=texts, val_batches=texts)
    assert resources.summary()["throughput"]["samples_per_s"] == 4.0
    assert float(trainer.callback_metrics["train/samples_per_s"]) == 4.0
    assert resources.summary()["per_epoch"] == [1408.0, 11408.0, 11408.0]


def test_a_batch_without_a_mask_counts_rows_only(tiny: Any, fit: Any) -> None:
    clock = Clock()
    resources = Resources(clock)
    trainer = fit(tiny(), Takes(clock), resources)
    assert resources.summary()["throughput"] == {"samples_per_s": 4.0}
    assert "train/tokens_per_s" not in trainer.callback_metrics


def test_a_cut_epoch_is_continued(tiny: Any, fit: Any, texts: Any, tmp_path: Any) -> None:
    path, clock = tmp_path / "cut.ckpt", Clock()
    with pytest.raises(InterruptedError):
        fit(tiny(), Resources(clock), Takes(clock, (1, 1), path), batches=texts, val_batches=texts)
    clock = Clock()
    resources = Resources(clock)
    fit(tiny(), Takes(clock), resources, batches=texts, val_batches=texts, ckpt_path=path)
    per_epoch = resources.summary()["per_epoch"]
    # The plain loader of this test runs whole epochs, so the resumed epoch has what it needs of batches 0 to 3 again.
    assert per_epoch[0] == 408.0
    assert per_epoch[1] > 404.0
    assert len(per_epoch) == 3
    assert resources.summary()["throughput"]["samples_per_s"] == pytest.approx(4.0)


def test_the_peak_of_before_the_cut_is_kept() -> None:
    resources = Resources()
    resources.load_state_dict(resources.state_dict() | {"peak_rss_gib": 1e6})
    assert resources.summary()["memory"]["peak_rss_gib"] == 1e6


@pytest.fixture
def freed_memory_is_given_back() -> None:
    """As malloc does by default; a run that another test made in this process keeps freed memory for the next step."""
    if platform.libc_ver()[0] == "glibc":
        for option, value in ((M_MMAP_MAX, 65536), (M_TRIM_THRESHOLD, 128 * 1024)):
            ctypes.CDLL(None).mallopt(option, value)


@pytest.mark.usefixtures("freed_memory_is_given_back")
def test_a_later_run_of_one_process_does_not_report_an_earlier_ones_peak(tiny: Any, fit: Any) -> None:
    class Holds(Callback):
        """Holds half a GiB during the first batch."""

        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            self.held = torch.ones(GIB // 8) if (trainer.current_epoch, batch_idx) == (0, 0) else None

    before_gib, peaks_gib = psutil.Process().memory_info().rss / GIB, []
    for others in ([Holds()], []):
        resources = Resources()
        fit(tiny(), *others, resources)
        peaks_gib.append(resources.summary()["memory"]["peak_rss_gib"])
    assert peaks_gib[0] > before_gib + 0.45
    assert peaks_gib[1] < peaks_gib[0] - 0.25
