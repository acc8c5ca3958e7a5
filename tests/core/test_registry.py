"""A registry keeps parts by name, in order, each once."""

import pytest

from lab.core.registry import Registry


def test_parts_are_found_by_name_in_their_order() -> None:
    registry: Registry[type] = Registry("shape")
    registry.register("square", int)

    @registry.register("circle")
    class Circle: ...

    assert list(registry.items()) == [("square", int), ("circle", Circle)]
    assert "triangle" not in registry
    with pytest.raises(KeyError, match="no shape is called 'triangle'; there are square, circle"):
        registry["triangle"]


def test_a_name_is_taken_once() -> None:
    registry: Registry[type] = Registry("shape")
    registry.register("square", int)
    with pytest.raises(ValueError, match="a shape called 'square' already"):
        registry.register("square", float)


def test_settings_need_a_group() -> None:
    with pytest.raises(ValueError, match="has no settings"):
        Registry("shape").register("square", int, settings=int)
    grouped: Registry[type] = Registry("shape", "model")
    grouped.register("square", int, settings=float)
    assert grouped.settings == {"square": float}
