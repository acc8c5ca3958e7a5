"""Contradictions between keys of the model."""

import pytest

from .conftest import keys_of_mistakes

FROZEN = ("model.pretrained", "model.architecture", "callbacks.freeze.layers", "callbacks.freeze.schedule")
LABELS = ("model.head", "data.labels", "data.split_labels")
KIND = ("model.kind", "callbacks.freeze.layers", "callbacks.freeze.schedule")
SCHEDULE = ("callbacks.freeze.schedule", "trainer.max_epochs")
PASS = ("model.kind", "trainer.max_epochs", "trainer.max_steps", "trainer.val_check_interval",
        "trainer.check_val_every_n_epoch")  # fmt: skip
EXACT = ("model.kind", "trainer.precision", "callbacks.lr_finder.enabled")
VOCABULARY = ("model.pretrained", "model.vocabulary_size", "model.architecture")


@pytest.mark.parametrize(
    ("keys", "values", "blamed"),
    [
        (SCHEDULE, ({0: 12, 2: 4, 3: 0}, 4), []),
        (SCHEDULE, (None, 4), []),
        (SCHEDULE, ({0: 0, 1: 2}, 4), ["callbacks.freeze.schedule"]),
        (SCHEDULE, ({9: 0}, 4), ["callbacks.freeze.schedule"]),
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
        (LABELS, ("transformers", ["a"], []), []),
        (LABELS, ("linear", ["a", "b"], []), []),
        (LABELS, ("transformers", ["a", "b"], []), ["model.head"]),
        (LABELS, ("transformers", ["a"], ["a"]), ["model.head"]),
        (("model.head", "model.base"), ("transformers", "linear"), ["model.base"]),
        (("model.head", "model.base"), ("linear", "linear"), []),
        (("model.head", "data.kind"), ("transformers", "squad"), ["model.head"]),
        (("model.head", "data.kind"), ("transformers", "maintenance"), []),
        (KIND, ("ngram", 0, None), []),
        (KIND, ("ngram", 1, {0: 1}), ["callbacks.freeze.layers", "callbacks.freeze.schedule"]),
        (("model.char_ngrams",), ([3, 5],), []),
        (("model.char_ngrams",), (None,), []),
        (("model.char_ngrams",), ([5, 3],), ["model.char_ngrams"]),
        (("model.word_ngrams",), ([2, 1],), ["model.word_ngrams"]),
        (PASS, ("linear", 1, None, 1.0, 1), []),
        (PASS, ("ngram", 9, 5, 0.5, 2), []),
        (PASS, ("linear", None, 5, 0.5, 1), ["trainer.max_epochs", "trainer.max_steps", "trainer.val_check_interval"]),
        (PASS, ("linear", 1, None, 1, 1), ["trainer.val_check_interval"]),
        (EXACT, ("linear", "32-true", False), []),
        (("model.kind", "model.dropout", "model.ensemble"), ("logistic_lags", 0.0, 1), []),
        (
            ("model.kind", "model.dropout", "model.ensemble"),
            ("logistic_lags", 0.1, 3),
            ["model.dropout", "model.ensemble"],
        ),
        (EXACT, ("linear", "bf16", True), ["trainer.precision", "callbacks.lr_finder.enabled"]),
        (("model.kind", "loss.kind"), ("linear", "cross_entropy"), []),
        (("model.kind", "loss.kind"), ("linear", "focal"), ["loss.kind"]),
        (("model.kind", "loss.label_smoothing"), ("linear", 0.1), ["loss.label_smoothing"]),
        (("model.kind", "loss.label_smoothing"), ("encoder", 0.1), []),
        (("model.kind", "loss.head_weighting"), ("linear", "uncertainty"), ["loss.head_weighting"]),
    ],
)
def test_rule(keys: tuple[str, ...], values: tuple[object, ...], blamed: list[str]) -> None:
    assert keys_of_mistakes(dict(zip(keys, values, strict=True))) == blamed
