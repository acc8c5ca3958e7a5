"""The models for each task. The task follows from the data; a model that cannot do it is refused here, and so is a
simple model below it (`model.base`) where there can be none.

Pure functions of the values at their keys, as all rules; see `lab.config.rules`.
"""

from collections.abc import Mapping
from typing import Any

from lab.config.rules.rule import Found, Rule
from lab.config.schema.node import kinds_of
from lab.config.schema.series_models import SeriesNet
from lab.core.errors import Mistake, listed

LABELLED, QUESTIONS, SERIES, CUSTOM = "labelled texts", "questions", "time series", "batches of a custom data module"
GIVES = {"maintenance": LABELLED, "files": LABELLED, "hub": LABELLED, "imdb": LABELLED,
         "squad": QUESTIONS, "qa_demo": QUESTIONS,
         "rainfall": SERIES, "series_table": SERIES, "ucr": SERIES, "custom": CUSTOM}  # fmt: skip
"""By `data.kind`."""
READS = {"encoder": (LABELLED, QUESTIONS), "ngram": (LABELLED,), "linear": (LABELLED,), "custom": (CUSTOM,),
         "auto": (LABELLED, QUESTIONS, SERIES),
         **{kind: (SERIES,) for net in SeriesNet.__subclasses__() for kind in kinds_of(net)}}  # fmt: skip
"""By `model.kind`."""
DATA = {LABELLED: "maintenance", QUESTIONS: "qa_demo", SERIES: "rainfall", CUSTOM: "custom"}
MODEL = {LABELLED: "tiny", QUESTIONS: "tiny", SERIES: "inception_time", CUSTOM: "custom"}
"""What to type for each."""


def _task(model: str, model_kind: str, data_kind: str) -> Found:
    given, read = GIVES[data_kind], READS[model_kind]
    if given not in read:
        remedy = f"{' or '.join(f'data={DATA[task]}' for task in read)}, or model={MODEL[given]}"
        yield Mistake("model", f"reads {listed(read)}, but data of kind {data_kind} are {given}", remedy, model)


def _finders(kind: str, lr_finder: bool, batch_finder: bool) -> Found:
    for name, enabled in (("lr_finder", lr_finder), ("batch_finder", batch_finder)):
        if kind == "custom" and enabled:
            key = f"callbacks.{name}.enabled"
            problem = "model=custom sets its own rate and batches, which the finders cannot change"
            yield Mistake(key, problem, f"{key}=false", True)


def _own_optimizer(model: str, optimizer: str, schedule: str, loss: str) -> Found:
    if model != "custom":
        return
    for group, kind, plain in (
        ("optimizer", optimizer, ("adamw",)),
        ("scheduler", schedule, ("linear", "cosine", "constant", "step")),
        ("loss", loss, ("cross_entropy", "focal")),
    ):
        if kind not in plain:
            problem = "has no effect on model=custom, which has its own optimizer, schedule and loss"
            default = {"optimizer": "adamw", "scheduler": "linear", "loss": "default"}[group]
            yield Mistake(group, problem, f"{group}={default}", kind)


def _own_metrics(model: str, extra: Mapping[str, Any] | None) -> Found:
    if extra and model == "custom":
        problem = "has no effect on model=custom, which logs its own metrics"
        yield Mistake("metrics.extra", problem, "metrics.extra=null", list(extra))


KEY, NO_BASE = "model.base", "model.base=null model.base_dropout=0 model.confidence_weighting=0"
"""Its key, and a run without it."""


def _base_of_questions(base: str | None, data_kind: str) -> Found:
    if base is not None and GIVES[data_kind] == QUESTIONS:
        problem = "is a simple model of label columns or windows; questions have none"
        yield Mistake(KEY, problem, NO_BASE, base)


def _base_of_pretraining(base: str | None, pretrain: bool) -> Found:
    if base is not None and pretrain:
        yield Mistake(KEY, "predicts classes; model.pretrain=true predicts the next patch", NO_BASE, base)


def _without_base(base: str | None, dropout: float, weighting: float) -> Found:
    for name, value, problem in (
        ("base_dropout", dropout, "leaves out the logits of a simple model in training"),
        ("confidence_weighting", weighting, "weights rows by the probabilities of a simple model"),
    ):
        if base is None and value > 0:
            yield Mistake(f"model.{name}", f"{problem}, and model.base=null has none", f"model.{name}=0", value)


def _closed_form(base: str | None, kind: str, head: str) -> Found:
    if base is not None and kind == "minirocket" and head == "ridge":
        problem = "needs a network that is trained by its loss; a ridge is solved for the labels themselves"
        yield Mistake(KEY, problem, f"model.head=logistic, or {NO_BASE}", base)


def _seen_rows(base: str | None, train_on_val: bool, refit: bool) -> Found:
    for name, is_set in (("train_on_val", train_on_val), ("refit", refit)):
        if base is not None and is_set:
            key = f"data.split.{name}"
            problem = "trains on validation rows, which choose and calibrate the simple model of model.base"
            yield Mistake(key, problem, f"{key}=false, or {NO_BASE}", True)


def _merged(base: str | None, merge: bool) -> Found:
    if base is not None and merge:
        problem = "writes the network alone, and the logits of the run are those of model.base plus the network's"
        yield Mistake("peft.merge", problem, f"peft.merge=false, or {NO_BASE}", True)


RULES: tuple[Rule, ...] = (
    (("model.name", "model.kind", "data.kind"), _task),
    (("model.kind", "callbacks.lr_finder.enabled", "callbacks.batch_finder.enabled"), _finders),
    (("model.kind", "optimizer.kind", "scheduler.kind", "loss.kind"), _own_optimizer),
    (("model.kind", "metrics.extra"), _own_metrics),
    ((KEY, "data.kind"), _base_of_questions),
    ((KEY, "model.pretrain"), _base_of_pretraining),
    ((KEY, "model.kind", "model.head"), _closed_form),
    ((KEY, "peft.merge"), _merged),
    ((KEY, "model.base_dropout", "model.confidence_weighting"), _without_base),
    ((KEY, "data.split.train_on_val", "data.split.refit"), _seen_rows),
)
