"""What every encoder of texts must do: vectors that padding does not change, parts to freeze, a rebuild from a folder.

A plug-in's author subclasses `EncoderContract`, lists names in `members`, and replaces the fixture `built`, which gives
the tokenizer, the encoder and its rebuild for the member's name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.core.batches import Tokenizer
from lab.models.linear.tfidf_encoder import TfidfEncoder
from lab.models.pooling import pool
from lab.models.text.families import FAMILIES
from lab.models.text.interfaces import BagEncoder, CuttableEncoder, TextEncoder
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer, load_tokenizer

from ..models.conftest import padded, shipped, small, texts
from .contract import Contract

__all__ = ["shipped", "small", "texts"]
TEXTS = ["fuga por el sello de la bomba", "ruido", "alta temperatura en el rodamiento del motor, se ajusta"]


@dataclass
class Built:
    """An encoder in training mode with its tokenizer. rebuilt: both, made from the files of `folder` alone."""

    tokenizer: Tokenizer
    encoder: TextEncoder
    rebuilt: Callable[[Path], tuple[Tokenizer, TextEncoder]]

    def batch(self, rows: list[list[int]], extra: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        return padded(rows, self.tokenizer.pad_id, extra)

    def encoded(self) -> list[list[int]]:
        return [list(row) for row in self.tokenizer.encode(TEXTS, 64)]

    def pooled(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """One vector per text, (B, dimension)."""
        result: torch.Tensor = self.encoder(ids, mask)
        return result if isinstance(self.encoder, BagEncoder) else pool(result, mask, "mean")


class EncoderContract(Contract):
    """Members: names that the fixture `built` knows."""

    @pytest.fixture
    def built(self, member: str) -> Built:
        """The encoder of that name, of random weights and any small size."""
        raise NotImplementedError

    def test_one_vector_a_text_however_far_it_is_padded(self, built: Built) -> None:
        assert built.encoder.training
        built.encoder.eval()
        rows = built.encoded()
        with torch.no_grad():
            pooled = built.pooled(*built.batch(rows))
            wider = built.pooled(*built.batch(rows, extra=9))
            alone = torch.cat([built.pooled(*built.batch([row])) for row in rows])
        assert pooled.shape == (3, built.encoder.dimension)
        assert torch.isfinite(pooled).all()
        torch.testing.assert_close(wider, pooled, rtol=0, atol=1e-6)
        torch.testing.assert_close(alone, pooled, rtol=0, atol=1e-6)
        assert (pooled[0] - pooled[2]).abs().max() > 1e-4

    def test_a_batch_without_padding_needs_no_mask(self, built: Built) -> None:
        """An encoder that takes no mask gives the same without it, above a cut, too."""
        encoder = built.encoder.eval()
        if not encoder.takes_no_mask:
            return
        ids, mask = built.batch([row[:4] for row in built.encoded()[::2]])
        assert mask.all()
        with torch.no_grad():
            expected = encoder(ids, mask)
            torch.testing.assert_close(encoder(ids, None), expected, rtol=0, atol=1e-6)
            if isinstance(encoder, CuttableEncoder) and encoder.whole is None:
                above = encoder.forward_above(encoder.forward_below(ids, mask, 1), None, 1)
                torch.testing.assert_close(above, expected, rtol=0, atol=1e-6)

    def test_it_is_deterministic_in_evaluation(self, built: Built) -> None:
        ids, mask = built.batch(built.encoded())
        built.encoder.eval()
        with torch.no_grad():
            torch.manual_seed(1)
            first = built.encoder(ids, mask)
            torch.manual_seed(2)
            assert torch.equal(built.encoder(ids, mask), first)

    def test_every_parameter_trains_and_the_frozen_part_is_a_fixed_function(self, built: Built) -> None:
        encoder = built.encoder
        encoder(*built.batch(built.encoded())).square().sum().backward()
        assert [key for key, parameter in encoder.named_parameters() if parameter.grad is None] == []
        frozen = {id(parameter) for module in encoder.embeddings for parameter in module.parameters()}
        frozen |= {id(parameter) for layer in encoder.layers for parameter in layer.parameters()}
        left = [key for key, parameter in encoder.named_parameters() if id(parameter) not in frozen]
        # a norm above the layers is the one thing that may still train when all layers are frozen
        assert [key for key in left if "final_norm" not in key] == []

    def test_rebuilt_from_its_folder_and_filled_with_its_state_it_is_the_same(
        self, built: Built, tmp_path: Path
    ) -> None:
        built.tokenizer.save(tmp_path)
        built.encoder.save_architecture(tmp_path)
        tokenizer, rebuilt = built.rebuilt(tmp_path)
        assert rebuilt.training
        assert tokenizer.fingerprint() == built.tokenizer.fingerprint()
        torch.save(built.encoder.state_dict(), tmp_path / "weights.ckpt")
        rebuilt.load_state_dict(torch.load(tmp_path / "weights.ckpt", weights_only=True))
        ids, mask = padded([list(row) for row in tokenizer.encode(TEXTS, 64)], tokenizer.pad_id)
        with torch.no_grad():
            assert torch.equal(rebuilt.eval()(ids, mask), built.encoder.eval()(ids, mask))

    def test_the_parts_below_and_above_any_cut_make_the_whole(self, built: Built) -> None:
        """An encoder that offers no cut says why, or is of a kind that has none."""
        encoder = built.encoder.eval()
        if not isinstance(encoder, CuttableEncoder) or encoder.whole is not None:
            assert not isinstance(encoder, CuttableEncoder) or encoder.whole
            return
        ids, mask = built.batch(built.encoded())
        with torch.no_grad():
            whole = encoder(ids, mask)
            for num_layers in range(len(encoder.layers) + 1):
                states = encoder.forward_below(ids, mask, num_layers)
                assert states.shape == (*ids.shape, encoder.dimension)
                torch.testing.assert_close(encoder.forward_above(states, mask, num_layers), whole, rtol=0, atol=0)


class TestEncoders(EncoderContract):
    members = (*FAMILIES, "linear", "ngram")

    @pytest.fixture
    def built(self, member: str, shipped: Any, small: Any, texts: Any, tmp_path: Path) -> Built:
        sizes: dict[str, dict[str, int]] = {"ngram": {"buckets": 512, "dimension": 32}, "linear": {"buckets": 512}}
        model = shipped(member, **sizes[member]) if member in sizes else small(member)
        tokenizer = build_tokenizer(model, texts)

        def encoder(tokenizer: Any, folder: Path, fresh: bool) -> TextEncoder:
            if member == "linear":
                return TfidfEncoder(5, tokenizer)
            return build_encoder(model, tokenizer, folder, load_weights=fresh)

        def rebuilt(folder: Path) -> tuple[Tokenizer, TextEncoder]:
            again = load_tokenizer(folder)
            return again, encoder(again, folder, False)

        return Built(tokenizer, encoder(tokenizer, tmp_path, True), rebuilt)
