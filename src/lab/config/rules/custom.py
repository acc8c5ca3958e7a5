"""Settings that have no effect on a module of one's own, which has its own layers and optimizer.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

from lab.config.rules.rule import Found, Rule
from lab.core.errors import Mistake


def _finders(kind: str, lr_finder: bool, batch_finder: bool) -> Found:
    for name, enabled in (("lr_finder", lr_finder), ("batch_finder", batch_finder)):
        if kind == "custom" and enabled:
            key = f"callbacks.{name}.enabled"
            problem = "model=custom sets its own rate and batches, which the finders cannot change"
            yield Mistake(key, problem, f"{key}=false", True)


def _adapters(kind: str, peft: str) -> Found:
    if kind == "custom" and peft != "none":
        problem = "adapters need an encoder of texts, and model=custom is a module of its own"
        yield Mistake("peft", problem, "peft=none", peft)


def _training(kind: str, compile: bool, gradient_checkpointing: bool) -> Found:
    for name, chosen in (("compile", compile), ("gradient_checkpointing", gradient_checkpointing)):
        if kind == "custom" and chosen:
            problem = "acts on the layers of an encoder; a module of your own does this in its configure_model"
            yield Mistake(f"trainer.{name}", problem, f"trainer.{name}=false", True)


RULES: tuple[Rule, ...] = (
    (("model.kind", "callbacks.lr_finder.enabled", "callbacks.batch_finder.enabled"), _finders),
    (("model.kind", "peft.kind"), _adapters),
    (("model.kind", "trainer.compile", "trainer.gradient_checkpointing"), _training),
)
