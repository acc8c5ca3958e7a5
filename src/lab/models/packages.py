"""Which packages a method of fine-tuning lacks, asked without importing any: the check of a request runs before torch."""

import importlib.util

from lab.errors import Mistake
from lab.schema import Adapters, Config

INSTALL = "pip install -e '.[peft]'"


def missing(config: Config) -> list[Mistake]:
    """A mistake for every package that `config.peft` needs and that is not installed."""
    if not isinstance(config.peft, Adapters):
        return []
    wanted = ["peft", *(["bitsandbytes"] if config.peft.quantised else [])]
    whole = {"peft": "none", "bitsandbytes": config.peft.kind.removeprefix("q")}
    return [
        Mistake(
            "peft", f"needs the package {name!r}, which is not installed", f"{INSTALL}, or peft={whole[name]}", kind
        )
        for kind, name in ((config.peft.kind, name) for name in wanted)
        if importlib.util.find_spec(name) is None
    ]
