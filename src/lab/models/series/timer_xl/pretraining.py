"""Next-patch prediction on series without labels: what Timer-XL was pretrained by, for a transfer without a hub.

Of every token the net predicts the patch that follows it in its channel (causal attention, arXiv 2410.04803); the loss
is the mean squared error over the samples that were observed, on the data's scale, each window weighing the same. With
`model.normalise` the net is told the level and spread of the whole window, patches to come included: its error is that
of the shape, not of a forecast made from the past alone. The checkpoint of such a run is what `model.checkpoint=`
takes. Shapes: B rows, C channels, N patches of P steps.
"""

import torch
from torch import Tensor, nn

from lab.config.schema import TimerXL
from lab.core.batches import SeriesBatch, SeriesSpec
from lab.core.errors import Mistake, RequestError
from lab.models.metrics import EpochMetric
from lab.models.series.interfaces import normalised, padded_left
from lab.models.series.timer_xl.encoder import TimerEncoder, patched, places_run_on, whole_patches
from lab.models.task_module import TaskModule, Training


class ErrorMetric(EpochMetric):
    """Mean over windows of their mean squared error."""

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
        self.fixed = places_run_on(model, len(spec.channels))
        self.metrics = {split: ErrorMetric() for split in ("train", "val", "test")}

    def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
        return [self.encoder.embedding], list(self.encoder.blocks)

    def forward(self, batch: SeriesBatch) -> Tensor:
        """Squared error of each window (B,); 0 for one in which no patch follows an observed one."""
        patch, config = self.encoder.config.patch, self.encoder.config
        length = self.whole_length if self.fixed else whole_patches(batch.values.shape[1], patch)
        values, observed = padded_left(batch.values, batch.observed, length)
        scaled, mean, spread = normalised(values, observed) if config.normalise else (values, None, None)
        kept = patched(observed, patch).any(-1)
        states = self.encoder(patched(scaled, patch), None if bool(kept.all()) else kept)
        predicted = self.encoder.forecast(states).float()
        if mean is not None and spread is not None:
            predicted = predicted * spread.transpose(1, 2)[..., None] + mean.transpose(1, 2)[..., None]
        counted = (patched(observed, patch)[:, :, 1:] & kept[:, :, :-1, None]).float()
        errors = (predicted[:, :, :-1] - patched(values, patch)[:, :, 1:]).square() * counted
        return errors.sum((1, 2, 3)) / counted.sum((1, 2, 3)).clamp(min=1)

    def loss(self, batch: SeriesBatch) -> Tensor:
        return self._share(batch, self(batch))

    def training_step(self, batch: SeriesBatch, batch_idx: int) -> Tensor:
        return self._stepped(batch, "train") * self.trainer.accumulate_grad_batches

    def validation_step(self, batch: SeriesBatch, batch_idx: int) -> None:
        self._stepped(batch, "val")

    def test_step(self, batch: SeriesBatch, batch_idx: int) -> None:
        self._stepped(batch, "test")

    def _stepped(self, batch: SeriesBatch, split: str) -> Tensor:
        errors = self(batch)
        self.metrics[split].update(errors.detach())
        return self._share(batch, errors)

    def _share(self, batch: SeriesBatch, errors: Tensor) -> Tensor:
        """The batch's part of its accumulation window's mean."""
        counts = next(iter(batch.window_counts.values()), None)  # of the labels, one a row, whatever they are
        return errors.sum() / (len(batch) if counts is None else counts.sum().clamp(min=1))


def build_pretraining(model: TimerXL, spec: SeriesSpec, training: Training, fresh: bool) -> NextPatch:
    """fresh=False: a checkpoint will fill it. Raises RequestError where nothing could be learned, and for a checkpoint
    that does not fit."""
    found = []
    if spec.length < 2 * model.patch:
        problem = f"a window of {spec.length} time steps has no patch that follows a whole one of {model.patch}"
        found.append(Mistake("model.patch", problem, f"model.patch={max(1, spec.length // 4)}", model.patch))
    if not model.causal:
        problem = "a net that sees the whole window would copy the patch it is to predict"
        found.append(Mistake("model.causal", problem, "model.causal=true", False))
    if found:
        raise RequestError(found)
    encoder = TimerEncoder(model, forecasts=True)
    if fresh and model.checkpoint is not None:
        from lab.models.series.timer_xl.checkpoint import load_checkpoint

        load_checkpoint(encoder, model.checkpoint, model.partial)
    return NextPatch(spec, encoder, training)
