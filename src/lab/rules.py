"""What a config may not say although each of its values is fine alone. Pure, and needs no data.

A rule names the keys it reads; it is left out where one of them is absent (another kind of data) or already known to be
wrong, so that one slip is not reported twice.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from itertools import pairwise
from typing import Any

from lab.errors import Mistake, listed

Found = Iterator[Mistake]
_ABSENT = object()

LAYER_KEYS = ("num_hidden_groups", "num_hidden_layers", "n_layers")
"""What transformers configs call the number of blocks (DistilBERT: n_layers); ALBERT's groups of weights come first."""


def contradictions(config: Mapping[str, Any], wrong: Set[str]) -> Found:
    """Every rule that `config` (nested, resolved) breaks; `wrong`: dotted keys not to be judged again."""
    for keys, rule in RULES:
        values = [lookup(config, key) for key in keys]
        if any(value is _ABSENT for value in values) or any(_touches(key, wrong) for key in keys):
            continue
        yield from rule(*values)


def lookup(config: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key, or a private marker that stands for "no such key"."""
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return _ABSENT
        value = value[part]
    return value


def sense(metric: str) -> str:
    """Whether a metric is to be small or large: losses are minimised, all else is maximised."""
    return "min" if metric.rsplit("/", 1)[-1] == "loss" else "max"


def _touches(key: str, wrong: Set[str]) -> bool:
    return any(key == other or key.startswith(f"{other}.") or other.startswith(f"{key}.") for other in wrong)


def _objective(metric: str, mode: str) -> Found:
    key = "objective.metric"
    split, _, name = metric.partition("/")
    if split == "test":
        problem = "a choice made on test rows spoils the test score; runs are compared on validation rows"
        yield Mistake(key, problem, f"{key}=val/{name or 'f1_macro'}", metric)
    elif split == "train":
        problem = "a training score does not show what a model does on rows it has not seen"
        yield Mistake(key, problem, f"{key}=val/{name or 'f1_macro'}", metric)
    elif split != "val" or not name:
        problem = "must name a validation metric, val/<metric> or val/<head>/<metric>"
        yield Mistake(key, problem, f"{key}=val/{metric.strip('/') if split != 'val' else 'f1_macro'}", metric)
    yield from _mode("objective.mode", metric, mode)


def _mode(key: str, metric: str, mode: str) -> Found:
    if mode != sense(metric):
        wanted = "smaller" if mode == "max" else "larger"
        yield Mistake(key, f"{metric} is better when {wanted}", f"{key}={sense(metric)}", mode)


def _early_stopping(metric: str | None, mode: str | None) -> Found:
    key = "callbacks.early_stopping.metric"
    if metric is None:
        if mode is not None:
            problem = "has no effect without callbacks.early_stopping.metric; the objective brings its own mode"
            yield Mistake("callbacks.early_stopping.mode", problem, "callbacks.early_stopping.mode=null", mode)
        return
    if metric.startswith("test/"):
        problem = "stopping on test rows spoils the test score"
        yield Mistake(key, problem, f"{key}=val/{metric.removeprefix('test/')}", metric)
    if mode is not None:
        yield from _mode("callbacks.early_stopping.mode", metric, mode)


def _warmup(ratio: float, steps: int | None) -> Found:
    if steps is not None and float(ratio) > 0:
        problem = f"scheduler.warmup_ratio={ratio} also sets the warm-up; give one of the two"
        yield Mistake(
            "scheduler.warmup_steps", problem, f"scheduler.warmup_steps={steps} scheduler.warmup_ratio=0", steps
        )


def _epochs(least: int, most: int) -> Found:
    if int(least) > int(most):
        yield Mistake(
            "trainer.min_epochs", f"is more than trainer.max_epochs={most}", f"trainer.max_epochs={least}", least
        )


def _shares(val: float, test: float) -> Found:
    if float(val) + float(test) >= 1:
        problem = f"with data.split.test={test} nothing is left to train on"
        yield Mistake("data.split.val", problem, "data.split.val=0.1 data.split.test=0.1", val)


def _files(path: Any, train: Any, val: Any, test: Any) -> Found:
    if path is None and train is None:
        problem = (
            "no file is given: a path (split drawn here), or a train file with val and test files as you have them"
        )
        yield Mistake("data.path", problem, "data.path=avisos.csv", None)
    parts = [f"data.{name}" for name, value in (("train", train), ("val", val), ("test", test)) if value is not None]
    if path is not None and parts:
        problem = f"a path is split here, so it does not go with {listed(parts)}"
        yield Mistake("data.path", problem, "data.path=null" if train else f"data.path=null data.train={path}", path)


def _columns(text: Sequence[str], labels: Sequence[str]) -> Found:
    for key, columns in (("data.text", text), ("data.labels", labels)):
        twice = sorted({column for column in columns if list(columns).count(column) > 1})
        if twice:
            problem = f"names {listed(twice)} more than once"
            yield Mistake(key, problem, _assignment(key, dict.fromkeys(columns)), list(columns))
    both = sorted(set(text) & set(labels))
    if both:
        problem = f"{listed(both)} is also a text column: a model that reads its label learns nothing"
        left = [column for column in text if column not in both]
        yield Mistake("data.labels", problem, _assignment("data.text", left or ["OTHER_COLUMN"]), list(labels))


def _assignment(key: str, columns: Any) -> str:
    return f"'{key}=[{','.join(columns)}]'"


def _source(path: str | None, package: str | None, architecture: Mapping[str, Any] | None) -> Found:
    if path is None and package is None and architecture is None:
        problem = "there is nothing to load and no architecture to build"
        yield Mistake("model.path", problem, "model.path=FOLDER_OR_HUB_NAME", None)


def _vocabulary(pretrained: bool, size: int, architecture: Mapping[str, Any] | None) -> Found:
    published = (architecture or {}).get("vocab_size")
    if pretrained and published is not None and int(size) != int(published):
        key = "model.vocabulary_size"
        problem = f"has no effect with pretrained weights, which bring their vocabulary ({published} tokens)"
        yield Mistake(key, problem, f"{key}={published}, or model.pretrained=false to learn one", size)


def _frozen(
    pretrained: bool, architecture: Mapping[str, Any] | None, layers: int, schedule: Mapping[Any, int] | None
) -> Found:
    if pretrained:  # the weights say how many layers they have: the freeze callback asks them before training
        return
    known = [int(architecture[key]) for key in LAYER_KEYS if key in (architecture or {})] if architecture else []
    if not known:
        return
    num_layers = known[0]
    if int(layers) > num_layers:
        problem = f"the encoder has {num_layers} layers"
        yield Mistake("callbacks.freeze.layers", problem, f"callbacks.freeze.layers={num_layers}", layers)
    deep = {epoch: frozen for epoch, frozen in (schedule or {}).items() if int(frozen) > num_layers}
    if deep:
        problem = f"epochs {listed([str(epoch) for epoch in deep])} freeze more than the encoder's {num_layers} layers"
        remedy = f"'callbacks.unfreeze.schedule={{0: {num_layers}}}'"
        yield Mistake("callbacks.unfreeze.schedule", problem, remedy, schedule)


def _layerless(kind: str, layers: int, schedule: Mapping[Any, int] | None) -> Found:
    if kind != "ngram":
        return
    if int(layers) > 0:
        yield Mistake("callbacks.freeze.layers", "model=ngram has no layers", "callbacks.freeze.layers=0", layers)
    if schedule:
        remedy = "callbacks.unfreeze.schedule=null"
        yield Mistake("callbacks.unfreeze.schedule", "model=ngram has no layers", remedy, schedule)


def _thawing(schedule: Mapping[Any, int] | None, num_epochs: int) -> Found:
    key, steps = "callbacks.unfreeze.schedule", sorted((int(epoch), n) for epoch, n in (schedule or {}).items())
    if any(later > earlier for (_, earlier), (_, later) in pairwise(steps)):
        yield Mistake(key, "freezes more layers as epochs pass; layers still frozen can only become fewer",
                      f"'{key}={{0: 12, 1: 8, 2: 0}}'", schedule)  # fmt: skip
    if any(epoch >= num_epochs for epoch, _ in steps):
        yield Mistake(key, f"names an epoch that never comes: they are counted from 0, to {num_epochs - 1}",
                      f"trainer.max_epochs={max(epoch for epoch, _ in steps) + 1}", schedule)  # fmt: skip


def _range_test(enabled: bool, low: float, high: float) -> Found:
    if enabled and float(low) >= float(high):
        remedy = "callbacks.lr_finder.min_lr=1e-7 callbacks.lr_finder.max_lr=1"
        yield Mistake("callbacks.lr_finder.min_lr", f"must be below callbacks.lr_finder.max_lr={high}", remedy, low)


def _batch_search(enabled: bool, largest: int, start: int) -> Found:
    if enabled and int(start) > int(largest):
        key = "callbacks.batch_finder.max_batch_size"
        yield Mistake(key, f"is below data.batch_size={start}, where the search starts", f"{key}={start}", largest)


def _ngrams(shortest_longest: Sequence[int] | None) -> Found:
    if shortest_longest is not None and int(shortest_longest[0]) > int(shortest_longest[1]):
        low, high = shortest_longest
        yield Mistake(
            "model.char_ngrams", "the shortest comes first", f"'model.char_ngrams=[{high},{low}]'", [low, high]
        )


def _word_ngrams(shortest_longest: Sequence[int]) -> Found:
    for mistake in _ngrams(shortest_longest):
        yield Mistake("model.word_ngrams", mistake.problem, mistake.remedy.replace("char", "word"), mistake.value)


def _one_source(resume: str | None, test: str | None) -> Found:
    if resume is not None and test is not None:
        yield Mistake("test", "a run is either resumed or tested", f"resume={resume}, then test={test}", test)


RULES: tuple[tuple[tuple[str, ...], Callable[..., Found]], ...] = (
    (("objective.metric", "objective.mode"), _objective),
    (("callbacks.early_stopping.metric", "callbacks.early_stopping.mode"), _early_stopping),
    (("scheduler.warmup_ratio", "scheduler.warmup_steps"), _warmup),
    (("trainer.min_epochs", "trainer.max_epochs"), _epochs),
    (("data.split.val", "data.split.test"), _shares),
    (("data.path", "data.train", "data.val", "data.test"), _files),
    (("data.text", "data.labels"), _columns),
    (("model.path", "model.package", "model.architecture"), _source),
    (("model.pretrained", "model.vocabulary_size", "model.architecture"), _vocabulary),
    (("model.pretrained", "model.architecture", "callbacks.freeze.layers", "callbacks.unfreeze.schedule"), _frozen),
    (("model.kind", "callbacks.freeze.layers", "callbacks.unfreeze.schedule"), _layerless),
    (("callbacks.unfreeze.schedule", "trainer.max_epochs"), _thawing),
    (("callbacks.lr_finder.enabled", "callbacks.lr_finder.min_lr", "callbacks.lr_finder.max_lr"), _range_test),
    (("callbacks.batch_finder.enabled", "callbacks.batch_finder.max_batch_size", "data.batch_size"), _batch_search),
    (("model.char_ngrams",), _ngrams),
    (("model.word_ngrams",), _word_ngrams),
    (("resume", "test"), _one_source),
)


def not_finite(config: Any, key: str = "") -> Found:
    """NaN and infinities anywhere, which no rate, weight or limit may be."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            yield from not_finite(value, f"{key}.{name}" if key else str(name))
    elif isinstance(config, list):
        for value in config:
            yield from not_finite(value, key)
    elif isinstance(config, float) and not math.isfinite(config):
        quoted = (
            f"""; text goes in quotes: '{key}=["{config}"]'""" if key.endswith(("missing", "text", "labels")) else ""
        )
        yield Mistake(key, f"must be a finite number{quoted}", f"{key}=0.001" if not quoted else "", config)
