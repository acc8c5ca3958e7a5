"""Each contradiction between keys is found, and none is seen where there is none."""

import pytest

from lab.config.rules import RULES, contradictions, lookup, not_finite
from lab.config.rules.training import sense
from lab.config.schema import Config, Node


def found(config: dict[str, object], wrong: frozenset[str] = frozenset()) -> list[str]:
    nested: dict[str, object] = {}
    for key, value in config.items():
        *parents, leaf = key.split(".")
        node = nested
        for parent in parents:
            node = node.setdefault(parent, {})  # type: ignore[assignment]
        node[leaf] = value
    return [mistake.key for mistake in contradictions(nested, wrong)]


OBJECTIVE = ("objective.metric", "objective.mode")
FILES = ("data.path", "data.train", "data.val", "data.test", "data.kind")
FROZEN = ("model.pretrained", "model.architecture", "callbacks.freeze.layers", "callbacks.freeze.schedule")
VOCABULARY = ("model.pretrained", "model.vocabulary_size", "model.architecture")
KIND = ("model.kind", "callbacks.freeze.layers", "callbacks.freeze.schedule")
STOPPING = ("callbacks.early_stopping.metric", "callbacks.early_stopping.mode")
FINDER = ("callbacks.lr_finder.enabled", "callbacks.lr_finder.min_lr", "callbacks.lr_finder.max_lr")
THAWING = ("callbacks.freeze.schedule", "trainer.max_epochs")
CACHED = ("cache.hidden_states", "callbacks.freeze.layers", "callbacks.freeze.schedule")
CACHED_BY = ("cache.hidden_states", "data.kind", "model.kind")
CACHED_FAMILY = ("cache.hidden_states", "model.architecture")
DATES = ("data.split.val_from", "data.split.test_from")
TABLE = ("data.time", "data.group", "data.features", "data.label")
RIDGE = ("model.kind", "model.head", "trainer.max_epochs", "trainer.precision", "callbacks.lr_finder.enabled")
PRETRAIN = ("model.pretrain", "objective.metric", "model.causal", "model.ensemble")
SETS = ("data.labels", "data.split_labels", "data.label_separator")
TASK = ("model.name", "model.kind", "data.kind")
STEPS = ("trainer.accumulate_grad_batches", "callbacks.accumulate.schedule")
BATCH = ("callbacks.batch_finder.enabled", "callbacks.batch_finder.max_batch_size", "data.batch_size")


