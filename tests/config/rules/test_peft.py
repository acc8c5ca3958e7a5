"""Each rule of adapters once broken and once kept."""

from typing import Any

import pytest

from lab.config.rules.peft import CHECKPOINTING, COMPILE, FREEZE, LAYERS, RULES

SCHEDULE = "callbacks.freeze.schedule"
BERT = {"num_hidden_layers": 12}
COMPILED = (COMPILE, "model.name", "model.kind", "peft.kind", CHECKPOINTING)


def blamed(keys: tuple[str, ...], *values: Any) -> list[str]:
    return [mistake.key for rule_keys, rule in RULES if rule_keys == keys for mistake in rule(*values)]


@pytest.mark.parametrize(
    ("keys", "values", "expected"),
    [
        (("peft.kind", "model.name", "model.kind"), ("none", "ngram", "ngram"), []),
        (("peft.kind", "model.name", "model.kind"), ("lora", "beto", "encoder"), []),
        (("peft.kind", "model.name", "model.kind"), ("lora", "ngram", "ngram"), ["peft"]),
        ((CHECKPOINTING, "model.name", "model.kind"), (True, "beto", "encoder"), []),
        ((CHECKPOINTING, "model.name", "model.kind"), (True, "ngram", "ngram"), [CHECKPOINTING]),
        (COMPILED, (True, "beto", "encoder", "dora", False), []),
        (COMPILED, (True, "ngram", "ngram", "none", False), [COMPILE]),
        (COMPILED, (True, "beto", "encoder", "qlora", False), [COMPILE]),
        (COMPILED, (True, "beto", "encoder", "none", True), [COMPILE]),
        ((COMPILE, "cache.hidden_states"), (True, True), [COMPILE]),
        ((COMPILE, "cache.hidden_states"), (True, False), []),
        (COMPILED, (False, "ngram", "ngram", "qlora", True), []),
        ((LAYERS, "model.pretrained", "model.architecture"), (None, False, BERT), []),
        ((LAYERS, "model.pretrained", "model.architecture"), ([0, 11], False, BERT), []),
        ((LAYERS, "model.pretrained", "model.architecture"), ([0, 12], False, BERT), [LAYERS]),
        ((LAYERS, "model.pretrained", "model.architecture"), ([3, 3], True, BERT), [LAYERS]),
        ((LAYERS, "model.pretrained", "model.architecture"), ([30], True, None), []),
        ((LAYERS, FREEZE, SCHEDULE), (None, 0, None), []),
        ((LAYERS, FREEZE, SCHEDULE), (None, 10, None), [FREEZE]),
        ((LAYERS, FREEZE, SCHEDULE), ([10, 11], 10, None), []),
        ((LAYERS, FREEZE, SCHEDULE), ([9, 11], 10, None), [FREEZE]),
        ((LAYERS, FREEZE, SCHEDULE), (None, 0, {0: 12, 2: 0}), []),
        ((LAYERS, FREEZE, SCHEDULE), (None, 0, {0: 12, 2: 6}), [SCHEDULE]),
    ],
)
def test_rule(keys: tuple[str, ...], values: tuple[Any, ...], expected: list[str]) -> None:
    assert any(keys == rule_keys for rule_keys, _ in RULES)
    assert blamed(keys, *values) == expected
