"""Reads the checkpoints of a run and refuses damaged ones: a checkpoint must be complete, of this model and finite.

A checkpoint may be damaged, come from another person, or be of another model. This is checked before anything is
written, and the message names the file. Cost: the file is read once for its checksums and once for its weights.
"""

import pickle
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from packaging.version import InvalidVersion, Version
from torch import Tensor, nn

from lab.core.errors import GARBLED, Mistake, RequestError, listed
from lab.core.files import Unreadable, regular
from lab.core.record.fields import Shape, count, each, keyed, mapping, several
from lab.core.record.run_folder import RunFolder
from lab.models.task_module import TaskModule

UNREADABLE = (pickle.UnpicklingError, zipfile.BadZipFile, zlib.error)
WEIGHTS = "state_dict"
VERSION = "pytorch-lightning_version"
NEEDED: Mapping[str, Mapping[str, type]] = {
    "run": {WEIGHTS: dict},
    "test": {WEIGHTS: dict},
    "resume": {WEIGHTS: dict, "epoch": int, "global_step": int, VERSION: str, "loops": dict, "callbacks": dict,
               "optimizer_states": list, "lr_schedulers": list},
}  # fmt: skip
"""What a checkpoint must contain, by the key that reads it."""
_PROGRESS = keyed("total", "current", total=each(count), current=each(count))
_LOOP: Mapping[str, Shape] = {
    "state_dict": mapping, "epoch_loop.state_dict": mapping, "epoch_loop.batch_progress": _PROGRESS,
    "epoch_loop.scheduler_progress": _PROGRESS, "epoch_loop.automatic_optimization.state_dict": mapping,
    "epoch_loop.automatic_optimization.optim_progress": mapping, "epoch_loop.val_loop.batch_progress": _PROGRESS,
    "epoch_progress": _PROGRESS,
}  # fmt: skip
STATES: Mapping[str, Shape] = {
    "epoch": count,
    "global_step": count,
    "loops": keyed("fit_loop", fit_loop=keyed(*_LOOP, **_LOOP)),
    "callbacks": each(mapping),
    "optimizer_states": several(keyed("state", "param_groups", state=mapping, param_groups=several(mapping))),
    "lr_schedulers": several(mapping),
}
"""The entries from which Lightning 2.6 resumes a run, and their shapes."""
REMEDY = "a copy of the file, or a new run"
SHOWN = 3


def refuse_damage(run: RunFolder, checkpoint: Path, key: str) -> None:
    """Raises RequestError for a checkpoint or a history that cannot be read. key: `run`, `test` or `resume`."""
    mistakes = []
    try:
        defects = list(_defects(_read(checkpoint, "meta"), NEEDED[key]))
        if defects:
            mistakes.append(Mistake(key, f"{checkpoint.name} {listed(defects, SHOWN)}", REMEDY, run.path))
    except Unreadable as error:
        mistakes.append(Mistake(key, f"{checkpoint.name} {error.reason}", REMEDY, run.path))
    try:
        run.history()
    except Unreadable as error:
        mistakes.append(
            Mistake(key, f"{error.path.name} is damaged: {error.reason}", "delete that line in the file", run.path)
        )
    if mistakes:
        raise RequestError(mistakes)


def load_weights(model: nn.Module, run: RunFolder, checkpoint: Path, key: str) -> None:
    """Load the weights of a checkpoint into the model. Raises RequestError for weights of another model."""
    try:
        model.load_state_dict(_read(checkpoint, "cpu")[WEIGHTS])
    except (RuntimeError, Unreadable) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        problem = f"{checkpoint.name} does not contain the weights of this model: {listed(lines[1:] or lines, SHOWN)}"
        raise RequestError(Mistake(key, problem, REMEDY, run.path)) from error


def refuse_other_train_metric(model: nn.Module, run: RunFolder, checkpoint: Path, key: str) -> None:
    """Raises RequestError where the saved training metric of the unfinished epoch is not that of this model."""
    if not isinstance(model, TaskModule):
        return
    expected, saved = model.metrics["train"].state(), _read(checkpoint, "meta").get("train_tally") or {}
    wrong = [
        name
        for name, value in expected.items()
        if name not in saved or getattr(saved[name], "shape", None) != getattr(value, "shape", None)
    ]
    if wrong:
        problem = f"{checkpoint.name} is damaged: its train_tally has no {listed(wrong, SHOWN)} of this model"
        raise RequestError(Mistake(key, problem, REMEDY, run.path))


def refuse_non_finite_weights(model: nn.Module, run: RunFolder, checkpoint: Path, key: str) -> None:
    """Raises RequestError if a weight of the model, which was read from `checkpoint`, is not finite."""
    wrong = [name for name, weight in model.named_parameters() if weight.is_floating_point() and not _is_finite(weight)]
    if wrong:
        problem = f"{checkpoint.name} contains weights that are not finite: {listed(wrong, SHOWN)}"
        raise RequestError(Mistake(key, problem, REMEDY, run.path))


def _is_finite(weight: Tensor) -> bool:
    return bool(torch.isfinite(weight.detach()).all())


def _read(checkpoint: Path, device: str) -> Any:
    """Read a file of torch.save. Raises Unreadable for any other or damaged file."""
    try:
        with zipfile.ZipFile(regular(checkpoint)) as archive:
            # torch does not check the CRC, so zeros after a power failure would become weights
            if (damaged := archive.testzip()) is not None:
                raise zipfile.BadZipFile(f"{damaged} differs from what was written")
        return torch.load(checkpoint, map_location=device, weights_only=True)
    except Unreadable:
        raise
    except FileNotFoundError as error:
        raise Unreadable(checkpoint, "is missing") from error
    except (OSError, RuntimeError, EOFError, ValueError, RecursionError, *UNREADABLE, *GARBLED) as error:
        raise Unreadable(checkpoint, f"is damaged: {str(error)[:160]}") from error


def _defects(saved: Any, needed: Mapping[str, type]) -> Iterator[str]:
    """What a checkpoint lacks, and what is wrong with its entries."""
    if not isinstance(saved, dict):
        yield f"contains a {type(saved).__name__}, not a checkpoint"
        return
    for name, kind in needed.items():
        if not isinstance(saved.get(name), kind):
            yield f"has no {name}"
        elif name in STATES:
            yield from (f"is damaged: {fault}" for fault in STATES[name](name, saved[name]))
    weights = saved.get(WEIGHTS)
    if isinstance(weights, dict):
        if not weights:
            yield "contains no weights"
        if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()):
            yield "contains entries that are no weights"
    if "optimizer_states" in needed and saved.get("optimizer_states") == []:
        yield "contains no optimizer"
    if VERSION in needed and isinstance(saved.get(VERSION), str):
        try:
            Version(saved[VERSION])
        except InvalidVersion:
            yield f"has an invalid {VERSION}: {saved[VERSION][:40]!r}"
