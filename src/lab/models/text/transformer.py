"""Encoders of the transformers library: BERT and its kin, loaded, built from a config, or rebuilt for a run.

Heads and poolers that a checkpoint brings are left out, so that the count of trainable parameters is honest; weights
come as fp32 and in training mode (`from_pretrained` leaves a model in eval mode, where it would train without
dropout). Attention is PyTorch's fused one (sdpa) where the family has it. Shapes: B rows, L tokens, D width.
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

from lab.config.schema import Encoder
from lab.core.batches import Tokenizer
from lab.core.errors import Mistake, RequestError, listed
from lab.core.files import Unreadable, read_json, write_whole
from lab.models.text.architectures import known, unlike, with_attention_dropout
from lab.models.text.families import FAMILIES, EncoderFamily, position_limit, reads_segments
from lab.models.text.interfaces import ARCHITECTURE_FILE, CuttableEncoder
from lab.models.text.weights import locate

log = logging.getLogger(__name__)


_IDLE = (
    "architectures", "dtype", "id2label", "label2id", "transformers_version", "use_cache", "attention_dropout",
    "attention_probs_dropout_prob", "classifier_dropout", "dropout", "hidden_dropout_prob", "seq_classif_dropout",
)  # fmt: skip
"""What a config says that no frozen layer reads: dropout is off in it."""

UNREADABLE = (SafetensorError, pickle.UnpicklingError, EOFError)
"""What torn or foreign files of weights raise, besides the usual."""

_HEADS = re.compile(
    r"(^|\.)(pooler|cls|lm_head|classifier|score|qa_outputs|predictions|sop_classifier|dropout|head|decoder)\.|"
    r"^(vocab_|pre_classifier|discriminator_predictions|generator_|mask_predictions)|position_ids$"
)
"""Tensors of a checkpoint that belong to what it was trained for, not to the encoder."""


class TransformerEncoder(CuttableEncoder):
    """A transformers model: ids and mask (B, L) -> (B, L, D)."""

    def __init__(self, transformer: PreTrainedModel) -> None:
        super().__init__()
        self.transformer = transformer
        self.dimension = int(transformer.config.hidden_size)
        self.whole = self._family.whole

    def forward(self, ids: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        types = {"token_type_ids": segments} if segments is not None and reads_segments(self.transformer.config) else {}
        hidden: Tensor = self.transformer(input_ids=ids, attention_mask=mask.to(ids.dtype), **types).last_hidden_state
        return hidden

    def longest(self, pad_id: int) -> int:
        return position_limit(self.transformer.config, pad_id)

    def signature(self) -> str:
        config = self.transformer.config
        values = {key: value for key, value in config.to_dict().items() if key not in _IDLE and not key.startswith("_")}
        return json.dumps(values | {"attention": config._attn_implementation}, sort_keys=True, default=str)

    def forward_below(self, ids: Tensor, mask: Tensor, num_layers: int) -> Tensor:
        states = self.transformer.get_submodule("embeddings")(ids)
        if hasattr(self.transformer, "embeddings_project"):  # ELECTRA's small ones
            states = self.transformer.embeddings_project(states)
        return self._through(states, mask, self.layers[:num_layers])

    def forward_above(self, states: Tensor, mask: Tensor, num_layers: int) -> Tensor:
        # fp32 as between layers under autocast, too: what is added up there keeps its small terms
        return self._through(states.float(), mask, self.layers[num_layers:])

    def _through(self, states: Tensor, mask: Tensor, layers: list[nn.Module]) -> Tensor:
        seen = create_bidirectional_mask(config=self.transformer.config, inputs_embeds=states, attention_mask=mask)
        for layer in layers:
            states = layer(states, seen)
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
            self.transformer.config.use_cache = (
                False  # of decoders; transformers would warn that the two do not go together
            )
            self.transformer.activation_checkpointing_enable({"use_reentrant": False})
        return bool(self.transformer.supports_gradient_checkpointing)

    def save_architecture(self, folder: Path) -> None:
        text = self.transformer.config.to_json_string(use_diff=False)
        write_whole(folder / ARCHITECTURE_FILE, lambda aside: aside.write_text(text, encoding="utf-8"))


def load_transformer(model: Encoder, tokenizer: Tokenizer) -> PreTrainedModel:
    """The pretrained weights of a request. Raises RequestError as `locate` does, and for tensors that do not fit."""
    folder = locate(model)
    config = with_attention_dropout(read_config(folder), model.attention_dropout)
    value = model.path or model.package
    overruled = unlike(config, known(model.architecture)) if model.architecture else []
    if overruled:
        log.warning("model.architecture has no effect with pretrained weights, which have %s", listed(overruled))
    try:
        with _quiet():
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
        problem = f"its tokenizer has {tokenizer.vocabulary_size} tokens, its embeddings only {rows}"
        raise _misfit(value, problem)
    return transformer.train()


def misfits(report: dict[str, Any]) -> list[str]:
    """What of a loading report is wrong, heads and poolers aside."""
    faults = []
    for kind in ("missing", "unexpected"):
        names = sorted(name for name in report[f"{kind}_keys"] if not _HEADS.search(name))
        if names:
            faults.append(f"{kind} tensors {listed(names, 6)}")
    shapes = [f"{name} {tuple(found)} instead of {tuple(wanted)}" for name, found, wanted in report["mismatched_keys"]]
    return faults + ([f"wrong shapes {listed(sorted(shapes), 6)}"] if shapes else [])


def new_transformer(model: Encoder, tokenizer: Tokenizer) -> PreTrainedModel:
    """Random weights in the shipped architecture.

    The embeddings keep the published number of rows where the architecture names one, although a learned vocabulary
    may be smaller: memory and time are then those of the real model.
    """
    config = new_config(model)
    named = (model.architecture or {}).get("vocab_size", tokenizer.vocabulary_size)
    config.vocab_size = max(int(named), tokenizer.vocabulary_size)
    config.pad_token_id = tokenizer.pad_id
    return _built(config)


def rebuild_transformer(folder: Path) -> PreTrainedModel:
    """The architecture that `save_architecture` wrote, for a checkpoint to fill. Raises RequestError if it is gone."""
    path = folder / ARCHITECTURE_FILE
    if not path.exists():
        raise RequestError(Mistake("", f"{path} is missing: the run cannot be built again", "a whole run folder"))
    try:
        config = AutoConfig.for_model(**read_json(path, dict))
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = f"{path} does not describe an architecture: {' '.join(str(error).split())[:160]}"
        raise RequestError(Mistake("", problem, "a whole run folder")) from error
    return _built(config)


def read_config(folder: Path) -> PretrainedConfig:
    """config.json of a model's folder. Raises RequestError where it is none of `FAMILIES`."""
    try:
        values = read_json(folder / "config.json", dict)
    except Unreadable as error:
        raise RequestError(Mistake("model.path", f"{folder}/{error}")) from error
    return _config(dict(values), "model.path", str(folder))


