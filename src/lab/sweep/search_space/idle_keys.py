"""Keys that do not act on a model: every value gives the same scores, so a search over them compares equal trials.

Pure: `reason` reads the values of the config. A model of a kind that is not listed here is acted on by all its keys.
"""

from collections.abc import Mapping
from typing import Any

from lab.config.dotted_keys import at, is_below, is_there

TRAINING = (
    "optimizer", "scheduler", "model.lr", "model.weight_decay", "model.epochs", "model.dropout", "trainer.max_epochs",
    "trainer.max_steps", "trainer.gradient_clip_val", "trainer.gradient_clip_algorithm",
    "trainer.accumulate_grad_batches", "callbacks.early_stopping", "callbacks.accumulate", "data.batch_size",
    "loss.kind", "loss.gamma", "loss.label_smoothing", "model.label_smoothing", "loss.logit_adjustment",
)  # fmt: skip
"""Keys of training by steps."""
SOLVED = {
    "linear": (None, None, (*TRAINING, "loss.head_weighting"), "model.c=choice(0.1,0.3,1.0)"),
    "logistic_lags": (None, None, (*TRAINING, "model.ensemble"), "model.lags=choice(3,7,14)"),
    "minirocket": ("head", "ridge", TRAINING, "model.num_features=choice(4998,9996)"),
}
"""By `model.kind` of a model that is solved and not trained: the key below `model` that says so and its value (None:
always), the keys that do not act on it, and an example of a key that does."""


def reason(key: str, plain: Mapping[str, Any]) -> str | None:
    """Return why a dotted key does not act on the model of a config, or None where it acts.

    >>> reason("optimizer.lr", {"model": {"kind": "minirocket", "name": "minirocket", "head": "ridge"}})
    'does not act on model=minirocket with model.head=ridge, which is solved and not trained by steps'
    """
    model = at(plain, "model") if is_there(plain, "model") else {}
    if model.get("kind") not in SOLVED:
        return None
    switch, value, keys, _ = SOLVED[model["kind"]]
    if not is_below(key, keys) or (switch is not None and model.get(switch) != value):
        return None
    where = f"model={model['name']}" + ("" if switch is None else f" with model.{switch}={value}")
    return f"does not act on {where}, which is solved and not trained by steps"


def example(plain: Mapping[str, Any]) -> str:
    """Return a search over a key that acts on a solved model, as it is typed."""
    return f"'{SOLVED[at(plain, 'model.kind')][3]}'"
