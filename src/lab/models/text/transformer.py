"""Encoders of the transformers library (BERT and others): loaded, built from a config, or rebuilt for a run.

Heads and poolers of a checkpoint are not loaded, so that the number of trainable parameters is right. Weights are fp32.
A model is returned in training mode, because `from_pretrained` leaves it in eval mode, in which it would train without
dropout. Attention is PyTorch's fused attention (sdpa) if the family supports it. Shapes: B rows, L tokens, D width.
"""

import inspect
import json
import logging
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.masking_utils import create_bidirectional_mask
from transformers.utils import logging as transformers_logging

from lab.config.rules.models import EXAMPLE_ENCODER
from lab.config.schema import Encoder
from lab.core.batches import Tokenizer
from lab.core.errors import Mistake, RequestError, listed
from lab.core.files import Unreadable, read_json, write_whole
from lab.core.registry import TEXT_ENCODERS
from lab.models.text.architectures import known, unlike, with_attention_dropout
from lab.models.text.families import FAMILIES, EncoderFamily, position_limit, reads_segments
from lab.models.text.interfaces import ARCHITECTURE_FILE, CuttableEncoder, EncoderKind
from lab.models.text.weights import locate

log = logging.getLogger(__name__)

_UNREAD = (
    "architectures", "dtype", "id2label", "label2id", "transformers_version", "use_cache", "attention_dropout",
    "attention_probs_dropout_prob", "classifier_dropout", "dropout", "hidden_dropout_prob", "seq_classif_dropout",
)  # fmt: skip
"""Keys of a config that do not change what frozen layers compute; dropout is off in frozen layers."""

UNREADABLE = (SafetensorError, pickle.UnpicklingError, EOFError)
"""Exceptions that damaged or unknown weight files raise, in addition to OSError and ValueError."""

_HEADS = re.compile(
    r"(^|\.)(pooler|cls|lm_head|classifier|score|qa_outputs|predictions|sop_classifier|dropout|head|decoder)\.|"
    r"^(vocab_|pre_classifier|discriminator_predictions|generator_|mask_predictions)|position_ids$"
)
"""Names of the tensors in a checkpoint that belong to the head of its training task, not to the encoder."""


class TransformerEncoder(CuttableEncoder):
    """A transformers model: ids and mask (B, L) -> (B, L, D)."""

    def __init__(self, transformer: PreTrainedModel) -> None:
        super().__init__()
        self.transformer = transformer
        self.dimension = int(transformer.config.hidden_size)
        self.whole, self.takes_no_mask = self._family.whole, self._family.takes_no_mask

    def forward(self, ids: Tensor, mask: Tensor | None, segments: Tensor | None = None) -> Tensor:
        types = {"token_type_ids": segments} if segments is not None and reads_segments(self.transformer.config) else {}
        hidden: Tensor = self.transformer(
            input_ids=ids, attention_mask=self._attention_mask(mask), **types
        ).last_hidden_state
        return hidden

    def _attention_mask(self, mask: Tensor | None) -> Tensor | None:
        """The mask as the layers read it, (B, 1, 1, L) bool, or (B, L) for families that derive their own from it.

        From a mask (B, L), transformers would first read whether all of it is True, for which a GPU must be waited for.
        """
        if mask is None or not self._family.plain_attention or self.transformer.config._attn_implementation != "sdpa":
            return mask if mask is None else mask.long()
        return mask[:, None, None]

    def longest(self, pad_id: int) -> int:
        return position_limit(self.transformer.config, pad_id)

    def signature(self) -> str:
        config = self.transformer.config
        values = {
            key: value for key, value in config.to_dict().items() if key not in _UNREAD and not key.startswith("_")
        }
        return json.dumps(values | {"attention": config._attn_implementation}, sort_keys=True, default=str)

    def forward_below(self, ids: Tensor, mask: Tensor, num_layers: int) -> Tensor:
        states = self.transformer.get_submodule("embeddings")(ids)
        if hasattr(self.transformer, "embeddings_project"):  # small ELECTRA models
            states = self.transformer.embeddings_project(states)
        return self._through(states, mask, self.layers[:num_layers])

    def forward_above(self, states: Tensor, mask: Tensor | None, num_layers: int) -> Tensor:
        # fp32, as between layers under autocast: in bf16 the residual sums would lose their small terms
        return self._through(states.float(), mask, self.layers[num_layers:])

    def _through(self, states: Tensor, mask: Tensor | None, layers: list[nn.Module]) -> Tensor:
        attention_mask = create_bidirectional_mask(
            config=self.transformer.config, inputs_embeds=states, attention_mask=self._attention_mask(mask)
        )
        for layer in layers:
            states = layer(states, attention_mask)
        return states

    @property
    def embeddings(self) -> list[nn.Module]:
        shared = self._family.shared
        parts = [part for name, part in self.transformer.named_modules() if name in shared]
        return [self.transformer.get_submodule("embeddings"), *parts]

    @property
    def layers(self) -> list[nn.Module]:
        return list(self.transformer.get_submodule(self._family.layers).children())

    @property
    def _family(self) -> EncoderFamily:
        return FAMILIES[self.transformer.config.model_type]

    def checkpoint_gradients(self) -> bool:
        if self.transformer.supports_gradient_checkpointing:
            # a setting for decoders; transformers warns if it is on together with checkpointing
            self.transformer.config.use_cache = False
            self.transformer.activation_checkpointing_enable({"use_reentrant": False})
        return bool(self.transformer.supports_gradient_checkpointing)

    def save_architecture(self, folder: Path) -> None:
        text = self.transformer.config.to_json_string(use_diff=False)
        write_whole(folder / ARCHITECTURE_FILE, lambda aside: aside.write_text(text, encoding="utf-8"))


