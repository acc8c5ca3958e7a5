"""Next-patch prediction on series without labels, the pretraining task of Timer-XL (arXiv 2410.04803).

For every token, the net with causal attention predicts the next patch of its channel. The loss is the mean squared
error over observed values, on the scale of the data, with equal weight for each window. With `model.normalise` the net
knows the mean and deviation of the whole window, also of future patches, so the error is not that of a real forecast.
`model.checkpoint=` accepts the folder of such a run. Shapes: B rows, C channels, N patches of P steps.
"""

import torch
from torch import Tensor, nn

from lab.config.schema import TimerXL
from lab.core.batches import SeriesBatch, SeriesSpec
from lab.core.errors import Mistake, RequestError
from lab.models.gathering import num_counted
from lab.models.metrics import EpochMetric
from lab.models.series.interfaces import mask_of, normalised, padded_left
from lab.models.series.timer_xl.encoder import TimerEncoder, patched, positions_span_channels, whole_patches
from lab.models.task_module import TaskModule, Training


class ErrorMetric(EpochMetric):
    """The mean over windows of each window's mean squared error."""

    sums: Tensor
    """(2,) summed errors and windows."""

    def __init__(self) -> None:
        super().__init__()
        self.add_state("sums", torch.zeros(2, dtype=torch.double), "sum")

    def update(self, errors: Tensor) -> None:
        """Add the errors (B,) of a batch's windows."""
        if self.sums.device != errors.device:
            self.to(errors.device)
        self.sums += torch.stack([errors.double().sum(), torch.ones_like(errors, dtype=torch.double).sum()])

    def compute(self) -> dict[str, float]:
        total, count = self.sums.tolist()
        return {"loss": total / count if count else float("nan")}


class NextPatch(TaskModule):
    """Trains a `TimerEncoder` with its forecasting head."""

    def __init__(self, spec: SeriesSpec, encoder: TimerEncoder, training: Training) -> None:
        super().__init__(training)
        self.spec = spec
        self.encoder = encoder
        model = encoder.config
        self.whole_length = whole_patches(spec.length, model.patch)
        self.fixed = positions_span_channels(model, len(spec.channels))
        self.metrics = {split: ErrorMetric() for split in ("train", "val", "test")}

    def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
        return [self.encoder.embedding], list(self.encoder.blocks)

    def forward(self, batch: SeriesBatch) -> Tensor:
        """Mean squared error of each window (B,); 0 for a window without two successive patches with values."""
        patch, config = self.encoder.config.patch, self.encoder.config
        length = self.whole_length if self.fixed else whole_patches(batch.values.shape[1], patch)
        values, observed = padded_left(batch.values, batch.observed, length)
        scaled, mean, spread = normalised(values, observed) if config.normalise else (values, None, None)
        kept = patched(observed, patch).any(-1)
        whole = batch.whole and length - batch.values.shape[1] < patch
        states = self.encoder(patched(scaled, patch), mask_of(kept, whole))
        predicted = self.encoder.forecast(states).float()
        if mean is not None and spread is not None:
            predicted = predicted * spread.transpose(1, 2)[..., None] + mean.transpose(1, 2)[..., None]
        counted = (patched(observed, patch)[:, :, 1:] & kept[:, :, :-1, None]).float()
        errors = (predicted[:, :, :-1] - patched(values, patch)[:, :, 1:]).square() * counted
        return errors.sum((1, 2, 3)) / counted.sum((1, 2, 3)).clamp(min=1)

    def loss(self, batch: SeriesBatch) -> Tensor:
        return self._share(batch, self(batch))

    def training_step(self, batch: SeriesBatch, batch_idx: int) -> Tensor:
        return self._stepped(batch, "train") * self.num_parts

    def validation_step(self, batch: SeriesBatch, batch_idx: int) -> None:
        self._stepped(batch, "val")

    def test_step(self, batch: SeriesBatch, batch_idx: int) -> None:
        self._stepped(batch, "test")

    def _stepped(self, batch: SeriesBatch, split: str) -> Tensor:
        errors = self(batch)
        self.metrics[split].update(errors.detach()[: num_counted(batch)])
        return self._share(batch, errors)

    def _share(self, batch: SeriesBatch, errors: Tensor) -> Tensor:
        """The batch's part of the mean over its accumulation window."""
        counts = next(iter(batch.window_counts.values()), None)  # any label will do: each row has one label
        share: Tensor = errors.sum() / (len(batch) if counts is None else counts.sum().clamp(min=1))
        return share * 0.0 if batch.is_filler else share


def build_pretraining(model: TimerXL, spec: SeriesSpec, training: Training, fresh: bool) -> NextPatch:
    """The task, with the weights of `model.checkpoint` if it is `fresh`; otherwise a checkpoint of the run fills it.

    Raises RequestError for settings with which nothing can be learned, and for a checkpoint that does not fit.
    """
    mistakes = []
    if spec.length < 2 * model.patch:
        problem = f"a window of {spec.length} time steps has no two patches of {model.patch} time steps"
        mistakes.append(Mistake("model.patch", problem, f"model.patch={max(1, spec.length // 4)}", model.patch))
    if not model.causal:
        problem = "a net that attends to the whole window would copy the patch that it has to predict"
        mistakes.append(Mistake("model.causal", problem, "model.causal=true", False))
    if mistakes:
        raise RequestError(mistakes)
    encoder = TimerEncoder(model, forecasts=True)
    if fresh and model.checkpoint is not None:
        from lab.models.series.timer_xl.checkpoint import load_checkpoint

        load_checkpoint(encoder, model.checkpoint, model.partial)
    return NextPatch(spec, encoder, training)
