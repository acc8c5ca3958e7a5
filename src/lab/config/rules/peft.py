"""Contradictions about adapters and layers: models without any, layers whose adapters would never train.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`. Names of modules and layers of
pretrained weights are judged where these are loaded.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lab.config.rules.models import LAYER_KEYS
from lab.config.rules.rule import Found, Rule
from lab.config.rules.sizes import stated_sizes
from lab.core.errors import Mistake, listed

LAYERS, FREEZE, CHECKPOINTING = "peft.layers", "callbacks.freeze.layers", "trainer.gradient_checkpointing"
COMPILE = "trainer.compile"


def _adaptable(kind: str, model: str, model_kind: str) -> Found:
    if kind != "none" and model_kind != "encoder":
        problem = f"model={model} has no encoder layers for adapters"
        yield Mistake("peft", problem, "peft=none, or model=minilm", kind)


def _recomputed(wanted: bool, model: str, model_kind: str) -> Found:
    if wanted and model_kind != "encoder":
        problem = f"model={model} has no encoder layers to recompute"
        yield Mistake(CHECKPOINTING, problem, f"{CHECKPOINTING}=false", True)


def _compiled(wanted: bool, model: str, model_kind: str, peft_kind: str, recomputed: bool) -> Found:
    if not wanted:
        return
    if model_kind != "encoder":
        yield Mistake(COMPILE, f"model={model} has no encoder layers to compile", f"{COMPILE}=false", True)
    elif peft_kind in ("qlora", "qdora"):
        problem = f"peft={peft_kind} computes with its packed weights in kernels that cannot be compiled"
        yield Mistake(COMPILE, problem, f"{COMPILE}=false", True)
    elif recomputed:
        problem = (
            f"compiled layers decide themselves which activations to keep, so {CHECKPOINTING} cannot be used with them"
        )
        yield Mistake(COMPILE, problem, f"{COMPILE}=false, or {CHECKPOINTING}=false", True)


def _cached(wanted: bool, cached: bool) -> Found:
    if wanted and cached:
        problem = (
            "compiled layers round differently, and cache.hidden_states shares its states with runs that do not compile"
        )
        yield Mistake(COMPILE, problem, f"{COMPILE}=false, or cache.hidden_states=false", True)


def _there(layers: Sequence[int] | None, pretrained: bool, architecture: Mapping[str, Any] | None) -> Found:
    if layers is None:
        return
    twice = sorted({int(layer) for layer in layers if list(layers).count(layer) > 1})
    if twice:
        remedy = f"'{LAYERS}={sorted({int(layer) for layer in layers})}'"
        yield Mistake(LAYERS, f"names {listed([str(layer) for layer in twice])} more than once", remedy, list(layers))
    known = stated_sizes(None if pretrained else architecture, LAYER_KEYS)
    if known and any(int(layer) >= known[0] for layer in layers):
        problem = f"the encoder has {known[0]} layers, counted from 0"
        yield Mistake(LAYERS, problem, f"'{LAYERS}=[{known[0] - 1}]'", list(layers))


def _training(layers: Sequence[int] | None, num_frozen: int, schedule: Mapping[Any, int] | None) -> Found:
    """Adapters of layers that are frozen in every epoch: dead weight, and states of the layers could not be kept."""
    steps = {int(epoch): int(frozen) for epoch, frozen in (schedule or {}).items()}
    always = min([*steps.values(), *([] if 0 in steps else [int(num_frozen)])])
    if always and (layers is None or any(int(layer) < always for layer in layers)):
        problem = f"adapters below layer {always} would never train; the encoder itself is frozen with adapters anyway"
        key, none = (FREEZE, 0) if not schedule else ("callbacks.freeze.schedule", "null")
        remedy = f"{key}={none}, or {LAYERS} with layers from {always} on only, if the encoder has that many"
        yield Mistake(key, problem, remedy, schedule or num_frozen)


RULES: tuple[Rule, ...] = (
    (("peft.kind", "model.name", "model.kind"), _adaptable),
    ((CHECKPOINTING, "model.name", "model.kind"), _recomputed),
    ((COMPILE, "model.name", "model.kind", "peft.kind", CHECKPOINTING), _compiled),
    ((COMPILE, "cache.hidden_states"), _cached),
    ((LAYERS, "model.pretrained", "model.architecture"), _there),
    ((LAYERS, FREEZE, "callbacks.freeze.schedule"), _training),
)
