"""The calibration of a run folder, as a predictor and a repeated test use it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.core.batches import HeadSpec
from lab.core.errors import Mistake, RequestError, refuse_if_any
from lab.core.files import Unreadable
from lab.core.hydra_quoting import quoted
from lab.core.record.calibration_fields import offsets_of
from lab.core.record.run_folder import RunFolder
from lab.training.doubt.novelty import Novelty


@dataclass(frozen=True)
class Saved:
    """temperatures: per head that has one; not_fitted: the reasons of the others; offsets: per head whose class is not
    always the most probable one, what is added to its log-probabilities (K,).

    measures_novelty: whether the version that wrote the file measures the novelty of such rows; where it has no
    temperature either, the run has no validation rows of its own.
    """

    temperatures: dict[str, float]
    not_fitted: dict[str, str]
    measures_novelty: bool = True
    offsets: Mapping[str, Sequence[float]] = field(default_factory=dict)


def saved_temperatures(run: RunFolder) -> Saved | None:
    """Return the temperatures of a run; None for a run of a version without them.

    Raises RequestError if calibration.json cannot be read.
    """
    content = _content(run)
    if content is None:
        return None
    return Saved(
        content["temperatures"],
        content["not_fitted"],
        content.get("novelty") is not None or not content["temperatures"],
        offsets_of(content),
    )


def fitting_offsets(
    offsets: Mapping[str, Sequence[float]], heads: Sequence[HeadSpec], run: RunFolder
) -> Mapping[str, Sequence[float]]:
    """Return the offsets. Raises RequestError where a head has other classes than its offsets (K,)."""
    faults = [
        f"{run.calibration.name} has {len(offsets[head.name])} offsets for {head.num_classes} classes of {head.name}"
        for head in heads
        if head.name in offsets and len(offsets[head.name]) != head.num_classes
    ]
    refuse_if_any(Mistake("run", fault, "a whole run folder", run.path) for fault in faults)
    return offsets


def calibration_lines(run: RunFolder) -> list[str]:
    """Return a line for each reason why probabilities of a run are not calibrated. Raises as `saved_temperatures`."""
    saved = saved_temperatures(run)
    if saved is None:
        remedy = f"python train.py {quoted('test', run.path)}"
        return [f"probabilities are not calibrated: the run is of an older version; {remedy} fits temperatures"]
    return [f"probabilities of {head} are not calibrated: {reason}" for head, reason in saved.not_fitted.items()]


def saved_novelty(run: RunFolder) -> Novelty | None:
    """Return the limits of rows that are like training; None for a run without them. Raises as `saved_temperatures`."""
    fields = (_content(run) or {}).get("novelty")
    return None if fields is None else Novelty.from_fields(fields)


def _content(run: RunFolder) -> dict[str, Any] | None:
    try:
        return run.read_calibration()
    except (OSError, Unreadable) as error:
        remedy = f"remove the file, then python train.py {quoted('test', run.path)} writes it again"
        raise RequestError(Mistake("", f"{run.calibration.name} cannot be read: {error}", remedy, run.path)) from error
