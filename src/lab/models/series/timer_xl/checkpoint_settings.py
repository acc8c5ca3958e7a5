"""How weights of a Timer-XL were trained, beyond the shapes of their tensors: a network that is built otherwise takes
them without a word, and scores worse.

Some settings decide what a layer computes: under others the weights mean nothing. Some decide what it sees: those one
may change on purpose, and is told. A run of this project says all of them in its config; of the released files the
rotation is known, and a Hugging Face folder says its number of heads.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.config.schema import TimerXL
from lab.core.errors import GARBLED, Mistake
from lab.core.files import read_json, read_yaml

COMPUTED = ("num_heads", "rope", "normalise")
SEEN = ("causal", "mixing", "covariate", "rope_position")
RELEASED: dict[str, dict[str, Any]] = {"OpenLTM": {"rope": "interleaved_half"}, "Hugging Face": {"rope": "split_full"}}


def trained_with(layout: str, path: str) -> dict[str, Any]:
    """Settings that weights were trained with, those that are known. path: a file, or the folder of a run or a hub."""
    place = Path(path).expanduser()
    known = dict(RELEASED.get(layout, {}))
    try:
        if layout == "lab":
            folder = place if place.is_dir() else place.parent.parent
            model = read_yaml(folder / "config.yaml")["model"]
            known |= {name: model[name] for name in (*COMPUTED, *SEEN)}
        elif place.is_dir():
            heads = read_json(place / "config.json", dict).get("num_attention_heads")
            known |= {} if heads is None else {"num_heads": heads}
    except (OSError, ValueError, *GARBLED):
        pass  # a file alone: its shapes are all there is to compare
    return known


def differences(now: TimerXL, known: dict[str, Any]) -> tuple[list[Mistake], list[str]]:
    """What makes the weights meaningless, and what is to be said: `causal=False, trained with True`."""
    apart = list(_apart(now, known))
    problem = "the weights of model.checkpoint were trained with"
    mistakes = [
        Mistake(f"model.{name}", f"{problem} {_typed(was)}", f"model.{name}={_typed(was)}", here)
        for name, here, was in apart
        if name in COMPUTED
    ]
    return mistakes, [f"{name}={_typed(here)}, trained with {_typed(was)}" for name, here, was in apart if name in SEEN]


def _apart(now: TimerXL, known: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name, was in known.items():
        here = getattr(now, name)
        if here != was:
            yield name, here, was


def _typed(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
