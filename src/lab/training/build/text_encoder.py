"""The encoder of a run over texts: its weights, adapters, gradient checkpointing and compilation."""

from pathlib import Path

from lab.config.schema import Adapters, Config, Encoder, Ngram, Peft
from lab.core.batches import Tokenizer
from lab.core.errors import Mistake, RequestError
from lab.core.record.run_folder import RunFolder
from lab.models.text.interfaces import TextEncoder
from lab.models.text.ngram import NgramEncoder, NgramTokenizer


def text_encoder(config: Config, tokenizer: Tokenizer, folder: RunFolder, fresh: bool) -> TextEncoder:
    """Raises RequestError as `build_encoder` does, and where gradient checkpointing is not possible.

    fresh=False: rebuilt from `folder`, for a checkpoint to fill. Of a fresh one the architecture is left to the caller
    to save, once all else is known to be sound.
    """
    assert isinstance(config.model, Encoder | Ngram), f"a model of kind {config.model.kind} reads no texts"
    encoder = build_encoder(config.model, tokenizer, folder.tokenizer, load_weights=fresh, peft=config.peft)
    if config.trainer.gradient_checkpointing and not encoder.checkpoint_gradients():
        problem = f"transformers has none for the layers of {config.model.name}"
        key = "trainer.gradient_checkpointing"
        raise RequestError(Mistake(key, problem, f"{key}=false", True))
    if config.trainer.compile:
        for layer in encoder.layers:  # alike, so that one compilation serves them all; batches differ in length
            layer.compile(dynamic=True)
    return encoder


def build_encoder(
    model: Encoder | Ngram, tokenizer: Tokenizer, folder: Path, load_weights: bool = True, peft: Peft | None = None
) -> TextEncoder:
    """An encoder in training mode, fp32, on the CPU; with adapters its base may be in 4 bits.

    load_weights=False: rebuilt from what `save_architecture(folder)` wrote, neither hub nor weights needed; the caller
    loads a checkpoint into it. Of an adapted encoder only the adapters are in a checkpoint: its base is loaded either
    way, from where the run found it. Raises RequestError for weights that are not there, do not fit their config or the
    tokenizer, or are another base than the adapters', and for kinds of model that do not encode text.
    """
    if isinstance(model, Ngram):
        assert isinstance(tokenizer, NgramTokenizer), f"model=ngram with a {type(tokenizer).__name__}"
        return NgramEncoder(model.dimension, tokenizer, model.ngram_dropout)
    # transformers takes seconds to import, which model=ngram need not pay
    from lab.models.text.transformer import TransformerEncoder, load_transformer, new_transformer, rebuild_transformer

    if isinstance(peft, Adapters):
        from lab.models.peft.adapters import build_adapted

        return build_adapted(model, tokenizer, folder, peft, fresh=load_weights)
    if not load_weights:
        transformer = rebuild_transformer(folder)
    elif model.pretrained:
        transformer = load_transformer(model, tokenizer)
    else:
        transformer = new_transformer(model, tokenizer)
    return TransformerEncoder(transformer)
