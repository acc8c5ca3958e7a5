"""Which requests the cache of hidden states contradicts."""

import pytest

from .conftest import keys_of_mistakes

CACHED = ("cache.hidden_states", "callbacks.freeze.layers", "callbacks.freeze.schedule")
CACHED_BY = ("cache.hidden_states", "data.kind", "model.kind")
CACHED_FAMILY = ("cache.hidden_states", "model.architecture")


@pytest.mark.parametrize(
    ("keys", "values", "blamed"),
    [
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
    ],
)
def test_rule(keys: tuple[str, ...], values: tuple[object, ...], blamed: list[str]) -> None:
    assert keys_of_mistakes(dict(zip(keys, values, strict=True))) == blamed
