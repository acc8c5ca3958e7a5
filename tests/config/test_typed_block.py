"""A block is read to its end: each wrong value is on the list, and a stand-in takes its place."""

from lab.config.typed_block import Block


def test_a_sound_block_has_no_mistakes() -> None:
    block = Block("sweep.x", {"a": 0.5, "b": 3, "c": None}, [])
    assert block.number("a", least=0) == 0.5
    assert block.whole("b", 1) == 3
    assert not block.has("c"), "null counts as left out"
    assert block.whole("d", 7) == 7
    assert block.mistakes == []


def test_every_wrong_value_is_named_by_its_key() -> None:
    block = Block("sweep.x", {"a": "lots", "b": 1.5, "e": True}, [])
    block.number("a")
    block.whole("b", 1)
    block.number("e")
    block.number("missing")
    assert [mistake.key for mistake in block.mistakes] == ["sweep.x.a", "sweep.x.b", "sweep.x.e", "sweep.x.missing"]
    assert [mistake.value for mistake in block.mistakes] == ["lots", 1.5, True, None]
