"""What every kind of adapter must do: begin as its base, train alone, be saved alone, and become one matrix by merging.

A member is the name of a kind; `adapters` makes its settings.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lab.config.schema import Adapters
from lab.core.batches import Tokenizer
from lab.models.text.interfaces import CuttableEncoder, is_adapter
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer

from ..models.conftest import padded, shipped, small, texts
from .contract import Contract

__all__ = ["shipped", "small", "texts"]
TEXTS = ["fuga por el sello de la bomba", "ruido"]
Make = Callable[..., Any]
"""make(load_weights=True): the adapted encoder of a member in evaluation, of the same base each time."""


class AdapterContract(Contract):
    """Members: kinds of `config.schema.Adapters`. exact: the base is not in 4 bits."""

    @staticmethod
    def adapters(member: str) -> Adapters:
        """The settings of a member."""
        raise NotImplementedError

    @pytest.fixture
    def tokenizer(self, small: Any, texts: Any) -> Tokenizer:
        return build_tokenizer(small("bert"), texts)

    @pytest.fixture
    def make(self, member: str, small: Any, tokenizer: Tokenizer, tmp_path: Path) -> Make:
        def built(load_weights: bool = True) -> Any:
            torch.manual_seed(3)
            encoder = build_encoder(small("bert"), tokenizer, tmp_path, load_weights, self.adapters(member))
            if load_weights:
                encoder.save_architecture(tmp_path)
            return encoder.eval()

        return built

    @staticmethod
    def vectors(encoder: Any, tokenizer: Tokenizer) -> torch.Tensor:
        """Vectors of the tokens of two texts."""
        ids, mask = padded([list(row) for row in tokenizer.encode(TEXTS, 64)], tokenizer.pad_id)
        with torch.no_grad():
            result: torch.Tensor = encoder(ids, mask)
        return result * mask[..., None]

    def test_before_training_it_computes_what_its_base_computes(
        self, member: str, make: Make, tokenizer: Tokenizer, small: Any, tmp_path: Path
    ) -> None:
        encoder = make()
        torch.manual_seed(3)
        base = build_encoder(small("bert"), tokenizer, tmp_path / "base").eval()
        tolerance = 0.1 if self.adapters(member).quantised else 1e-6  # values up to 3, in 4 bits
        torch.testing.assert_close(
            self.vectors(encoder, tokenizer), self.vectors(base, tokenizer), rtol=0, atol=tolerance
        )

    def test_only_its_matrices_train_and_only_they_are_saved(self, make: Make) -> None:
        encoder = make()
        trained = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
        assert trained
        assert all(map(is_adapter, trained))
        assert set(encoder.state_dict()) == trained

    def test_a_trained_one_is_rebuilt_from_its_checkpoint(self, make: Make, tokenizer: Tokenizer) -> None:
        encoder = make()
        before = self.vectors(encoder, tokenizer)
        for parameter in encoder.parameters():
            if parameter.requires_grad:
                nn.init.normal_(parameter, std=0.3)
        after = self.vectors(encoder, tokenizer)
        assert (after - before).abs().max() > 1e-3
        again = make(load_weights=False)
        again.load_state_dict(encoder.state_dict())
        assert torch.equal(self.vectors(again, tokenizer), after)

    def test_it_can_be_frozen_below_a_cut(self, make: Make) -> None:
        """Its layers and embeddings have all of its base, so that the parts below and above a cut make the whole."""
        encoder = make()
        assert isinstance(encoder, CuttableEncoder)
        parts = [parameter for part in (*encoder.embeddings, *encoder.layers) for parameter in part.parameters()]
        assert {id(parameter) for parameter in encoder.parameters()} == {id(parameter) for parameter in parts}


class TestAdapters(AdapterContract):
    members = ("lora", "dora", "qlora", "qdora")

    @staticmethod
    def adapters(member: str) -> Adapters:
        return Adapters.model_validate({
            "kind": member, "lr": 1e-3, "r": 4, "alpha": 8, "dropout": 0.1, "targets": "query_value", "layers": None,
            "merge": False,
        })  # fmt: skip
