"""Linear heads in closed form: ridge regression on -1/+1 targets; the penalty has the least leave-one-out error.

One pass over the training rows collects their features, and the heads are solved before the first validation. Features
are divided by their deviation; rows are weighted by `loss.class_weights`. One eigendecomposition gives all residuals of
leave-one-out, (y - f) / (1 - h) with the diagonal h of the hat matrix. arXiv 2012.08791 uses the same classifier
(scikit-learn's RidgeClassifierCV). Scores pass through a softmax like logits: their order is right, but as
probabilities they are too even. With `data.split.val=leave_one_out` the validation reads the training rows, and each
is scored by the head that was fitted without it. Shapes: N rows, D features, K classes.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lab.config.schema import AnyLoss
from lab.core.batches import MISSING, SeriesBatch, SeriesSpec
from lab.core.errors import Mistake, RequestError
from lab.models.classifier import Logits
from lab.models.series.interfaces import Net
from lab.models.series.series_classifier import TimeSeriesClassifier, joined
from lab.models.task_module import Training

MAX_GIB = 2.0
"""Limit for the features of all training rows, which are in memory at once. Solving briefly needs about five times as
much, because the features are sorted and converted to double precision."""


class Solution(NamedTuple):
    """A solved head. left_out: (N, K) score of each row by the head that all other rows give, with the same features,
    scale and alpha; of rows without a label by the head itself."""

    weights: Tensor
    biases: Tensor
    left_out: Tensor


class RidgeClassifier(TimeSeriesClassifier):
    """Nets without trainable parameters; their heads are solved at the end of the first epoch."""

    leave_one_out = False
    """Whether the rows of validation are those of training, scored without themselves."""

    def __init__(
        self, spec: SeriesSpec, nets: list[Net], loss: AnyLoss, alphas: Sequence[float], training: Training
    ) -> None:
        super().__init__(spec, nets, loss, 0.0, training)
        self.alphas = tuple(alphas)
        self._gathered: list[dict[str, Tensor]] = []
        self._gathered_bytes = 0
        self._left_out: dict[str, Tensor] = {}
        """Sorted `rows` (N,) of the last solution, and per head `logits NAME` (N, K)."""

    def training_step(self, batch: SeriesBatch, batch_idx: int) -> Tensor:  # type: ignore[override]
        features = torch.stack([net(batch.values, batch.observed) for net in self._members], 1)
        labels = {f"label {name}": labels.cpu() for name, labels in batch.labels.items()}
        self._gathered.append({"rows": batch.rows.cpu(), "features": features.cpu(), **labels})
        self._gathered_bytes += self._gathered[-1]["features"].nbytes
        if self._gathered_bytes > MAX_GIB * 2**30:
            problem = f"needs the features of all training windows at once, and these take more than {MAX_GIB:g} GiB"
            raise RequestError(Mistake("model.head", problem, "model.head=logistic, or fewer data rows", "ridge"))
        return torch.zeros((), device=batch.values.device)

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Do nothing: no parameter has a gradient, so the optimizer changes nothing."""

    def on_validation_epoch_start(self) -> None:
        super().on_validation_epoch_start()
        if self._gathered and not self.trainer.sanity_checking:
            self._solve()

    def validation_step(self, batch: SeriesBatch, batch_idx: int) -> None:  # type: ignore[override]
        self.loss_of(batch, self._held_out_logits(batch), self.head_metric("val"))

    def predict_step(self, batch: SeriesBatch, batch_idx: int) -> Logits:  # type: ignore[override]
        labels = {name: each.cpu() for name, each in batch.labels.items()}
        return batch.rows.cpu(), [head.float().cpu() for head in self._held_out_logits(batch)], labels

    def _held_out_logits(self, batch: SeriesBatch) -> list[Tensor]:
        """Per head (B, K): logits that no row of the batch took part in."""
        logits: list[Tensor] = self(batch)
        if not self.leave_one_out or not self._left_out:
            return logits
        fitted, rows = self._left_out["rows"], batch.rows.cpu()
        places = torch.searchsorted(fitted, rows).clamp(max=len(fitted) - 1)
        known = (fitted[places] == rows)[:, None].to(
            self.device
        )  # the others were not trained on (limit_train_batches)
        return [
            torch.where(known, self._left_out[f"logits {spec.name}"][places].to(self.device), given)
            for spec, given in zip(self.head_specs, logits, strict=True)
        ]

    @torch.no_grad()
    def _solve(self) -> None:
        rows = torch.cat([part["rows"] for part in self._gathered])
        order = rows.argsort()
        whole = {key: torch.cat([part[key] for part in self._gathered])[order] for key in self._gathered[0]}
        self._gathered, self._gathered_bytes = [], 0
        features = whole.pop("features")
        logits: list[list[Tensor]] = []
        left_out: list[list[Tensor]] = []
        for place, heads in enumerate(self.heads):
            assert isinstance(heads, nn.ModuleList)
            logits.append([])
            left_out.append([])
            for index, spec in enumerate(self.head_specs):
                labels, head = whole[f"label {spec.name}"], heads[index]
                assert isinstance(head, nn.Linear)
                weights = self.losses.of_class(index).cpu()
                solution = ridge(features[:, place], labels, spec.num_classes, weights, self.alphas)
                head.weight.copy_(solution.weights)
                head.bias.copy_(solution.biases)
                logits[-1].append(features[:, place] @ solution.weights.T + solution.biases)
                left_out[-1].append(solution.left_out)
        self._left_out = {"rows": whole["rows"]}
        self._left_out |= {
            f"logits {spec.name}": each for spec, each in zip(self.head_specs, joined(left_out), strict=True)
        }
        for index, spec in enumerate(self.head_specs):
            labels, scores = whole[f"label {spec.name}"].to(self.device), joined(logits)[index].to(self.device)
            self.head_metric("train").update(index, scores, labels, *self.losses.of_head(index, scores, labels))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["gathered"] = self._gathered
        checkpoint["left_out"] = self._left_out

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self._gathered = list(checkpoint["gathered"])
        self._gathered_bytes = sum(part["features"].nbytes for part in self._gathered)
        self._left_out = dict(checkpoint.get("left_out", {}))


