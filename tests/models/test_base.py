"""The logits of a network on a simple model, and in how many training rows it is left out."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lab.models.classifier import BASE_WEIGHT, Classifier

ROWS = 4000


def logits(training: bool, base_dropout: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Of two heads, of a network that gives zeros on a simple model that gives 2 and 4."""
    model: Any = SimpleNamespace(
        base=object(), base_dropout=base_dropout, training=training,
        head_specs=(SimpleNamespace(name="a"), SimpleNamespace(name="b")),
    )  # fmt: skip
    batch: Any = SimpleNamespace(base={"a": torch.full((ROWS, 2), 2.0), "b": torch.full((ROWS, 3), 4.0)})
    first, second = Classifier.on_base(model, [torch.zeros(ROWS, 2), torch.zeros(ROWS, 3)], batch)
    return first, second


@pytest.mark.parametrize(("training", "share"), [(True, 0.0), (False, 0.75)])
def test_every_row_has_the_simple_model(training: bool, share: float) -> None:
    first, second = logits(training, share)
    assert (first == 2 * BASE_WEIGHT).all()
    assert (second == 4 * BASE_WEIGHT).all()


def test_a_share_of_the_training_rows_is_without_the_simple_model_in_all_heads() -> None:
    torch.manual_seed(0)
    first, second = logits(True, 0.75)
    without = (first == 0).all(1)
    assert 0.7 < without.float().mean() < 0.8
    assert (first[~without] == 2 * BASE_WEIGHT).all()
    assert ((second == 0).all(1) == without).all()
    assert not torch.equal(without, (logits(True, 0.75)[0] == 0).all(1))  # drawn again for each batch
