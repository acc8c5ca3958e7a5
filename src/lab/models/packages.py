"""Which packages a method of fine-tuning lacks, asked without importing any: a request is checked before torch is."""

import importlib.util

from lab.errors import Mistake
from lab.schema import Adapters, Config

INSTALL = "pip install -e '.[peft]'"


def missing(config: Config) -> list[Mistake]:
    """A mistake for every package that `config.peft` needs and that is not installed."""
    if not isinstance(config.peft, Adapters):
        return []
    kind = config.peft.kind
    instead = {"peft": "none"} | ({"bitsandbytes": kind.removeprefix("q")} if config.peft.quantised else {})
    return [
        Mistake("peft", f"needs the package {name!r}, which is not installed", f"{INSTALL}, or peft={other}", kind)
        for name, other in instead.items()
        if importlib.util.find_spec(name) is None
    ]
