"""Unknown keys: the key that was meant, the choice of its group that has it, or that it is not supported yet.

Names of settings of other frameworks are translated where `lab` has the setting.
"""

import difflib
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_origin

from lab.config import template_overrides
from lab.config.dotted_keys import at, flattened, is_there, nearest_key
from lab.config.rules.tasks import GIVES
from lab.config.schema import Config
from lab.core.errors import Mistake, listed
from lab.core.hydra_quoting import quoted

CHOICES = {"files": "csv", "encoder": "tiny"}
"""A choice of the group for a kind of data or model; all other kinds have a choice of their own name."""
EXTRAS = ("callbacks.extra", "logger.extra", "metrics.extra")
"""Keys below which each key is a class with its arguments."""
GROUPS = ("model", "data", "peft", "loss", "optimizer", "scheduler")
"""Groups whose choice people type as a key: `scheduler.type=cosine` for `scheduler=cosine`."""
MEANT = {
    **dict.fromkeys(("epochs", "num_epochs", "n_epochs", "num_train_epochs"), "trainer.max_epochs"),
    **dict.fromkeys(("learning_rate", "rate"), "optimizer.lr"),
    **dict.fromkeys(("train_batch_size", "per_device_train_batch_size"), "data.batch_size"),
    **dict.fromkeys(("val_batch_size", "per_device_eval_batch_size"), "data.eval_batch_size"),
    **dict.fromkeys(("gradient_clip_val", "max_grad_norm", "grad_clip"), "trainer.gradient_clip_val"),
    **dict.fromkeys(("accumulate_grad_batches", "gradient_accumulation_steps"), "trainer.accumulate_grad_batches"),
    **dict.fromkeys(("max_len", "max_seq_length", "max_seq_len"), "data.max_length"),
    **dict.fromkeys(("early_stopping_patience", "patience"), "callbacks.early_stopping.patience"),
    "metric_for_best_model": "objective.metric",
    "workers": "data.num_workers",
    "dataloader_num_workers": "data.num_workers",
    "label_smoothing_factor": "loss.label_smoothing",
    "wd": "optimizer.weight_decay",
}
"""The last part of a key of Lightning's Trainer or transformers' TrainingArguments to the key of `lab`."""
RENAMED = {
    "peft.rate": "peft.lr",
    "loss.weighting": "loss.head_weighting",
    "data.missing": "data.missing_markers",
    "data.gaps": "data.missing_values",
    "data.rows": "data.max_rows",
    "cache.frozen": "cache.hidden_states",
    "callbacks.unfreeze": "callbacks.freeze",
    "callbacks.accumulate.batches": "trainer.accumulate_grad_batches",
    "trainer.gradient_clip": "trainer.gradient_clip_val",
    "name": "experiment_name",
    "sweep.file": "sweep.azure.file",
    "sweep.keys": "sweep.azure.parameters",
    "sweep.metric": "sweep.azure.metric",
    "by": "group_by",
    "together": "allow_mixed",
}
"""Present names of keys of earlier versions, and of the keys below them."""
RENAMED_CHOICES = {
    "data": {"table": "series_table"},
    "experiment": {"ocensa_phase3": "reports_beto", "ocensa_fast": "reports_beto_fast"},
}
"""Present names of choices of earlier versions, by group."""
_SPELLING = 0.85
"""Least similarity (0 to 1) of two names that are taken for two spellings of one; `label` and `labels` have 0.91."""
_LATER = "is not supported yet"
NOT_YET = {
    "export": "is a command of its own: python export.py run=RUN output=FOLDER",
    "predict": "is a command of its own: python predict.py run=RUN input=new.csv",
    "serve": "is a command of its own: python serve.py run=RUN",
    **dict.fromkeys(
        ("limit_predict_batches", "enable_checkpointing", "barebones", "use_distributed_sampler",
         "enable_autolog_hparams", "model_registry"), _LATER),
}  # fmt: skip
"""Settings with a usual name that are not supported yet, by a key's last part."""


def no_key(key: str, text: str | None, plain: Mapping[str, Any]) -> Mistake:
    """Return the mistake of a key that `plain`, the config of the chosen groups, lacks; text: its value as typed."""
    parent, _, leaf = key.rpartition(".")
    if (argument := _argument(key, text, plain)) is not None:
        return argument
    if (foreign := template_overrides.of_key(key, text, plain)) is not None:
        return foreign
    if parent and is_there(plain, parent) and not isinstance(at(plain, parent), Mapping):
        return Mistake(key, f"no such key; {parent} is set as a whole", _whole(parent, leaf, text, plain), text)
    if leaf not in NOT_YET and (homes := _homes(key, plain)):
        group = key.partition(".")[0]
        problem = f"no such key here; it belongs to {listed([f'{group}={home}' for home in homes])}"
        if near := _same_but_spelling(key, plain):
            return Mistake(key, f"{problem}; the nearest here is {near}", _typed(near, text, plain), text)
        return Mistake(key, problem, f"{group}={homes[0]} {shlex.quote(f'{key}={text}')}", text)
    problem, near = unknown(key, [*flattened(plain), *map(str, plain)])
    if near is None:
        listing = "" if leaf in NOT_YET else "; --cfg job lists every key"
        return Mistake(key, problem + listing, f"leave out {key}", text)
    return Mistake(key, problem, shlex.quote(f"{near}={text}") if text is not None else f"~{near}", text)


