"""Contradictions about keeping the states of frozen layers.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`. Where only the weights can show a
mistake (the family of `model.path`, layers that share weights), it is reported when they are loaded.
"""

from collections.abc import Mapping
from typing import Any

from lab.config.rules.rule import Found, Rule
from lab.config.rules.tasks import GIVES, LABELLED, SERIES
from lab.core.errors import Mistake

KEY, OFF = "cache.hidden_states", "cache.hidden_states=false"
CUTTABLE = ("encoder", "timer_xl")


def _possible(wanted: bool, data_kind: str, model_kind: str) -> Found:
    if wanted and GIVES[data_kind] not in (LABELLED, SERIES):
        yield Mistake(KEY, f"is not available for data of kind {data_kind}", OFF, True)
    elif wanted and model_kind not in CUTTABLE:
        yield Mistake(KEY, f"a model of kind {model_kind} has no layers to keep states of", OFF, True)


def _of_one_net(wanted: bool, ensemble: int, pretrain: bool) -> Found:
    if wanted and int(ensemble) > 1:
        yield Mistake(
            KEY,
            "keeps the hidden states of one network, and an ensemble has several",
            f"{OFF}, or model.ensemble=1",
            True,
        )
    if wanted and pretrain:
        yield Mistake(KEY, "has no effect with model.pretrain=true, which trains every layer", OFF, True)


def _cuttable(wanted: bool, architecture: Mapping[str, Any] | None) -> Found:
    if wanted and (architecture or {}).get("model_type") == "albert":
        yield Mistake(KEY, "all layers of ALBERT share their weights, so no layer can be frozen alone", OFF, True)


def _frozen(wanted: bool, layers: int, schedule: Mapping[Any, int] | None) -> Found:
    if not wanted:
        return
    steps = {int(epoch): int(frozen) for epoch, frozen in (schedule or {}).items()}
    if steps and min(steps.values()) == 0:
        problem = (
            f"callbacks.freeze.schedule={steps} unfreezes every layer, so no hidden state of a text stays the same"
        )
        yield Mistake(KEY, problem, f"{OFF}, or a schedule that keeps some layers frozen", True)
    elif int(layers) == 0 and 0 not in steps:
        yield Mistake(KEY, "no layer is frozen from the first epoch on", f"callbacks.freeze.layers=10, or {OFF}", True)


RULES: tuple[Rule, ...] = (
    ((KEY, "data.kind", "model.kind"), _possible),
    ((KEY, "model.ensemble", "model.pretrain"), _of_one_net),
    ((KEY, "model.architecture"), _cuttable),
    ((KEY, "callbacks.freeze.layers", "callbacks.freeze.schedule"), _frozen),
)
