"""Families of encoders that this project trains: where each keeps its layers and their attention, and what is
particular about it.

A family of the transformers library is named by its `model_type`. One that is not listed is refused: where its layers
are, what they share and how its positions count would be guesses.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EncoderFamily:
    """Where a family keeps its parts. shared: modules beside the layers that every layer uses, where there are any."""

    layers: str = "encoder.layer"
    shared: tuple[str, ...] = ()
    positions_after_padding: bool = False
    """Position numbers start at pad_id + 1, so the table holds that many more than the longest text."""
    attention: tuple[str, str, str, str] = ("self.query", "self.key", "self.value", "attention.output.dense")
    """Ends of the names of a layer's matrices for query, key, value and output; some have one for the first three."""
    whole: str | None = None
    """Why it cannot be cut between two layers; None where a layer takes hidden states and a mask, nothing else."""


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
        whole="its layers also read relative positions",
    ),
    "distilbert": EncoderFamily(
        "transformer.layer", attention=("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin")
    ),
    "electra": EncoderFamily(shared=("embeddings_project",)),
    "modernbert": EncoderFamily(
        "layers",
        attention=("attn.Wqkv", "attn.Wqkv", "attn.Wqkv", "attn.Wo"),
        whole="its layers also read rotary positions",
    ),
    "mpnet": EncoderFamily(
        shared=("encoder.relative_attention_bias",),
        positions_after_padding=True,
        attention=("attn.q", "attn.k", "attn.v", "attn.o"),
        whole="its layers also read a position bias",
    ),
    "roberta": EncoderFamily(positions_after_padding=True),
    "xlm-roberta": EncoderFamily(positions_after_padding=True),
}
"""By `model_type`. ALBERT uses one group of weights in all its layers: it counts as one layer here."""


def reads_segments(config: Any) -> bool:
    """Whether an encoder is told which text of a pair a token is of."""
    return int(getattr(config, "type_vocab_size", 0)) > 1


def position_limit(config: Any, pad_id: int) -> int:
    """The longest input in tokens, special ones included."""
    offset = pad_id + 1 if FAMILIES[config.model_type].positions_after_padding else 0
    return int(config.max_position_embeddings) - offset
