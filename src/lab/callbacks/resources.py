"""The cost of a run: samples and real tokens per second, the share of padding, seconds per epoch, peak memory.

Throughput is over training time alone, with the time spent waiting for data and for checkpoints inside an epoch, and
without validation, figures and the checkpoints after it. The seconds of an epoch are its wall-clock time. Token counts
are summed on the device and read once per epoch. Peak RSS is the largest value seen at each batch's end and before its
backward pass, when all activations are in memory (20 µs each): the system's own peak never falls, so a later job of the
same process would report that of an earlier job. It is of this process, of several ranks of rank 0, without data loader
workers; the rates are of all ranks. Values from before an interruption are kept in the state.
"""

import time
from collections.abc import Callable
from typing import Any

import psutil
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from lab.callbacks.loop.agreement import is_first, summed
from lab.models.gathering import is_shared

GIB = 2**30
RATES = ("samples_per_s", "tokens_per_s", "padding_share")
"""Logged under `train/` beside the scores."""


def _of_all_ranks(counts: dict[str, float]) -> dict[str, float]:
    """The counts of rows and tokens over all ranks, which train at the same time."""
    names = [name for name in counts if name != "train_s"]
    return dict(zip(names, summed([counts[name] for name in names]), strict=True)) | {"train_s": counts["train_s"]}


class Resources(Callback):
    """Logs `train/samples_per_s`, `train/tokens_per_s`, `train/padding_share`, `peak_rss_gib` (and `peak_gpu_gib`).

    Tokens are those of `batch.mask` (B, L); a batch without a mask counts rows only. clock: seconds, rising.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.per_epoch_s: list[float] = []
        self._totals = {"samples": 0.0, "tokens": 0.0, "places": 0.0, "train_s": 0.0}
        self._epoch = dict(self._totals)
        self._epoch_s = 0.0  # of the present epoch, before `_since`
        self._since: float | None = None
        self._training_since: float | None = None
        self._tokens: Tensor | None = None
        self._process = psutil.Process()
        self._peak_rss_gib = 0.0
        self._peak_gpu_gib = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._since = self._clock()
        self._start_training()  # an epoch that is resumed in its middle has no on_train_epoch_start
        if pl_module.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(pl_module.device)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start_training()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._start_training()  # again, after a validation inside the epoch

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        self._read_rss()

    def on_validation_batch_end(self, *_: Any) -> None:
        self._read_rss()

    def on_test_batch_end(self, *_: Any) -> None:
        self._read_rss()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._read_rss()
        if getattr(batch, "is_filler", False):  # its row is another rank's
            return
        mask = getattr(batch, "mask", None)
        if isinstance(mask, Tensor):
            self._epoch["samples"] += mask.shape[0]
            self._epoch["places"] += mask.numel()
            tokens = mask.sum()
            self._tokens = tokens if self._tokens is None else self._tokens + tokens
        elif hasattr(batch, "__len__"):
            first = batch[0] if isinstance(batch, list | tuple) else batch
            self._epoch["samples"] += len(first)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop_training()

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._since is None or trainer.sanity_checking or trainer.state.fn != "fit":
            return
        self._read_tokens()
        for name, value in self._rates(_of_all_ranks(self._epoch)).items():
            pl_module.log(f"train/{name}", value)
        self._read_memory(pl_module)
        pl_module.log("peak_rss_gib", self._peak_rss_gib)
        if self._peak_gpu_gib:
            pl_module.log("peak_gpu_gib", self._peak_gpu_gib)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._read_tokens()
        self._stop_training()
        self.per_epoch_s.append(self._wall_s())
        self._totals = {name: self._totals[name] + value for name, value in _of_all_ranks(self._epoch).items()}
        self._epoch = dict.fromkeys(self._epoch, 0.0)
        self._since, self._epoch_s = self._clock(), 0.0

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._read_memory(pl_module)
        self._since = self._training_since = None

    def summary(self) -> dict[str, Any]:
        """Return {"throughput": rates over whole epochs, "memory": peaks, "per_epoch": seconds}."""
        memory = {"peak_rss_gib": self._peak_rss_gib, "peak_gpu_gib": self._peak_gpu_gib or None}
        return {"throughput": self._rates(self._totals), "memory": memory, "per_epoch": list(self.per_epoch_s)}

    def state_dict(self) -> dict[str, Any]:
        self._read_tokens()
        return {
            "per_epoch_s": list(self.per_epoch_s),
            "totals": dict(self._totals),
            "epoch": _of_all_ranks(self._epoch) | {"train_s": self._train_s()},
            "epoch_s": self._wall_s(),
            "peak_rss_gib": self._peak_rss_gib,
            "peak_gpu_gib": self._peak_gpu_gib,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.per_epoch_s = list(state_dict["per_epoch_s"])
        self._totals, self._epoch = dict(state_dict["totals"]), dict(state_dict["epoch"])
        if is_shared() and not is_first():  # the counts of the epoch are those of all ranks, and are added up again
            self._epoch = dict.fromkeys(self._epoch, 0.0) | {"train_s": self._epoch["train_s"]}
        self._epoch_s = state_dict["epoch_s"]
        self._peak_rss_gib, self._peak_gpu_gib = state_dict["peak_rss_gib"], state_dict["peak_gpu_gib"]

    def _wall_s(self) -> float:
        """Return the seconds of the present epoch, with those before an interruption."""
        return self._epoch_s + (0.0 if self._since is None else self._clock() - self._since)

    def _train_s(self) -> float:
        """Return the seconds of training in the present epoch, with those before an interruption."""
        running = 0.0 if self._training_since is None else self._clock() - self._training_since
        return self._epoch["train_s"] + running

    def _start_training(self) -> None:
        if self._training_since is None:
            self._training_since = self._clock()

    def _stop_training(self) -> None:
        self._epoch["train_s"], self._training_since = self._train_s(), None

    def _read_tokens(self) -> None:
        if self._tokens is not None:
            self._epoch["tokens"] += float(self._tokens)
            self._tokens = None

    def _read_memory(self, pl_module: LightningModule) -> None:
        self._read_rss()
        if pl_module.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(pl_module.device) / GIB
            self._peak_gpu_gib = max(self._peak_gpu_gib, peak)

    def _read_rss(self) -> None:
        self._peak_rss_gib = max(self._peak_rss_gib, self._process.memory_info().rss / GIB)

    @staticmethod
    def _rates(counts: dict[str, float]) -> dict[str, float]:
        seconds = max(counts["train_s"], 1e-9)
        rates = {"samples_per_s": counts["samples"] / seconds}
        if counts["places"]:
            rates["tokens_per_s"] = counts["tokens"] / seconds
            rates["padding_share"] = 1.0 - counts["tokens"] / counts["places"]
        return rates