def new_encoder(model: Encoder, tokenizer: Tokenizer) -> TransformerEncoder:
    """An encoder with pretrained or random weights. Raises RequestError as `load_transformer` does."""
    return TransformerEncoder((load_transformer if model.pretrained else new_transformer)(model, tokenizer))


def rebuilt_encoder(model: Encoder, tokenizer: Tokenizer, folder: Path) -> TransformerEncoder:  # noqa: ARG001
    """The encoder whose architecture lies in `folder`, for a checkpoint that fills it."""
    return TransformerEncoder(rebuild_transformer(folder))


TEXT_ENCODERS.register("encoder", EncoderKind(new_encoder, rebuilt_encoder))


def load_transformer(model: Encoder, tokenizer: Tokenizer) -> PreTrainedModel:
    """The pretrained model of a request. Raises RequestError as `locate` does, and for tensors that do not fit."""
    folder = locate(model)
    config = with_attention_dropout(read_config(folder), model.attention_dropout)
    value = model.path or model.package
    ignored = unlike(config, known(model.architecture)) if model.architecture else []
    if ignored:
        log.warning("model.architecture has no effect with pretrained weights, which have %s", listed(ignored))
    try:
        with quietly():
            transformer, report = AutoModel.from_pretrained(
                folder,
                config=config,
                local_files_only=True,
                dtype=torch.float32,
                output_loading_info=True,
                **_without_pooler(config),
            )
    except (*UNREADABLE, OSError, RuntimeError, ValueError, KeyError) as error:
        raise _misfit(value, f"the weights in {folder} cannot be read: {error}") from error
    faults = misfits(report)
    if faults:
        raise _misfit(value, f"the weights in {folder} do not fit its config.json: {'; '.join(faults)}")
    rows = int(transformer.get_input_embeddings().num_embeddings)
    if tokenizer.vocabulary_size > rows:
        problem = f"its tokenizer has {tokenizer.vocabulary_size} tokens, but its embeddings have only {rows} rows"
        raise _misfit(value, problem)
    return transformer.train()


def misfits(report: dict[str, Any]) -> list[str]:
    """Missing, unexpected and wrongly shaped tensors of transformers' loading report, without heads and poolers."""
    faults = []
    for kind in ("missing", "unexpected"):
        names = sorted(name for name in report[f"{kind}_keys"] if not _HEADS.search(name))
        if names:
            faults.append(f"{kind} tensors {listed(names, 6)}")
    mismatched = report["mismatched_keys"]
    shapes = [f"{name} {tuple(actual)} instead of {tuple(expected)}" for name, actual, expected in mismatched]
    return faults + ([f"wrong shapes {listed(sorted(shapes), 6)}"] if shapes else [])