def _argument(key: str, text: str | None, plain: Mapping[str, Any]) -> Mistake | None:
    """The mistake of an argument for a class that `_target_` names: Hydra adds such a key with a + only."""
    group, _, rest = key.partition(".")
    node = plain.get(group)
    custom = isinstance(node, Mapping) and node.get("kind") == "custom"
    if custom or any(key.startswith(f"{parent}.") for parent in EXTRAS):
        return Mistake(key, "an argument of a class is added with a +", shlex.quote(f"+{key}={text}"), text)
    if rest != "_target_" and key != "_target_":
        return None
    if group in GROUPS:
        return Mistake(key, f"a class of your own is {group}=custom", f"{group}=custom {shlex.quote(f'{key}={text}')}")
    places = listed([*(f"{name}=custom" for name in GROUPS if name != "peft"), *(f"{name}.NAME" for name in EXTRAS)])
    return Mistake(key, f"classes of your own go into {places}", f"+callbacks.extra.NAME._target_={text}", text)


def unknown(key: str, known: Iterable[str]) -> tuple[str, str | None]:
    """Return the problem of a key that is not among the known dotted keys, and the key that was meant, if any."""
    there, (group, _, rest), leaf = set(known), key.partition("."), key.rpartition(".")[2]
    if (new := renamed(key)) != key and any(name == new or name.startswith(f"{new}.") for name in there):
        return f"is called {new}", new
    if leaf in NOT_YET:
        return NOT_YET[leaf], None
    if group in GROUPS and rest in ("name", "type", "kind") and group in there:
        near: str | None = group
    elif (meant := "optimizer.lr" if key == "lr" else MEANT.get(leaf)) in there:
        near = meant
    else:
        near = nearest_key(key, there)
    return (f"no such key; the nearest is {near}" if near else "no such key"), near


def renamed(key: str) -> str:
    """Return the present name of a dotted key.

    >>> renamed("data.rows.train")
    'data.max_rows.train'
    """
    for old, new in RENAMED.items():
        if key == old or key.startswith(f"{old}."):
            return new + key.removeprefix(old)
    return key


def unknown_value(key: str, value: object, known: Iterable[str]) -> Mistake:
    """Return the mistake of a key that a config has and the schema lacks."""
    problem, near = unknown(key, known)
    if near is None:
        return Mistake(key, problem, f"leave out {key}", value)
    shown = value if not isinstance(value, Mapping | list) else None
    return Mistake(key, problem, f"{near}=..." if shown is None else quoted(near, shown), value)


def _whole(parent: str, leaf: str, text: str | None, plain: Mapping[str, Any]) -> str:
    """Return how to type a key that is set as a whole."""
    old, value = at(plain, parent), text or "null"
    typed = f"{{{leaf}: {value}}}" if old is None else f"[{value}]" if isinstance(old, list) else value
    return shlex.quote(f"{parent}={typed}")


def _same_but_spelling(key: str, plain: Mapping[str, Any]) -> str | None:
    """Return the key of the chosen group that differs from `key` in a letter or two (`data.label`: `data.labels`)."""
    group, _, leaf = key.partition(".")
    near = difflib.get_close_matches(leaf, list(plain.get(group) or ()), n=1, cutoff=_SPELLING)
    return f"{group}.{near[0]}" if near else None


def _typed(key: str, text: str | None, plain: Mapping[str, Any]) -> str:
    """Return how to type a value for a key of a group; a single name becomes a list where the key takes only lists."""
    if text is None:
        return f"~{key}"
    group, _, leaf = key.partition(".")
    kinds = get_args(Config.model_fields[group].annotation)
    chosen = at(plain, f"{group}.kind")
    fields = [kind.model_fields for kind in kinds if chosen in get_args(kind.model_fields["kind"].annotation)]
    only_lists = any(leaf in keys and get_origin(keys[leaf].annotation) is tuple for keys in fields)
    return shlex.quote(f"{key}=[{text}]" if only_lists and not text.startswith("[") else f"{key}={text}")


def _homes(key: str, plain: Mapping[str, Any]) -> list[str]:
    """Return the choices of a group that have this key, those of the chosen one's task first."""
    group, _, rest = key.partition(".")
    if group not in ("data", "model", "peft"):
        return []
    kinds = get_args(Config.model_fields[group].annotation)
    names = [get_args(kind.model_fields["kind"].annotation)[0] for kind in kinds if rest in kind.model_fields]
    chosen = plain.get(group, {}).get("kind") if isinstance(plain.get(group), Mapping) else None
    names.sort(key=lambda name: GIVES.get(name) != GIVES.get(str(chosen)))
    return list(dict.fromkeys(CHOICES.get(name, name) for name in names))
