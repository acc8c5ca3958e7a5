"""What to try after a run that is not above a simple model: `model=auto`, unless it would choose what the run used."""

from collections.abc import Mapping
from typing import Any

from lab.config.rules.models import SOLVED
from lab.config.rules.tasks import GIVES, LABELLED, SERIES
from lab.config.schema import Config, Encoder, Labelled, Ucr
from lab.core.record.baseline_comparison import ABOVE, MAJORITY
from lab.training.auto.facts import FEATURE_GIB, machine_of
from lab.training.auto.table import LANGUAGES, Facts, Machine, choose


def suggestion(config: Config, comparison: Mapping[str, Any] | None, data: Mapping[str, Any]) -> str | None:
    """Return what to try after a run that is not above a fitted baseline; None if it is, or if nothing else is left.

    comparison: the field `baseline_comparison` of run.json; data: its field `data`.
    """
    overall = None if comparison is None else comparison["overall"]
    if overall is None or overall["verdict"] == ABOVE or overall["baseline"] == MAJORITY:
        return None
    task, model = GIVES[config.data.kind], config.model
    if config.model_reason is not None or task not in (LABELLED, SERIES) or model.kind in SOLVED:
        return None
    if _would_choose(config, task, data["rows"]["train"], max((data.get("classes") or {}).values(), default=0)):
        return None
    return "To try next: model=auto takes the model that was best on data of this kind."


def _would_choose(config: Config, task: str, rows: int, classes: int) -> bool:
    """Return whether auto may choose the run's model and base. The language of the texts is not known any more, so each
    language counts."""
    split, texts = config.data.split, isinstance(config.data, Labelled)  # type: ignore[union-attr]
    facts = [
        Facts(
            task,
            rows,
            classes,
            language=language,
            timed=not isinstance(config.data, Labelled | Ucr),
            feature_gib=rows * FEATURE_GIB,
            held_out=not (split.train_on_val or split.refit),
            streamed=bool(getattr(config.data, "streaming", False)),
        )
        for language in ((None, *LANGUAGES) if texts else (None,))
    ]
    # Only an encoder needs a look at weights and GPU: looking at weights imports what other runs do without.
    machine = machine_of(config) if isinstance(config.model, Encoder) else Machine((), lambda: False)
    choices = [choose(fact, machine) for fact in facts]
    used = (config.model.name, getattr(config.model, "base", None))
    return any((choice.model, choice.base) == used for choice in choices)