@pytest.mark.parametrize(
    ("keys", "values", "blamed"),
    [
        (OBJECTIVE, ("val/f1_macro", "max"), []),
        (STEPS, (4, None), []),
        (STEPS, (1, {0: 8, 4: 4}), []),
        (STEPS, (4, {0: 8}), ["trainer.accumulate_grad_batches"]),
        (DATES, (None, None), []),
        (DATES, ("2015-01-01", "2019-01-01"), []),
        (DATES, ("2015-01-01", None), ["data.split.val_from"]),
        (DATES, (None, "2015-01-01"), ["data.split.test_from"]),
        (DATES, ("2019-01-01", "2015-01-01"), ["data.split.val_from"]),
        (("data.label", "data.kind"), ("wet", "series_table"), []),
        (("data.label", "data.kind"), ("wet", "rainfall"), ["data.label"]),
        (TABLE, ("date", "station", ["rain"], {"feature": "rain"}), []),
        (TABLE, ("date", None, None, "wet"), []),
        (TABLE, ("date", None, ["rain", "wet"], "wet"), ["data.features"]),
        (TABLE, ("date", "station", ["date", "station", "rain", "rain"], "wet"), ["data.features"] * 3),
        (RIDGE, ("minirocket", "ridge", 1, 32, False), []),
        (RIDGE, ("minirocket", "logistic", 30, 16, True), []),
        (
            RIDGE,
            ("minirocket", "ridge", 2, 16, True),
            ["trainer.max_epochs", "trainer.precision", "callbacks.lr_finder.enabled"],
        ),
        (PRETRAIN, (False, "val/f1_macro", False, 3), []),
        (PRETRAIN, (True, "val/loss", True, 1), []),
        (PRETRAIN, (True, "val/f1_macro", False, 2), ["objective.metric", "model.causal", "model.ensemble"]),
        (("data.kind", "loss.head_weighting"), ("maintenance", "uncertainty"), []),
        (("data.kind", "loss.head_weighting"), ("ucr", "uncertainty"), ["loss.head_weighting"]),
        (TASK, ("patchtst", "patchtst", "series_table"), []),
        (TASK, ("patchtst", "patchtst", "files"), ["model"]),
        (TASK, ("beto", "encoder", "ucr"), ["model"]),
        (THAWING, ({0: 12, 2: 4, 3: 0}, 4), []),
        (THAWING, (None, 4), []),
        (("callbacks.batch_finder.enabled", "data.max_tokens"), (True, None), []),
        (("callbacks.batch_finder.enabled", "data.max_tokens"), (False, 4096), []),
        (("callbacks.batch_finder.enabled", "data.max_tokens"), (True, 4096), ["callbacks.batch_finder.enabled"]),
        (CACHED, (True, 10, None), []),
        (CACHED, (True, 0, {0: 12, 2: 8}), []),
        (CACHED, (False, 0, None), []),
        (CACHED, (True, 0, None), ["cache.hidden_states"]),
        (CACHED, (True, 10, {3: 0}), ["cache.hidden_states"]),
        (CACHED, (True, 0, {1: 8}), ["cache.hidden_states"]),
        (CACHED_BY, (True, "maintenance", "encoder"), []),
        (CACHED_BY, (True, "maintenance", "ngram"), ["cache.hidden_states"]),
        (CACHED_BY, (False, "maintenance", "ngram"), []),
        (CACHED_FAMILY, (True, {"model_type": "bert"}), []),
        (CACHED_FAMILY, (True, {"model_type": "albert"}), ["cache.hidden_states"]),
        (CACHED_FAMILY, (False, {"model_type": "albert"}), []),
        (THAWING, ({0: 0, 1: 2}, 4), ["callbacks.freeze.schedule"]),
        (THAWING, ({9: 0}, 4), ["callbacks.freeze.schedule"]),
        (OBJECTIVE, ("val/causa/f1_macro", "max"), []),
        (OBJECTIVE, ("val/loss", "min"), []),
        (OBJECTIVE, ("val/loss", "max"), ["objective.mode"]),
        (OBJECTIVE, ("val/f1_macro", "min"), ["objective.mode"]),
        (OBJECTIVE, ("test/f1_macro", "max"), ["objective.metric"]),
        (OBJECTIVE, ("train/loss", "min"), ["objective.metric"]),
        (OBJECTIVE, ("f1_macro", "max"), ["objective.metric"]),
        (OBJECTIVE, ("val/", "max"), ["objective.metric"]),
        (STOPPING, (None, None), []),
        (STOPPING, ("causa/f1_macro", None), []),
        (STOPPING, ("val/loss", "max"), ["callbacks.early_stopping.mode"]),
        (STOPPING, ("test/loss", None), ["callbacks.early_stopping.metric"]),
        (STOPPING, (None, "max"), ["callbacks.early_stopping.mode"]),
        (("scheduler.warmup_ratio", "scheduler.warmup_steps"), (0.1, None), []),
        (("scheduler.warmup_ratio", "scheduler.warmup_steps"), (0.0, 10), []),
        (("scheduler.warmup_ratio", "scheduler.warmup_steps"), (0.1, 10), ["scheduler.warmup_steps"]),
        (("trainer.min_epochs", "trainer.max_epochs"), (3, 3), []),
        (("trainer.min_epochs", "trainer.max_epochs"), (4, 3), ["trainer.min_epochs"]),
        (("data.split.val", "data.split.test"), (0.4, 0.5), []),
        (("data.split.val", "data.split.test"), (0.5, 0.5), ["data.split.val"]),
        (FILES, ("a.csv", None, None, None, "csv"), []),
        (FILES, (None, "a.csv", None, "b.csv", "csv"), []),
        (FILES, (None, None, None, None, "csv"), ["data.path"]),
        (FILES, ("a.csv", "b.csv", None, None, "csv"), ["data.path"]),
        (FILES, ("a.csv", None, None, "b.csv", "csv"), ["data.path"]),
        (("data.text", "data.labels"), (["a"], ["b", "c"]), []),
        (("data.text", "data.labels"), (["a"], ["b", "b"]), ["data.labels"]),
        (("data.text", "data.labels"), (["a", "a"], ["b"]), ["data.text"]),
        (("data.text", "data.labels"), (["a"], ["a"]), ["data.labels"]),
        (SETS, (["modo", "temas"], None, "|"), []),
        (SETS, (["modo", "temas"], ["temas"], ";"), []),
        (SETS, (["modo", "temas"], [], "|"), []),
        (SETS, (["modo", "temas"], ["tema"], "|"), ["data.split_labels"]),
        (SETS, (["modo", "temas"], ["temas", "tema"], "|"), ["data.split_labels"]),
        (SETS, (["modo", "temas"], None, ";"), ["data.label_separator"]),
        (("model.path", "model.package", "model.architecture"), (None, None, {"model_type": "bert"}), []),
        (("model.path", "model.package", "model.architecture"), (None, None, None), ["model.path"]),
        (VOCABULARY, (True, 100, {"vocab_size": 100}), []),
        (VOCABULARY, (True, 90, {"vocab_size": 100}), ["model.vocabulary_size"]),
        (VOCABULARY, (False, 90, {"vocab_size": 100}), []),
        (VOCABULARY, (True, 90, None), []),
        (FROZEN, (False, {"num_hidden_layers": 12}, 12, {0: 12}), []),
        (FROZEN, (False, {"n_layers": 6}, 7, None), ["callbacks.freeze.layers"]),
        (FROZEN, (False, {"num_hidden_layers": 2}, 0, {0: 3, 1: 0}), ["callbacks.freeze.schedule"]),
        (FROZEN, (False, {"num_hidden_layers": 12, "num_hidden_groups": 1}, 10, None), ["callbacks.freeze.layers"]),
        (FROZEN, (False, None, 40, None), []),
        (FROZEN, (True, {"num_hidden_layers": 12}, 24, {0: 24}), []),
        (KIND, ("ngram", 0, None), []),
        (KIND, ("ngram", 1, {0: 1}), ["callbacks.freeze.layers", "callbacks.freeze.schedule"]),
        (FINDER, (False, 1.0, 1e-3), []),
        (FINDER, (True, 1e-7, 1.0), []),
        (FINDER, (True, 1.0, 1.0), ["callbacks.lr_finder.min_lr"]),
        (BATCH, (True, 16, 16), []),
        (BATCH, (False, 8, 16), []),
        (BATCH, (True, 8, 16), ["callbacks.batch_finder.max_batch_size"]),
        (("model.char_ngrams",), ([3, 5],), []),
        (("model.char_ngrams",), (None,), []),
        (("model.char_ngrams",), ([5, 3],), ["model.char_ngrams"]),
        (("model.word_ngrams",), ([2, 1],), ["model.word_ngrams"]),
        (("resume", "test"), ("a", None), []),
        (("resume", "test"), ("a", "b"), ["test"]),
    ],
)
def test_rule(keys: tuple[str, ...], values: tuple[object, ...], blamed: list[str]) -> None:
    assert found(dict(zip(keys, values, strict=True))) == blamed


