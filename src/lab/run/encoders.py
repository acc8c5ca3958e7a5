"""The encoder of any task over texts, as asked: weights, adapters, gradient checkpointing, compilation."""

from lab.batches import Tokenizer
from lab.errors import Mistake, RequestError
from lab.models.encoder import TextEncoder, build_encoder
from lab.record import RunFolder
from lab.schema import Config, Encoder, Ngram


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
