"""The defaults of an encoder that offers neither gradient checkpointing nor a frozen base."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lab.models.text.interfaces import BagEncoder, is_adapter


class Counts(BagEncoder):
    dimension = 1

    @property
    def embeddings(self) -> list[nn.Module]:
        return []

    @property
    def layers(self) -> list[nn.Module]:
        return []

    def save_architecture(self, folder: Path) -> None:
        raise AssertionError("nothing is saved here")

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return mask.sum(1, keepdim=True).float()


def test_defaults() -> None:
    encoder = Counts()
    assert not encoder.checkpoint_gradients()
    assert encoder.frozen_base_parameters() == []
    assert encoder(torch.ones(2, 3, dtype=torch.int64), torch.ones(2, 3, dtype=torch.bool)).tolist() == [[3.0], [3.0]]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("encoder.layers.0.query.lora_A.default.weight", True), ("encoder.layers.0.query.weight", False),
     ("heads.lora.weight", False)],
)  # fmt: skip
def test_adapters_by_the_names_of_their_parameters(name: str, expected: bool) -> None:
    assert is_adapter(name) is expected
