"""Callbacks of Lightning that contradict exact resume or the best checkpoint.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

from collections.abc import Mapping
from typing import Any

from lab.config.rules.rule import Found, Rule
from lab.core.errors import Mistake

AVERAGE = "lightning.pytorch.callbacks.EMAWeightAveraging"


def _extra(extra: Mapping[str, Mapping[str, Any]] | None) -> Found:
    for name, node in (extra or {}).items():
        target, key = str(node.get("_target_", "")), f"callbacks.extra.{name}"
        kind = target.rpartition(".")[2] if target.startswith("lightning.") else ""
        if kind == "StochasticWeightAveraging":
            problem = "averages after the last validation: neither best.ckpt nor the test would have its weights"
            yield Mistake(f"{key}._target_", problem, f"{key}._target_={AVERAGE}", target)
        if kind == "Timer" and node.get("duration") is not None:
            problem = "may stop between the micro-batches of a step, whose gradients no checkpoint has"
            yield Mistake(f"{key}.duration", problem, f"leave it out, and trainer.max_time={node['duration']}")


RULES: tuple[Rule, ...] = ((("callbacks.extra",), _extra),)
