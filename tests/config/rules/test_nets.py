"""Each contradiction in a net's settings is found, and none is seen where there is none."""

import pytest

from lab.config.rules import contradictions

HEADS = ("model.width", "model.num_heads")
ROPE = (*HEADS, "model.rope")
PRETRAIN = ("model.pretrain", "model.causal", "model.ensemble")
CACHED = ("cache.hidden_states", "data.kind", "model.kind")
KEPT = ("cache.hidden_states", "model.ensemble", "model.pretrain")
SOLVED = ("model.head", "loss.kind", "loss.label_smoothing")


PRETRAINED = ("model.pretrain", "data.missing_values", "resume", "test")
PARTS = ("data.time", "data.group", "data.features", "data.label")


@pytest.mark.parametrize(
    ("keys", "values", "blamed"),
    [
        (HEADS, (512, 8), []),
        (HEADS, (512, 7), ["model.num_heads"]),
        (ROPE, (32, 4, "interleaved_half"), []),
        (ROPE, (24, 4, "interleaved_half"), ["model.width"]),
        (ROPE, (24, 4, "split_full"), []),
        (ROPE, (12, 4, "split_full"), ["model.width"]),
        (ROPE, (25, 4, "split_full"), ["model.num_heads"]),
        (("model.covariate", "model.mixing"), (True, True), []),
        (("model.covariate", "model.mixing"), (True, False), ["model.covariate"]),
        (("model.partial", "model.checkpoint"), (True, "run"), []),
        (("model.partial", "model.checkpoint"), (True, None), ["model.partial"]),
        (PRETRAIN, (True, True, 1), []),
        (PRETRAIN, (False, False, 5), []),
        (PRETRAIN, (True, False, 5), ["model.causal", "model.ensemble"]),
        (PRETRAINED, (True, "interpolate", None, None), ["data.missing_values"]),
        (PRETRAINED, (True, "interpolate", None, "RUN"), []),
        (PRETRAINED, (True, "ffill", None, None), []),
        (PRETRAINED, (False, "interpolate", None, None), []),
        (PARTS, ("at", "at", None, "at"), ["data.group", "data.label"]),
        (PARTS, ("at", "well", None, "state"), []),
        (("model.patch", "model.stride"), (16, 16), []),
        (("model.patch", "model.stride"), (16, 17), ["model.stride"]),
        (("model.kernels",), ([39, 19, 9],), []),
        (("model.kernels",), ([40, 20, 9],), ["model.kernels"]),
        (("model.kernels",), ([],), ["model.kernels"]),
        (("data.window", "model.linear_skip"), (14, 14), []),
        (("data.window", "model.linear_skip"), (14, 28), ["model.linear_skip"]),
        (SOLVED, ("ridge", "cross_entropy", 0.0), []),
        (SOLVED, ("logistic", "focal", 0.1), []),
        (SOLVED, ("ridge", "focal", 0.1), ["loss.kind", "loss.label_smoothing"]),
        (CACHED, (True, "rainfall", "timer_xl"), []),
        (CACHED, (True, "rainfall", "inception_time"), ["cache.hidden_states"]),
        (CACHED, (True, "maintenance", "ngram"), ["cache.hidden_states"]),
        (KEPT, (True, 1, False), []),
        (KEPT, (True, 5, True), ["cache.hidden_states", "cache.hidden_states"]),
        (("model.alphas",), ([1.0],), []),
        (("model.alphas",), ([],), ["model.alphas"]),
        (("model.alphas",), ([0.0, 1.0],), ["model.alphas"]),
    ],
)
def test_contradictions(keys: tuple[str, ...], values: tuple[object, ...], blamed: list[str]) -> None:
    nested: dict[str, dict[str, object]] = {}
    for key, value in zip(keys, values, strict=True):
        room, _, leaf = key.partition(".")
        if leaf:
            nested.setdefault(room, {})[leaf] = value
        else:
            nested[room] = value  # type: ignore[assignment]
    assert [mistake.key for mistake in contradictions(nested, frozenset())] == blamed


def test_remedies_hold() -> None:
    reported = [
        str(mistake)
        for mistake in contradictions({"model": {"width": 24, "num_heads": 4, "rope": "interleaved_half"}}, frozenset())
    ]
    assert "model.width=32" in reported[0]
