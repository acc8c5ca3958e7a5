"""Scores of logits under all metric names of a run, by the run's own metric: its loss and `metrics.extra`, too."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from lab.models.classifier import Classifier
from lab.training.baselines.base import Baseline, Labels
from lab.training.baselines.stored import Outputs

Logits = Mapping[str, npt.NDArray[np.float32]]
CHUNK = 8192
"""Rows that are scored at once."""


def score_logits(logits: Logits, labels: Labels, model: Classifier) -> dict[str, float]:
    """Metrics of logits (N, K) against labels (N,), both per head, as a test of `model` computes them."""
    metric, device = model.new_metric("test").alone(), model.device
    with torch.inference_mode():
        for index, head in enumerate(model.head_specs):
            for start in range(0, len(labels[head.name]), CHUNK):
                part = slice(start, start + CHUNK)
                scores = torch.from_numpy(logits[head.name][part]).to(device)
                truth = torch.from_numpy(labels[head.name][part]).to(device)
                metric.update(index, scores, truth, *model.losses.of_head(index, scores, truth))
        return metric.compute()


def named(split: str, index: int) -> str:
    """The name of the array of a head's logits in `Outputs`."""
    return f"{split}/{index}"


def logit_baseline(name: str, outputs: Outputs, truth: Mapping[str, Labels], model: Classifier) -> Baseline:
    """The baseline of stored logits. truth: labels (N,) per split and head."""
    heads = [head.name for head in model.head_specs]
    logits = {split: {head: outputs.arrays[named(split, index)] for index, head in enumerate(heads)} for split in truth}
    return Baseline(
        name,
        scores={split: score_logits(logits[split], truth[split], model) for split in truth},
        predicted={split: {head: each.argmax(1) for head, each in logits[split].items()} for split in truth},
        logits=logits,
        note=outputs.note,
    )
