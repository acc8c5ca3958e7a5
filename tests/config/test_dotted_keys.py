"""Dotted keys: flattening, looking up, and the nearest known one."""

import pytest

from lab.config.dotted_keys import flattened, is_there, nearest_key

NESTED = {"seed": 1, "optimizer": {"lr": 1e-3, "betas": [0.9, 0.999]}, "logger": {"csv": {}}}
KNOWN = ["seed", "model.lr", "optimizer.lr", "optimizer.head_lr", "data.batch_size", "callbacks.nan_guard.enabled",
         "callbacks.lr_finder.enabled", "callbacks.resources.enabled", "data.kind"]  # fmt: skip


def test_leaves_get_their_dotted_keys() -> None:
    assert flattened(NESTED) == {"seed": 1, "optimizer.lr": 1e-3, "optimizer.betas": [0.9, 0.999], "logger.csv": {}}


@pytest.mark.parametrize("key", ["optimizer.lr", "optimizer.betas.1", "optimizer"])
def test_a_key_that_is_there(key: str) -> None:
    assert is_there(NESTED, key)


@pytest.mark.parametrize("key", ["optimizer.betas.2", "seed.x", "lr"])
def test_a_key_that_is_not_there(key: str) -> None:
    assert not is_there(NESTED, key)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("optimizr.lr", "optimizer.lr"),
        ("lr", "optimizer.lr"),
        ("nan_guard.enabled", "callbacks.nan_guard.enabled"),
        ("sed", "seed"),
        ("data.batchsize", "data.batch_size"),
        ("trainer.batch_size", "data.batch_size"),
        ("data.missing_markers", None),
        ("zzz", None),
    ],
)
def test_the_nearest_key_is_the_one_meant(typed: str, meant: str | None) -> None:
    assert nearest_key(typed, KNOWN) == meant
