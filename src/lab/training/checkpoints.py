"""A run's checkpoints as they lie on the disk: whole, with all that is needed, of this model, and with finite weights.

A checkpoint may be torn, a stranger's, or of another model. All of that is found before anything is written, and ends
in a line that names the file. Cost: one reading of the file for its checksums, one for its weights.
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
    "test": {WEIGHTS: dict},
    "resume": {WEIGHTS: dict, "epoch": int, "global_step": int, VERSION: str, "loops": dict, "callbacks": dict,
               "optimizer_states": list, "lr_schedulers": list, "train_tally": dict},
}  # fmt: skip
"""By what is asked of a run: what its checkpoint must hold."""
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
"""What Lightning 2.6 restores a run that goes on from."""
REMEDY = "a copy of the file, or a new run"
SHOWN = 3


def refuse_damage(run: RunFolder, checkpoint: Path, key: str) -> None:
    """Raises RequestError for a checkpoint or a history that cannot be read, before anything is written.

    key: `test` or `resume`.
    """
    mistakes = []
    try:
        lacks = list(_lacks(_read(checkpoint, "meta"), NEEDED[key]))
        if lacks:
            mistakes.append(Mistake(key, f"{checkpoint.name} {listed(lacks, SHOWN)}", REMEDY, run.path))
    except Unreadable as error:
        mistakes.append(Mistake(key, f"{checkpoint.name} {error.reason}", REMEDY, run.path))
    try:
        run.history()
    except Unreadable as error:
        mistakes.append(
            Mistake(key, f"{error.path.name} is damaged: {error.reason}", "take that line out of it", run.path)
        )
    if mistakes:
        raise RequestError(mistakes)


def load_weights(model: nn.Module, run: RunFolder, checkpoint: Path, key: str) -> None:
    """Fill the model. Raises RequestError for weights of another one."""
    try:
        model.load_state_dict(_read(checkpoint, "cpu")[WEIGHTS])
    except (RuntimeError, Unreadable) as error:
        faults = [line.strip() for line in str(error).splitlines() if line.strip()]
        problem = f"{checkpoint.name} does not hold the weights of this model: {listed(faults[1:] or faults, SHOWN)}"
        raise RequestError(Mistake(key, problem, REMEDY, run.path)) from error


def refuse_other_train_metric(model: TaskModule, run: RunFolder, checkpoint: Path, key: str) -> None:
    """Raises RequestError where the unfinished epoch's training metric is not one of this model."""
    fresh, saved = model.metrics["train"].state(), _read(checkpoint, "meta")["train_tally"]
    wrong = [name for name, value in fresh.items() if getattr(saved.get(name), "shape", None) != value.shape]
    if wrong:
        problem = f"{checkpoint.name} is damaged: its train_tally has no {listed(wrong, SHOWN)} of this model"
        raise RequestError(Mistake(key, problem, REMEDY, run.path))


def refuse_non_finite_weights(model: nn.Module, run: RunFolder, checkpoint: Path, key: str) -> None:
    """Raises RequestError for a model whose weights, read from `checkpoint`, are not all finite."""
    lost = [name for name, weight in model.named_parameters() if weight.is_floating_point() and not _is_finite(weight)]
    if lost:
        problem = f"{checkpoint.name} holds weights that are no finite numbers: {listed(lost, SHOWN)}"
        raise RequestError(Mistake(key, problem, REMEDY, run.path))


def _is_finite(weight: Tensor) -> bool:
    return bool(torch.isfinite(weight.detach()).all())


def _read(checkpoint: Path, device: str) -> Any:
    """What torch.save wrote. Raises Unreadable for what it did not."""
    try:
        with zipfile.ZipFile(regular(checkpoint)) as whole:
            if (torn := whole.testzip()) is not None:  # torch checks no CRC: zeros after a power cut would be weights
                raise zipfile.BadZipFile(f"{torn} does not hold what was written")
        return torch.load(checkpoint, map_location=device, weights_only=True)
    except Unreadable:
        raise
    except (OSError, RuntimeError, EOFError, ValueError, RecursionError, *UNREADABLE, *GARBLED) as error:
        raise Unreadable(checkpoint, f"is damaged: {str(error)[:160]}") from error


def _lacks(saved: Any, needed: Mapping[str, type]) -> Iterator[str]:
    """What a checkpoint does not hold of what it must."""
    if not isinstance(saved, dict):
        yield f"holds a {type(saved).__name__}, not a checkpoint"
        return
    for name, kind in needed.items():
        if not isinstance(saved.get(name), kind):
            yield f"has no {name}"
        elif name in STATES:
            yield from (f"is damaged: {fault}" for fault in STATES[name](name, saved[name]))
    weights = saved.get(WEIGHTS)
    if isinstance(weights, dict):
        if not weights:
            yield "holds no weights"
        if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()):
            yield "holds something else among its weights"
    if "optimizer_states" in needed and saved.get("optimizer_states") == []:
        yield "holds no optimizer"
    if VERSION in needed and isinstance(saved.get(VERSION), str):
        try:
            Version(saved[VERSION])
        except InvalidVersion:
            yield f"has a {VERSION} that is none: {saved[VERSION][:40]!r}"
