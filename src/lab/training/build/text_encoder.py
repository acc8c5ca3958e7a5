"""Builds the text encoder of a run from its config: weights, adapters, gradient checkpointing and compilation.

Also transformers' own classification head over it, for `model.head=transformers`.
"""

from importlib import import_module
from pathlib import Path

from torch import nn

from lab.config.schema import Adapters, Config, Encoder, Ngram, Peft, TextEncoderSettings
from lab.core.batches import TextSpec, Tokenizer
from lab.core.errors import Mistake, RequestError
from lab.core.record.run_folder import RunFolder
from lab.core.registry import TEXT_ENCODERS
from lab.models.text.interfaces import EncoderKind, TextEncoder

MODULES = {"encoder": "lab.models.text.transformer", "ngram": "lab.models.text.ngram"}
"""The modules that register the encoders of lab; transformers takes seconds to import, and model=ngram does not need
it."""
TextModel = Encoder | Ngram | TextEncoderSettings
"""The settings of models that encode texts."""


def text_encoder(config: Config, tokenizer: Tokenizer, folder: RunFolder, fresh: bool) -> TextEncoder:
    """The encoder of a run, with gradient checkpointing and compilation as configured.

    fresh: a new run, whose caller saves the architecture after all other checks; otherwise the encoder is rebuilt from
    `folder`, and a checkpoint will fill it. Raises RequestError as `build_encoder` does, and where gradient
    checkpointing is not possible.
    """
    assert isinstance(config.model, TextModel), f"a model of kind {config.model.kind} reads no texts"
    encoder = build_encoder(config.model, tokenizer, folder.tokenizer, load_weights=fresh, peft=config.peft)
    if config.trainer.gradient_checkpointing and not encoder.checkpoint_gradients():
        problem = f"transformers does not support it for the layers of {config.model.name}"
        key = "trainer.gradient_checkpointing"
        raise RequestError(Mistake(key, problem, f"{key}=false", True))
    if config.trainer.compile:
        for layer in encoder.layers:  # all layers share one compilation; dynamic, because batches differ in length
            layer.compile(dynamic=True)
    return encoder


def build_encoder(
    model: TextModel, tokenizer: Tokenizer, folder: Path, load_weights: bool = True, peft: Peft | None = None
) -> TextEncoder:
    """An encoder in training mode, fp32, on the CPU; with adapters its base may be in 4 bits.

    load_weights=False: the encoder is rebuilt from the files of `save_architecture(folder)`, without hub and weights,
    and the caller loads a checkpoint into it. A checkpoint of an adapted encoder has the adapters only, so its base is
    loaded in both cases, from its original place. Raises RequestError for weights that are missing, do not fit their
    config or the tokenizer, or are not the base of the adapters, and for models that do not encode text.
    """
    if isinstance(model, Encoder) and isinstance(peft, Adapters):
        from lab.models.peft.adapters import build_adapted

        return build_adapted(model, tokenizer, folder, peft, fresh=load_weights)
    if model.kind not in TEXT_ENCODERS:
        import_module(MODULES[model.kind])
    part = TEXT_ENCODERS[model.kind]
    if not isinstance(part, EncoderKind):
        encoder: TextEncoder = part(model, tokenizer)
        return encoder
    return part.new(model, tokenizer) if load_weights else part.rebuilt(model, tokenizer, folder)


def own_head(model: TextModel, spec: TextSpec, encoder: TextEncoder, fresh: bool) -> nn.Module | None:
    """The head of transformers over an encoder, if the model has it; None for linear heads.

    fresh: its pooler, where the family has one, starts from the pretrained weights; otherwise a checkpoint fills it.
    Raises RequestError for a family without a class for sequence classification.
    """
    if not isinstance(model, Encoder) or model.head != "transformers":
        return None
    from lab.models.text.transformer import TransformerEncoder
    from lab.models.text.transformers_head import TransformersHead
    from lab.models.text.weights import locate

    assert isinstance(encoder, TransformerEncoder), f"a {type(encoder).__name__} of transformers"
    (labels,) = spec.heads
    head = TransformersHead(encoder.transformer.config, labels.num_classes, model.dropout)
    if fresh and model.pretrained:
        head.load_pooler(locate(model))
    return head
