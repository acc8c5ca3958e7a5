"""Whether the weights that a request begins with are there: looked for before data is read, which may take minutes.

The module imports no torch. Weights of the hub are brought here now; what loads them finds them in the cache.
"""

from pathlib import Path

from lab.config.schema import Config, Encoder, TimerXL
from lab.core.errors import Mistake, RequestError
from lab.models.text.weights import locate


def missing(config: Config) -> list[Mistake]:
    """A mistake for weights that are not there. A run that goes on or is tested has its own."""
    model = config.model
    if config.resume is not None or config.test is not None:
        return []
    if isinstance(model, TimerXL) and model.checkpoint is not None and not Path(model.checkpoint).expanduser().exists():
        remedy = "model.checkpoint=null, or a file or a run folder that is there"
        return [Mistake("model.checkpoint", "there is no such file or folder", remedy, model.checkpoint)]
    if not isinstance(model, Encoder) or not model.pretrained:
        return []
    try:
        locate(model.model_copy(update={"sha256": None}))  # compared when it is loaded: that reads the whole file
    except RequestError as error:
        return list(error.mistakes)
    return []
