"""The model of a run folder, loaded without its data: for prediction, export and serving.

It needs `config.yaml`, `spec.json`, `tokenizer/` and a checkpoint, or the weights of an export; adapters on a
pretrained base also need the base.
Settings in another user's folder that read the environment are refused. Cost: the checkpoint is read twice.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf

from lab.cli.saved_config import INTERPOLATION, SETTINGS, SavedConfig, read_saved, untyped_plugins
from lab.config import plugins
from lab.config.check import check
from lab.config.dotted_keys import flattened
from lab.config.schema import Config
from lab.config.shipped import CONF
from lab.core.batches import Spec, spec_from_fields
from lab.core.errors import Mistake, RequestError, refuse_if_any
from lab.core.files import Unreadable
from lab.core.record.export_record import WEIGHTS_FILE
from lab.core.record.run_folder import RunFolder
from lab.core.symlinks import links_of_a_stranger
from lab.models import requirements
from lab.models.task_module import TaskModule
from lab.training.checkpoints import load_weights, refuse_damage, refuse_non_finite_weights
from lab.training.tasks.exported import is_export, load_exported_weights
from lab.training.tasks.select import build_model, task_of

WHOLE = "a whole run folder"


def load_model(folder: Path, checkpoint: Literal["best", "last"] = "best") -> TaskModule:
    """The model of a run with the weights of a checkpoint, in evaluation mode, fp32, on the CPU. It reads no data.

    folder: the run folder. Raises RequestError for a file that is missing, damaged, or of another run.
    """
    return load_run(folder, checkpoint)[1]


def load_run(folder: Path, checkpoint: Literal["best", "last"] = "best") -> tuple[Config, TaskModule]:
    """The config of a run without what only training needs, and its model as `load_model` gives it."""
    run = RunFolder(folder)
    if not run.is_own():
        refuse_if_any(links_of_a_stranger(folder))
    config, spec = _uncompiled(read_config(run)), read_spec(run)
    if mistakes := requirements.missing_software(config):
        raise RequestError(mistakes)
    if not isinstance(spec, task_of(config).spec_type):
        problem = f"spec.json is of another task than data of kind {config.data.kind}"
        raise RequestError(Mistake("", problem, WHOLE, folder))
    if is_export(run):
        model = build_model(config, spec, run, fresh=False)
        load_exported_weights(model, run, checkpoint)
        refuse_non_finite_weights(model, run, run.path / WEIGHTS_FILE, "run")
        return config, model.eval()
    path = run.final if checkpoint == "best" else run.last
    refuse_damage(run, path, "run")
    try:
        model = build_model(config, spec, run, fresh=False)
    except (MemoryError, OverflowError, RuntimeError) as error:  # a RuntimeError where torch cannot allocate
        problem = f"its model cannot be built: {' '.join(str(error).split())[:200] or type(error).__name__}"
        raise RequestError(Mistake("", problem, WHOLE, folder)) from error
    load_weights(model, run, path, "run")
    refuse_non_finite_weights(model, run, path, "run")
    return config, model.eval()


def read_spec(run: RunFolder) -> Spec:
    """The description of the data that a run was trained on. Raises RequestError if spec.json cannot be read."""
    try:
        return spec_from_fields(run.read_spec())
    except (OSError, Unreadable) as error:
        raise RequestError(Mistake("", f"spec.json cannot be read: {error}", WHOLE, run.path)) from error


def read_config(run: RunFolder) -> Config:
    """The config of a run without its loggers, which only training needs.

    Raises RequestError for a file that is missing, damaged, or needs plug-ins that are not imported.
    """
    try:
        saved = read_saved(run.config)
    except (OSError, Unreadable) as error:
        raise RequestError(Mistake("", f"config.yaml cannot be read: {error}", WHOLE, run.path)) from error
    settings = {key: value for key, value in saved.settings.items() if key not in ("logger", "resume", "test")}
    if mistakes := _refusals(saved, settings):
        raise RequestError(mistakes)
    return check(OmegaConf.create({**settings, "resume": None, "test": None}))


def _refusals(saved: SavedConfig, settings: Mapping[str, Any]) -> list[Mistake]:
    """Keys that are no settings of a run, and keys in another user's file that read the environment or other keys."""
    unknown = [key for key in settings if key not in SETTINGS]
    values, outside = flattened(settings), saved.outside(CONF)
    reading = [key for key in values if key in outside and INTERPOLATION.search(str(values[key]))]
    problem = f"reads the environment or another setting, and {saved.path} was not written by you on this machine"
    names = settings.get("plugins") or []
    imported = isinstance(names, list) and len(plugins.loaded(map(str, names))) == len(names)
    return [
        *([] if imported else untyped_plugins(saved.path, settings, ())),
        *(Mistake(key, f"is no setting of a run, but is in {saved.path}", WHOLE) for key in unknown),
        *(Mistake(key, problem, "the plain value in that file", settings.get(key)) for key in reading),
    ]


def _uncompiled(config: Config) -> Config:
    """The config without compilation and gradient checkpointing."""
    changes = {"compile": False, "gradient_checkpointing": False}
    return config.model_copy(update={"trainer": config.trainer.model_copy(update=changes)})
