"""With `peft.merge`, a tested run ends by merging the adapters into the encoder, written to `merged` in its folder."""

import logging
from pathlib import Path

from lab.config.schema import Adapters, Config
from lab.core.errors import RunError
from lab.core.record.run_folder import RunFolder
from lab.models.task_module import TextTaskModule
from lab.training.tasks.base import Material

log = logging.getLogger(__name__)
FOLDER = "merged"


def is_merged(config: Config) -> bool:
    """Whether a run with this config writes a merged model."""
    return isinstance(config.peft, Adapters) and config.peft.merge


def merge(config: Config, material: Material, run: RunFolder) -> Path | None:
    """Write the merged model of `material`; return its folder, or None if the config does not ask for it.

    Raises RunError where the folder cannot be written, as on a full disk.
    """
    if not is_merged(config):
        return None
    from lab.models.peft.adapters import AdaptedTransformer
    from lab.models.peft.merge import write_merged

    model = material.model
    assert isinstance(model, TextTaskModule), f"adapters in a {type(model).__name__}"
    encoder = model.encoder
    assert isinstance(encoder, AdaptedTransformer), f"adapters in a {type(encoder).__name__}"
    heads = {
        name: tensor.float().cpu().contiguous()
        for name, tensor in model.state_dict().items()
        if not name.startswith("encoder.")
    }
    folder = run.path / FOLDER
    try:
        write_merged(folder, encoder, run.tokenizer, heads)
    except OSError as error:
        remedy = f"test={run.path} peft.merge=true"
        raise RunError(f"{folder} could not be written: {error}; the run is complete, to merge it: {remedy}") from error
    log.info("merged model: %s", folder)
    return folder
