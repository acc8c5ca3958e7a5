"""With `peft.merge`, a run that was tested ends by writing encoder and adapters as one, in its folder's `merged`."""

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
    return isinstance(config.peft, Adapters) and config.peft.merge


def merge(config: Config, material: Material, run: RunFolder) -> Path | None:
    """Where the model, as it now stands in `material`, was written; None where that was not asked for.

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
    place = run.path / FOLDER
    try:
        write_merged(place, encoder, run.tokenizer, heads)
    except OSError as error:
        again = f"test={run.path} peft.merge=true"
        raise RunError(
            f"{place} could not be written: {error}; the run itself is whole, to merge it: {again}"
        ) from error
    log.info("encoder and adapters as one: %s", place)
    return place