def new_transformer(model: Encoder, tokenizer: Tokenizer) -> PreTrainedModel:
    """A model with random weights in the architecture of the config.

    The embeddings have at least the published number of rows, if the architecture has one. A learned vocabulary may be
    smaller, but then memory and time are still those of the real model.
    """
    config = new_config(model)
    published = (model.architecture or {}).get("vocab_size", tokenizer.vocabulary_size)
    config.vocab_size = max(int(published), tokenizer.vocabulary_size)
    config.pad_token_id = tokenizer.pad_id
    return _built(config)


def rebuild_transformer(folder: Path) -> PreTrainedModel:
    """The model that `save_architecture` described, with random weights. Raises RequestError for a missing file."""
    path = folder / ARCHITECTURE_FILE
    if not path.exists():
        raise RequestError(
            Mistake("", f"{path} is missing, so the model of this run cannot be built", "a whole run folder")
        )
    try:
        config = AutoConfig.for_model(**read_json(path, dict))
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = f"{path} does not describe an architecture: {' '.join(str(error).split())[:160]}"
        raise RequestError(Mistake("", problem, "a whole run folder")) from error
    return _built(config)


def read_config(folder: Path) -> PretrainedConfig:
    """The config.json of a model's folder. Raises RequestError if its family is not in `FAMILIES`."""
    try:
        values = read_json(folder / "config.json", dict)
    except Unreadable as error:
        raise RequestError(Mistake("model.path", f"{folder}/{error}")) from error
    return _config(dict(values), "model.path", str(folder))


def new_config(model: Encoder) -> PretrainedConfig:
    """The `model.architecture` as a config. Raises RequestError if there is none or it is not valid."""
    if model.architecture is None:
        problem = f"model={model.name} has no architecture from which to build a model without weights"
        raise RequestError(Mistake("model.pretrained", problem, "model.pretrained=true, or model=tiny", False))
    if model.path is not None and Path(model.path).expanduser().is_dir():
        problem = "the folder is not read, because model.pretrained=false means random weights"
        raise RequestError(Mistake("model.path", problem, "model.pretrained=true, or leave model.path out", model.path))
    config = _config(known(model.architecture), "model.architecture", None)
    return with_attention_dropout(config, model.attention_dropout)


def _config(values: dict[str, Any], key: str, value: str | None) -> PretrainedConfig:
    kind = str(values.get("model_type", ""))
    if kind not in FAMILIES:
        problem = f"model_type {kind!r} is not an encoder that can be trained here; allowed are {', '.join(FAMILIES)}"
        raise RequestError(Mistake(key, problem, f"model.path={EXAMPLE_ENCODER}, or another encoder", value))
    try:
        return AutoConfig.for_model(**values)
    except (TypeError, ValueError) as error:
        raise RequestError(Mistake(key, f"is no config of {kind}: {error}", "", value)) from error


def _built(config: PretrainedConfig) -> PreTrainedModel:
    try:
        with quietly():
            transformer = AutoModel.from_config(config, dtype=torch.float32, **_without_pooler(config))
    except (TypeError, ValueError, AssertionError) as error:
        raise RequestError(Mistake("model.architecture", f"cannot be built: {error}")) from error
    return transformer.train()


def _without_pooler(config: PretrainedConfig) -> dict[str, bool]:
    from transformers.models.auto.modeling_auto import MODEL_MAPPING

    takes = inspect.signature(MODEL_MAPPING[type(config)].__init__).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in takes else {}


def _misfit(value: object, problem: str) -> RequestError:
    return RequestError(Mistake("model.path", problem, "a folder as save_pretrained writes it", value))


@contextmanager
def quietly() -> Iterator[None]:
    """Hide transformers' progress bar and its table of unused tensors; `misfits` checks the tensors."""
    verbosity = transformers_logging.get_verbosity()
    bar = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bar:
            transformers_logging.enable_progress_bar()
