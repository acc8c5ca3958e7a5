"""Learning rate range test before training: the rate rises exponentially with each batch while the loss is recorded.

The test is by Smith (arXiv 1506.01186, section 3.3). The suggestion is the rate where the smoothed loss falls fastest
per decade, as in fastai's "steep" rule. It costs `num_steps` training steps with an optimizer of its own. Model, modes
and random number generators are restored afterwards. Parameter groups keep the ratios of their rates.
"""

import copy
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lab.core.errors import RunError
from lab.report.figures import run_figures

DIVERGED = 4.0
"""The test ends when the smoothed loss exceeds this multiple of its minimum (fastai's constant)."""
SMOOTHING = 2.5
"""Standard deviation in steps of the Gaussian mean. It is centred: a running mean would shift the suggestion up."""
SMALLEST_FALL = 0.02
"""A smoothed loss that does not fall by this share of its first value counts as flat."""


@dataclass(frozen=True)
class LrCurve:
    """The tried values of `optimizer.lr`, the loss before each step, and the suggestion.

    reason: why there is no suggestion.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float | None
    reason: str

    @property
    def rate(self) -> float:
        """The suggestion. Raises RunError with the reason when there is none."""
        if self.suggestion is None:
            raise RunError(f"the learning-rate finder found no rate: {self.reason}")
        return self.suggestion

    def draw(self, path: Path) -> None:
        """Write the curve as a PNG file."""
        smoothed = smooth(self.losses[: _num_finite(self.losses)])
        run_figures.save_png(run_figures.lr_curve(self.rates, self.losses, smoothed, self.suggestion), path)


def smooth(losses: Sequence[float]) -> list[float]:
    """Centred Gaussian mean of the losses. At both ends the mean is over the existing values only."""
    values, steps = np.asarray(losses, dtype=float), np.arange(len(losses))
    weights = np.exp(-0.5 * ((steps[:, None] - steps[None, :]) / SMOOTHING) ** 2)
    smoothed: list[float] = (weights @ values / weights.sum(axis=1)).tolist()
    return smoothed


def suggest(rates: Sequence[float], losses: Sequence[float]) -> tuple[float | None, str]:
    """(rate at the steepest descent of the smoothed loss per decade, ""), or (None, reason) without a descent.

    Only rates before the minimum of the smoothed loss count. The first loss that is not finite and all later ones are
    left out.
    """
    length = _num_finite(losses)
    if length < 5:
        return None, "the loss was not finite within five steps; try a lower callbacks.lr_finder.min_lr"
    smoothed = smooth(losses[:length])
    lowest = int(np.argmin(smoothed))
    start = smoothed[0]
    if lowest < 2:
        return None, "the loss only rose; try a lower callbacks.lr_finder.min_lr"
    if start - smoothed[lowest] < SMALLEST_FALL * abs(start):
        return None, "the loss stayed flat; try a higher callbacks.lr_finder.max_lr or more num_steps"
    slopes = np.gradient(np.asarray(smoothed), np.log10(np.asarray(rates[:length])))
    return float(rates[int(np.argmin(slopes[:lowest]))]), ""


def find(
    model: nn.Module,
    loss: Callable[[Any], Tensor],
    batches: Iterable[Any],
    make_optimizer: Callable[[], Optimizer],
    lr: float,
    min_lr: float,
    max_lr: float,
    num_steps: int,
) -> LrCurve:
    """Run the range test over `batches`, which are on the model's device and are repeated if they end.

    model: frozen and in train mode as in training; loss: scalar training loss of a batch; lr: the configured
    `optimizer.lr`, to which the rates of the parameter groups of `make_optimizer()` are proportional. Raises ValueError
    unless 0 < min_lr < max_lr.
    """
    if not 0 < min_lr < max_lr:
        raise ValueError(f"min_lr={min_lr} must be positive and below max_lr={max_lr}")
    planned = np.geomspace(min_lr, max_lr, num_steps).tolist()
    rates: list[float] = []
    losses: list[float] = []
    with restored_afterwards(model):
        optimizer = make_optimizer()
        ratios = [group["lr"] / lr for group in optimizer.param_groups]
        for rate, batch in zip(planned, _endless(batches), strict=False):
            for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
                group["lr"] = rate * ratio
            value = loss(batch)
            rates.append(rate)
            losses.append(float(value.detach()))
            if not math.isfinite(losses[-1]) or _diverged(losses):
                break
            optimizer.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    suggestion, reason = suggest(rates, losses)
    return LrCurve(tuple(rates), tuple(losses), suggestion, reason)


@contextmanager
def restored_afterwards(model: nn.Module) -> Iterator[None]:
    """Restore weights, buffers, modes and random number generators after the block; gradients are dropped."""
    device = next(model.parameters()).device
    state = copy.deepcopy({name: tensor.detach().cpu() for name, tensor in model.state_dict().items()})
    modes = [(module, module.training) for module in model.modules()]
    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002  libraries draw from it
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        model.load_state_dict(state)
        for module, training in modes:
            module.training = training
        model.zero_grad(set_to_none=True)
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


def _num_finite(losses: Sequence[float]) -> int:
    """The number of losses before the first that is not finite."""
    return next((number for number, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))


def _diverged(losses: Sequence[float]) -> bool:
    smoothed = smooth(losses)
    return len(losses) > 5 and smoothed[-1] > DIVERGED * max(min(smoothed), 1e-12)


def _endless(batches: Iterable[Any]) -> Iterator[Any]:
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise ValueError("no batches to test the learning rate on")