def new_config(model: Encoder) -> PretrainedConfig:
    """The shipped architecture as a config. Raises RequestError where there is none or it cannot be."""
    if model.architecture is None:
        problem = f"model={model.name} ships no architecture to build without weights"
        raise RequestError(Mistake("model.pretrained", problem, "model.pretrained=true, or model=tiny", False))
    if model.path is not None and Path(model.path).expanduser().is_dir():
        problem = "the folder would not be read: model.pretrained=false means random weights"
        raise RequestError(Mistake("model.path", problem, "model.pretrained=true, or leave model.path out", model.path))
    config = _config(known(model.architecture), "model.architecture", None)
    return with_attention_dropout(config, model.attention_dropout)


def _config(values: dict[str, Any], key: str, value: str | None) -> PretrainedConfig:
    kind = str(values.get("model_type", ""))
    if kind not in FAMILIES:
        problem = f"model_type {kind!r} is no encoder that this project trains; there are {', '.join(FAMILIES)}"
        raise RequestError(Mistake(key, problem, "model.path=FOLDER_OR_HUB_NAME of an encoder", value))
    try:
        return AutoConfig.for_model(**values)
    except (TypeError, ValueError) as error:
        raise RequestError(Mistake(key, f"is no config of {kind}: {error}", "", value)) from error


def _built(config: PretrainedConfig) -> PreTrainedModel:
    try:
        with _quiet():
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
def _quiet() -> Iterator[None]:
    """Without transformers' own progress bar and table of unused tensors: what matters of it is checked here."""
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