def ridge(
    features: Tensor, labels: Tensor, num_classes: int, class_weights: Tensor, alphas: Sequence[float]
) -> Solution:
    """Weights (K, D), biases (K,) and scores of left-out rows (N, K).

    They are for unscaled features (N, D) and labels (N,); rows with `MISSING` are ignored.
    The result uses the alpha with the least squared leave-one-out error over all targets; the first of equal ones wins.
    """
    known, all_features = labels != MISSING, features
    features = (features if bool(known.all()) else features[known]).to(torch.double, copy=True)  # scaled in place below
    labels = labels[known]
    row_weights = class_weights.double()[labels]
    targets = -torch.ones(len(labels), num_classes, dtype=torch.double)
    targets[torch.arange(len(labels)), labels] = 1.0
    spread = features.std(0, correction=0)
    spread = torch.where(spread > 0, spread, 1.0)
    share = row_weights / row_weights.sum()
    centre, mean = share @ features, share @ targets
    root = row_weights.sqrt()[:, None]
    scaled = features.sub_(centre).div_(spread).mul_(root)
    centred = root * (targets - mean)
    basis, values = _left_singular_vectors(scaled)
    projected = basis.T @ centred
    best_error, best_alpha, best_residuals = torch.inf, alphas[0], centred
    for alpha in alphas:
        shrinkage = values / (values + alpha)
        hat = share + basis.square() @ shrinkage
        residuals = (centred - basis @ (shrinkage[:, None] * projected)) / (1 - hat).clamp(min=1e-12)[:, None]
        error = residuals.square().mean()
        if float(error) < best_error:
            best_error, best_alpha, best_residuals = float(error), alpha, residuals
    weights = (scaled.T @ (basis @ (projected / (values + best_alpha)[:, None]))).T / spread
    weight, bias = weights.float(), (mean - weights @ centre).float()
    left_out = all_features.float() @ weight.T + bias
    left_out[known] = (targets - best_residuals / root).float()
    return Solution(weight, bias, left_out)


def _left_singular_vectors(scaled: Tensor) -> tuple[Tensor, Tensor]:
    """Left singular vectors (N, R) and squared singular values (R,), from the smaller of the two Gram matrices."""
    num_rows, num_features = scaled.shape
    tiny = torch.finfo(torch.double).eps * max(scaled.shape)
    if num_rows <= num_features:
        values, vectors = torch.linalg.eigh(scaled @ scaled.T)
        kept = values > tiny * values[-1].clamp(min=1e-300)
        return vectors[:, kept], values[kept]
    values, vectors = torch.linalg.eigh(scaled.T @ scaled)
    kept = values > tiny * values[-1].clamp(min=1e-300)
    return scaled @ vectors[:, kept] / values[kept].sqrt(), values[kept]
