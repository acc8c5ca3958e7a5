"""The settings with which weights of a Timer-XL were trained, beyond those that the shapes of the tensors show.

A network with other settings loads the weights without an error and scores worse. Settings in `COMPUTED` decide what a
layer computes, and the weights mean nothing with other values. Settings in `SEEN` decide what a token attends to; a
change is allowed and gives a warning. The config of a run has all settings; the released files have a known rotation;
a Hugging Face folder has its number of heads.
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
    """The known settings with which weights were trained. path: a file, a run folder or a Hugging Face folder."""
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
        pass  # a single file: only its shapes can be compared
    return known


def differences(now: TimerXL, known: dict[str, Any]) -> tuple[list[Mistake], list[str]]:
    """Mistakes that make the weights meaningless, and warnings such as `causal=false, trained with true`."""
    different = list(_different(now, known))
    problem = "the weights of model.checkpoint were trained with"
    mistakes = [
        Mistake(f"model.{name}", f"{problem} {_as_typed(trained)}", f"model.{name}={_as_typed(trained)}", requested)
        for name, requested, trained in different
        if name in COMPUTED
    ]
    warnings = [
        f"{name}={_as_typed(requested)}, trained with {_as_typed(trained)}"
        for name, requested, trained in different
        if name in SEEN
    ]
    return mistakes, warnings


def _different(now: TimerXL, known: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name, trained in known.items():
        requested = getattr(now, name)
        if requested != trained:
            yield name, requested, trained


def _as_typed(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
