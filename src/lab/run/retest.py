"""The test of a best checkpoint, at the end of a run or of a finished run once more."""

import logging
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import lightning.pytorch as pl
import torch
from rich.console import Console
from torch import nn

from lab.data.entry_locks import unlocking_after
from lab.errors import GARBLED, Mistake, RequestError, RunError
from lab.record import RunFolder
from lab.resume import sole_process
from lab.run import parts
from lab.run.circumstances import interruptible, plain_os_errors, quiet, settle_machine
from lab.run.frozen import take_states
from lab.run.material import Material, refuse_other_data
from lab.run.merged import merge
from lab.run.outcome import Tested
from lab.run.tasks import prepare
from lab.schema import Config

log = logging.getLogger(__name__)
UNREADABLE = (pickle.UnpicklingError, zipfile.BadZipFile, zlib.error)


@unlocking_after()
def retest(config: Config, folder: Path) -> dict[str, float]:
    """Test the best checkpoint of a finished run again: prints the scores and whether they are the recorded ones."""
    run = RunFolder(folder)
    with sole_process(run, "test"):
        return _retest(config, run)


def _retest(config: Config, run: RunFolder) -> dict[str, float]:
    settle_machine(config)
    where = parts.hardware(config.trainer, run.read())
    with plain_os_errors():
        material = prepare(config, run, where, fresh=False)
        refuse_other_data("test", run.read(), material, run)
        if config.cache.frozen:
            refuse_damage(run, run.best, "test")
            load_weights(material.model, run.best)
            take_states(config, material, where, ("test",))
    with quiet():
        trainer = parts.trainer(config, where, run.path, parts.Callbacks.for_test(run, config.objective), [])
    result = test(trainer, material, run)
    merge(config, material, run)
    recorded = run.read().get("metrics", {}).get("test", {})
    show(result)
    log.info("%s", beside_recorded(result.metrics, recorded))
    return result.metrics


def beside_recorded(metrics: Mapping[str, float], recorded: Mapping[str, float | None]) -> str:
    """How far scores are from those of the record, or that it has none: the run ended before its test."""
    before = {name: value for name, value in recorded.items() if value is not None and name in metrics}
    if not before:
        return "no test scores are recorded, so there is nothing to compare these with: the run ended before its test"
    largest = max(abs(metrics[name] - value) for name, value in before.items())
    return f"largest difference from the recorded test scores: {largest:.1e} over {len(before)} scores"


def refuse_damage(run: RunFolder, checkpoint: Path, key: str) -> None:
    """Raises RequestError for a checkpoint or a history that cannot be read, before anything is written."""
    try:
        with zipfile.ZipFile(checkpoint) as whole:
            if (torn := whole.testzip()) is not None:  # torch checks no CRC: zeros after a power cut would be weights
                raise zipfile.BadZipFile(f"{torn} does not hold what was written")
        torch.load(checkpoint, map_location="meta", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, *UNREADABLE, *GARBLED) as error:
        problem = f"{checkpoint.name} is damaged: {' '.join(str(error).split())[:160]}"
        raise RequestError(Mistake(key, problem, "a copy of the file, or a new run", run.path)) from error
    try:
        run.history()
    except ValueError as error:
        problem = f"history.jsonl is damaged: {error}"
        raise RequestError(Mistake(key, problem, "take the lines that are no JSON out of it", run.path)) from error


def test(trainer: pl.Trainer, material: Material, run: RunFolder) -> Tested:
    """Test the best checkpoint on the test split. Raises RunError when there is none."""
    if not run.best.exists():
        raise RunError("no epoch gave a finite objective, so there is no best checkpoint to test", "nan")
    refuse_damage(run, run.best, "test")
    load_weights(material.model, run.best)
    with quiet(), interruptible():
        trainer.test(material.model, material.data.test_loader(), verbose=False)
    return material.tested()


def load_weights(model: nn.Module, checkpoint: Path) -> None:
    model.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"])


def show(result: Tested) -> None:
    with suppress(BrokenPipeError):  # whoever read along has left; the run is complete all the same
        Console().print(result.table())
