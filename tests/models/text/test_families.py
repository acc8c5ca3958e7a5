"""How many tokens a family reads, and whether it knows which text of a pair a token is of."""

from types import SimpleNamespace

import pytest

from lab.models.text.families import FAMILIES, position_limit, reads_segments


@pytest.mark.parametrize(("family", "limit"), [("bert", 514), ("roberta", 512), ("xlm-roberta", 512), ("mpnet", 512)])
def test_positions_that_begin_after_the_padding_are_no_tokens(family: str, limit: int) -> None:
    assert position_limit(SimpleNamespace(model_type=family, max_position_embeddings=514), pad_id=1) == limit


def test_segments_need_two_types() -> None:
    assert reads_segments(SimpleNamespace(type_vocab_size=2))
    assert not reads_segments(SimpleNamespace(type_vocab_size=1))
    assert not reads_segments(SimpleNamespace())


def test_a_family_that_shares_weights_between_layers_has_no_cut() -> None:
    assert "share" in str(FAMILIES["albert"].whole)
    assert FAMILIES["bert"].whole is None
