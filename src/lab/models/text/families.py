"""Families of encoders that this project trains: the names of their layers and attention matrices, and their special
cases.

The key is the `model_type` of the transformers library. A family that is not listed is refused, because its layers,
shared modules and position numbers would be guesses.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EncoderFamily:
    """Names of the parts of a family. shared: modules outside the layers that every layer uses."""

    layers: str = "encoder.layer"
    shared: tuple[str, ...] = ()
    positions_after_padding: bool = False
    """Position numbers start at pad_id + 1, so the table has pad_id + 1 more rows than the longest text has tokens."""
    attention: tuple[str, str, str, str] = ("self.query", "self.key", "self.value", "attention.output.dense")
    """Ends of the names of a layer's query, key, value and output matrices; some families join the first three."""
    plain_attention: bool = True
    """In every layer, every token attends to all tokens of its text, by a mask alone."""
    takes_no_mask: bool = True
    """A batch without padding needs no mask. Otherwise the library reads its ids to warn of padding without a mask."""
    whole: str | None = None
    """Why the encoder cannot be cut between two layers; None if a layer reads only hidden states and a mask."""


FAMILIES = {
    "albert": EncoderFamily(
        "encoder.albert_layer_groups",
        ("encoder.embedding_hidden_mapping_in",),
        attention=("attention.query", "attention.key", "attention.value", "attention.dense"),
        whole="all its layers share their weights",
    ),
    "bert": EncoderFamily(),
    "camembert": EncoderFamily(positions_after_padding=True),
    "deberta-v2": EncoderFamily(
        shared=("encoder.rel_embeddings", "encoder.LayerNorm"),
        attention=("self.query_proj", "self.key_proj", "self.value_proj", "attention.output.dense"),
        plain_attention=False,
        takes_no_mask=False,
        whole="its layers also read relative positions",
    ),
    "distilbert": EncoderFamily(
        "transformer.layer", attention=("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin")
    ),
    "electra": EncoderFamily(shared=("embeddings_project",)),
    "modernbert": EncoderFamily(
        "layers",
        attention=("attn.Wqkv", "attn.Wqkv", "attn.Wqkv", "attn.Wo"),
        plain_attention=False,
        whole="its layers also read rotary positions",
    ),
    "mpnet": EncoderFamily(
        shared=("encoder.relative_attention_bias",),
        positions_after_padding=True,
        attention=("attn.q", "attn.k", "attn.v", "attn.o"),
        plain_attention=False,
        whole="its layers also read a position bias",
    ),
    "roberta": EncoderFamily(positions_after_padding=True),
    "xlm-roberta": EncoderFamily(positions_after_padding=True),
}
"""By `model_type`. All layers of ALBERT share one group of weights, so it counts as one layer here."""


def reads_segments(config: Any) -> bool:
    """Whether an encoder has an input that says to which text of a pair each token belongs."""
    return int(getattr(config, "type_vocab_size", 0)) > 1


def position_limit(config: Any, pad_id: int) -> int:
    """The longest input in tokens, including special tokens."""
    offset = pad_id + 1 if FAMILIES[config.model_type].positions_after_padding else 0
    return int(config.max_position_embeddings) - offset
