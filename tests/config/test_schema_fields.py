"""The fields of the schema by dotted key."""

import pytest

from lab.config.schema_fields import default_of, field_of


@pytest.mark.parametrize("key", ["seed", "trainer.max_time", "optimizer.momentum", "callbacks.checkpoint"])
def test_keys_of_the_schema(key: str) -> None:
    assert field_of(key) is not None


@pytest.mark.parametrize("key", ["sede", "trainer.max_tme", "seed.x", "trainer.max_time.hours", "callbacks.extra.a"])
def test_other_keys(key: str) -> None:
    assert field_of(key) is None


def test_defaults() -> None:
    assert default_of("trainer.log_every_n_steps") == 50
    assert default_of("callbacks.extra") == {}
    assert default_of("seed") is None
    assert default_of("nothing") is None
