"""Scores of logits under all metric names of a run, by the run's own metric: its loss and `metrics.extra`, too; and the
decision rules of such baselines."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from lab.core.batches import HeadSpec
from lab.models.calibration import ClassRows
from lab.models.classifier import Classifier
from lab.training.baselines.base import Baseline, Labels
from lab.training.baselines.label_rules import score_labels
from lab.training.baselines.stored import Outputs
from lab.training.doubt.decide import Deciding, fit_decision

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
        truth=truth,
        note=outputs.note,
    )


def decided(baseline: Baseline, rules: Deciding | None, heads: tuple[HeadSpec, ...]) -> Baseline:
    """Return the baseline with classes by rules of its own and their scores; as it is where no rule pays.

    A run that may choose rare classes below the most probable one is compared with baselines that may, too. rules: None
    for the most probable classes. The logits are calibrated already, on the same validation rows.
    """
    if rules is None or "val" not in baseline.logits:
        return baseline
    offsets, notes = {}, []
    for head in heads:
        rows = ClassRows(baseline.logits["val"][head.name], baseline.truth["val"][head.name])
        rule = fit_decision(rows, 1.0, rules.counts[head.name], rules.metric, rules.blocks)
        if rule is not None and rule.offsets is not None:
            offsets[head.name] = np.array(rule.offsets)
            notes.append(f"classes of {head.name} by probability / share^{rule.tau:g}")
    if not offsets:
        return baseline
    predicted, scores = {}, {}
    for split, truth in baseline.truth.items():
        logits = baseline.logits[split]
        predicted[split] = {
            name: ClassRows(logits[name], labels, offsets.get(name)).chosen() for name, labels in truth.items()
        }
        old, new = baseline.scores[split], score_labels(predicted[split], truth, heads)
        scores[split] = {**old, **{name: value for name, value in new.items() if not np.isnan(old[name])}}
    note = "; ".join([*([baseline.note] if baseline.note else []), *notes])
    return replace(baseline, predicted=predicted, scores=scores, note=note)
