"""How sure a run may be, measured after its test: the best checkpoint's model reads the validation split once more."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch.profilers import PassThroughProfiler
from scipy.special import softmax

from lab.config.schema import Config
from lab.config.validation_rows import is_fold
from lab.core.record.run_folder import RunFolder
from lab.data.dataloader import Loader
from lab.models.calibration import ClassRows
from lab.training.build.trainer import is_trained_on_val
from lab.training.doubt.calibrate import TRAINED_ON_VAL, Calibration, fitted
from lab.training.doubt.decide import deciding, decision_field
from lab.training.doubt.review import DOUBTFUL, HARD, Finding, findings, ranked, review_text
from lab.training.evaluation.base import EvaluationResult, HeldOut
from lab.training.evaluation.classification import decided_rows
from lab.training.session import interruptible, quiet
from lab.training.tasks.base import Material

IDENTITY = ("row", "group", "time", "id", "text")
"""Columns of predictions that say which row is meant."""


@dataclass(frozen=True)
class Doubt:
    """calibration: the content of calibration.json; decision: that of `decision` in run.json; review: the rows of
    review.csv; fold: the columns of val_predictions.parquet, of a run on one fold."""

    calibration: Calibration = field(default_factory=Calibration)
    decision: dict[str, Any] | None = None
    review: list[dict[str, Any]] = field(default_factory=list)
    fold: dict[str, Any] | None = None

    def write(self, run: RunFolder) -> None:
        """Write calibration.json and review.csv; nothing for a task without probabilities."""
        if self.calibration.temperatures or self.calibration.not_fitted:
            run.write_calibration(vars(self.calibration))
            run.write_text(run.review.name, review_text(self.review))
        if self.fold is not None:
            run.write_predictions(self.fold, run.fold_predictions)


def measure_doubt(
    trainer: pl.Trainer, material: Material, config: Config, result: EvaluationResult, decides: bool = True
) -> Doubt:
    """Return the doubt of a model that has just been tested. decides: whether decision rules may be fitted."""
    scored = result.scored_rows
    if not scored:
        return Doubt()
    num = len(next(iter(scored.values())).scores)
    test = HeldOut(np.arange(num), scored, result.predictions)
    if is_trained_on_val(config):
        calibration = Calibration(not_fitted=dict.fromkeys(test.heads, TRAINED_ON_VAL))
        return Doubt(calibration, review=_review(material, {"test": test}, calibration))
    material.data.setup("validate")
    with quiet(), interruptible(), _unprofiled(trainer):
        outputs = trainer.predict(material.model, dataloaders=_Batches(material.data.val_dataloader()))
    val = material.task.held_out(material.model, material.data, outputs or [])
    assert val is not None, "a task whose test has probabilities has them in validation, too"
    heads = getattr(material.spec, "heads", ())
    blocks = material.task.time_blocks(material.data, "val", val.rows)
    rules = deciding(config, heads, blocks) if decides else None
    splits = {"val": val, "test": test}
    calibration = fitted({split: each.heads for split, each in splits.items()}, rules)
    novelty = material.task.novelty(material.data, val)
    calibration = replace(calibration, novelty=None if novelty is None else novelty.fields())
    fold = _fold_columns(material, val) if is_fold(config) else None
    decided = {
        split: decided_rows(each, heads, calibration.temperatures, calibration.offsets)
        for split, each in splits.items()
    }
    rows = {split: each.heads for split, each in decided.items()}
    decision = decision_field(calibration.decisions, calibration.temperatures, rows, heads)
    return Doubt(calibration, decision, _review(material, decided, calibration), fold)


def _fold_columns(material: Material, val: HeldOut) -> dict[str, Any]:
    """The predictions on a fold: the number of each row, what shows it to a person, labels and probabilities of heads.

    The probabilities are not calibrated: the temperature was fitted on these rows.
    """
    columns: dict[str, Any] = dict(material.task.identity(material.data, "val", val.rows))
    columns |= {"row": material.task.source_rows(material.data, "val", val.rows)}
    for head, rows in val.heads.items():
        columns |= {name: val.columns[name] for name in (head, f"{head}_predicted") if name in val.columns}
        if isinstance(rows, ClassRows):
            table = softmax(rows.scores.astype(np.float64), axis=1).astype(np.float32)
            columns |= {f"{head}_probability": table.max(1), f"{head}_probabilities": table}
    return columns


@contextmanager
def _unprofiled(trainer: Any) -> Iterator[None]:
    """Without the profiler, which is for training: that of PyTorch fails after the few calls of a prediction."""
    profiler, trainer.profiler = trainer.profiler, PassThroughProfiler()
    try:
        yield
    finally:
        trainer.profiler = profiler


class _Batches:
    """The batches of a loader. Lightning would make another loader with its own sampler of one that it knows."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[Any]:
        return iter(self.loader)

    def __len__(self) -> int:
        return len(self.loader)


def _review(material: Material, splits: Mapping[str, HeldOut], calibration: Calibration) -> list[dict[str, Any]]:
    every = ranked(
        (split, found)
        for split, held_out in splits.items()
        for head, rows in held_out.heads.items()
        for found in findings(head, rows, calibration.temperatures.get(head, 1.0))
    )
    identities = {split: _identity(material, split, splits[split], [each for name, each in every if name == split])
                  for split in splits}  # fmt: skip
    return [
        {
            "split": split,
            **next(identities[split]),
            "head": found.head,
            "label": _plain(splits[split].columns[found.head][found.place]),
            "predicted": _plain(splits[split].columns[f"{found.head}_predicted"][found.place]),
            "probability": round(found.probability, 6),
            "label_probability": round(found.label_probability, 6),
            "reason": DOUBTFUL if found.doubtful else HARD,
        }
        for split, found in every
    ]


def _identity(material: Material, split: str, held_out: HeldOut, chosen: list[Finding]) -> Iterator[dict[str, Any]]:
    """Yield what identifies each chosen row; of test rows the columns of their predictions."""
    places = np.array([each.place for each in chosen], np.int64)
    if split == "test":
        known = {name: held_out.columns[name] for name in IDENTITY if name in held_out.columns}
        columns: Mapping[str, Any] = {
            name: [_plain(values[place]) for place in places] for name, values in known.items()
        }
    else:
        columns = material.task.identity(material.data, split, held_out.rows[places])
    for place in range(len(chosen)):
        yield {name: values[place] for name, values in columns.items()}


def _plain(value: Any) -> Any:
    """A cell of a numpy or Arrow array as Python has it."""
    return value.as_py() if hasattr(value, "as_py") else value.item() if hasattr(value, "item") else value