def test_a_rule_is_left_out_where_one_of_its_keys_is_wrong_already() -> None:
    config = {"trainer.min_epochs": 4, "trainer.max_epochs": 3}
    assert found(config, frozenset({"trainer.max_epochs"})) == []
    assert found(config, frozenset({"trainer"})) == []
    assert found(config, frozenset({"optimizer.lr"})) == ["trainer.min_epochs"]


def test_every_rule_reads_keys_that_some_config_has() -> None:
    """A key renamed in the schema would switch its rules off without a word."""

    def keys(model: type[Node]) -> set[str]:
        return {
            f"{name}{rest}"
            for name, field in model.model_fields.items()
            for kind in (field.annotation, *getattr(field.annotation, "__args__", ()))
            for rest in (
                [f".{key}" for key in keys(kind)] if isinstance(kind, type) and issubclass(kind, Node) else [""]
            )
        }

    known = keys(Config)
    assert [key for rule_keys, _ in RULES for key in rule_keys if key not in known] == []


def test_non_finite_numbers_are_found_in_lists_and_mappings() -> None:
    nested = {"a": {"b": [1.0, float("nan")]}, "c": float("-inf"), "d": 1e300}
    assert [mistake.key for mistake in not_finite(nested)] == ["a.b", "c"]


def test_sense_and_lookup() -> None:
    assert (sense("val/loss"), sense("loss"), sense("val/causa/f1_macro")) == ("min", "min", "max")
    assert lookup({"a": {"b": 3}}, "a.b") == 3
