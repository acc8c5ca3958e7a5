"""Sizes and names that nothing can have are refused from the config alone."""

from typing import Any

import pytest

from lab.config.rules import contradictions
from lab.config.rules.sizes import unusable


@pytest.mark.parametrize(
    ("architecture", "blamed"),
    [
        ({"hidden_size": 128, "num_attention_heads": 2, "num_hidden_layers": 2}, []),
        ({"hidden_size": 0}, ["hidden_size"]),
        ({"hidden_size": "abc"}, ["hidden_size"]),
        ({"hidden_size": 128, "num_attention_heads": 7}, ["num_attention_heads"]),
        ({"dim": 64, "n_heads": 5, "n_layers": 2**63 - 1}, ["n_layers", "n_heads"]),
        ({"num_hidden_layers": True}, ["num_hidden_layers"]),
        ({"num_hidden_layers": None, "intermediate_size": -1}, ["num_hidden_layers", "intermediate_size"]),
        ({"hidden_dropout_prob": 1.5, "attention_dropout": "x", "classifier_dropout": None},
         ["hidden_dropout_prob", "attention_dropout"]),
        (None, []),
    ],
)  # fmt: skip
def test_an_architecture(architecture: dict[str, Any] | None, blamed: list[str]) -> None:
    result = list(contradictions({"model": {"architecture": architecture}}, set()))
    assert [one.key for one in result] == [f"model.architecture.{name}" for name in blamed]
    for one in result:
        key, _, value = one.remedy.rpartition("=")
        mended = {**(architecture or {}), key.rpartition(".")[2]: float(value) if "." in value else int(value)}
        assert one.key not in [left.key for left in contradictions({"model": {"architecture": mended}}, set())]


@pytest.mark.parametrize("value", ["x", "~/x", None, [1], {"a": 1}, 1.5, True, 10**30])
@pytest.mark.parametrize("pretrained", [False, True])
@pytest.mark.parametrize("name", ["num_hidden_layers", "vocab_size", "model_type"])
def test_no_other_rule_stumbles_over_a_value_that_is_no_size(name: str, pretrained: bool, value: object) -> None:
    config = {
        "model": {"kind": "encoder", "name": "tiny", "pretrained": pretrained, "vocabulary_size": 8000,
                  "architecture": {name: value}, "path": None, "package": None},
        "callbacks": {"freeze": {"layers": 1, "schedule": {0: 2}}},
        "peft": {"kind": "lora", "layers": [0, 1]},
        "cache": {"hidden_states": True},
    }  # fmt: skip
    blamed = {mistake.key for mistake in contradictions(config, set())}
    assert (f"model.architecture.{name}" in blamed) is (name != "model_type")


@pytest.mark.parametrize(
    ("path", "words"),
    [("a/b.csv", None), ("x" * 255, None), ("x" * 256, "256 bytes"), ("ñ" * 128, "256 bytes"),
     ("/".join(["y" * 200] * 30), "at most 4095"), ("a\0b", "NUL")],
)  # fmt: skip
def test_a_name_that_no_file_can_have(path: str, words: str | None) -> None:
    assert words in unusable(path) if words else unusable(path) is None  # type: ignore[operator]


@pytest.mark.parametrize("key", ["data.path", "cache.dir", "model.path", "sweep.azure.file", "run_name"])
def test_every_key_that_is_a_path_is_judged(key: str) -> None:
    config: Any = "z" * 5000
    for name in reversed(key.split(".")):
        config = {name: config}
    assert [one.key for one in contradictions(config, set())] == [key]


def test_rows_that_are_trained_on_stop_no_run() -> None:
    config = {"data": {"split": {"train_on_val": True}}, "callbacks": {"early_stopping": {"patience": 3}}}
    (mistake,) = contradictions(config, set())
    assert mistake.remedy == "callbacks.early_stopping.patience=null"


@pytest.mark.parametrize(("buckets", "chars", "wrong"), [(1, [3, 5], True), (2, [3, 5], False), (1, None, False)])
def test_a_table_of_ngrams_has_a_row_for_each_half(buckets: int, chars: list[int] | None, wrong: bool) -> None:
    assert bool(list(contradictions({"model": {"buckets": buckets, "char_ngrams": chars}}, set()))) == wrong
