"""Loads weights for a Timer-XL from a file in the layout of OpenLTM or Hugging Face, or from a run of this project.

Loaded, missing and wrongly shaped tensors are reported. An incomplete match is refused unless `model.partial` is set,
because a network that is partly random also trains, but scores worse without any error. Files are read as safetensors
or with `weights_only=True`, so no code in a pickle ever runs.
"""

import logging
import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lab.core.errors import GARBLED, Mistake, RequestError
from lab.core.files import regular
from lab.models.series.timer_xl.checkpoint_settings import differences, trained_with
from lab.models.series.timer_xl.encoder import TimerEncoder

log = logging.getLogger(__name__)
KEY = "model.checkpoint"
SHOWN = 6
"""A message lists this many names of tensors and counts the others."""

_ATTENTION = r"blocks\.attn_layers\.(\d+)\.attention\."
_BLOCK = r"blocks\.attn_layers\.(\d+)\."
OPENLTM = (
    (_ATTENTION + r"(query|key|value|out)_projection\.", r"blocks.\1.attention.\2."),
    (_ATTENTION + r"inner_attention\.attn_bias\.emb\.weight", r"blocks.\1.attention.variate_bias"),
    (_BLOCK + r"conv1\.", r"blocks.\1.ffn.up."),
    (_BLOCK + r"conv2\.", r"blocks.\1.ffn.down."),
    (_BLOCK + r"(norm[12])\.", r"blocks.\1.\2."),
    (r"blocks\.norm\.", "norm."),
    (r"(embedding|head)\.", r"\1."),
)
_LAYER = r"model\.layers\.(\d+)\."
HUGGING_FACE = (
    (_LAYER + r"self_attn\.q_proj\.", r"blocks.\1.attention.query."),
    (_LAYER + r"self_attn\.k_proj\.", r"blocks.\1.attention.key."),
    (_LAYER + r"self_attn\.v_proj\.", r"blocks.\1.attention.value."),
    (_LAYER + r"self_attn\.o_proj\.", r"blocks.\1.attention.out."),
    (_LAYER + r"ffn_layer\.(gate|up|down)_proj\.", r"blocks.\1.ffn.\2."),
    (_LAYER + r"(norm[12])\.", r"blocks.\1.\2."),
    (r"model\.norm\.", "norm."),
    (r"model\.embed_layer\.emb\.", "embedding."),
    (r"lm_heads\.0\.", "head."),
)
OWN = ((r"(?:nets\.0\.)?encoder\.", ""),)
LAYOUTS = {
    "OpenLTM": ("blocks.attn_layers.", OPENLTM, "model=timer_xl_full"),
    "Hugging Face": ("model.embed_layer.", HUGGING_FACE, "model=timer_84m"),
    "lab": ("encoder.", OWN, "the model settings of the run it comes from"),
}
"""Name of a layout -> a part of a key that identifies it, rules that translate names to ours, a remedy for messages."""


@dataclass(frozen=True)
class Match:
    """How the tensors of a file fit an encoder. Names are those of the encoder, but in `unknown` those of the file."""

    layout: str
    loaded: dict[str, Tensor]
    missing: list[str]
    mismatched: list[str]
    unknown: list[str]

    @property
    def whole(self) -> bool:
        """Whether every tensor of the encoder and of the file has its counterpart."""
        return bool(self.loaded) and not (self.missing or self.mismatched or self.unknown)

    def __str__(self) -> str:
        parts = {"missing": self.missing, "of another shape": self.mismatched, "not of this network": self.unknown}
        problems = [f"{len(names)} {problem} ({_short(names)})" for problem, names in parts.items() if names]
        return f"{self.layout} layout: {'; '.join([f'{len(self.loaded)} tensors loaded', *problems])}"


def load_checkpoint(encoder: TimerEncoder, path: str, partial: bool) -> Match:
    """Load the weights into `encoder` and log what was loaded.

    Raises RequestError, before anything is loaded, for a file without such weights, for weights that were trained with
    other settings that their shapes do not show, and, without `partial`, for an incomplete match.
    """
    fit = match(encoder, read(path), path)
    if not fit.loaded or not (fit.whole or partial):
        alternative = ", or model.partial=true to leave the rest random" if fit.loaded else ", or model.checkpoint=null"
        remedy = f"{LAYOUTS[fit.layout][2]}{alternative}"
        raise RequestError(Mistake(KEY, f"does not fit the network: {fit}", remedy, path))
    known = trained_with(fit.layout, path)
    mistakes, changes = differences(encoder.config, known)
    if mistakes:
        raise RequestError(mistakes)
    state = encoder.state_dict()
    encoder.load_state_dict(state | fit.loaded)
    log.info("%s: %s", path, fit)
    if not known:
        log.warning("%s: no file beside it has the settings with which it was trained", path)
    if changes:
        log.warning("%s: the network reads its input differently than in training: %s", path, ", ".join(changes))
    return fit


def match(encoder: TimerEncoder, tensors: Mapping[str, Tensor], path: str) -> Match:
    """Compare names and shapes. A forecasting head is ignored if the encoder has none."""
    plain = {key.removeprefix("module."): tensor for key, tensor in tensors.items()}
    layout = next((name for name, (mark, _, _) in LAYOUTS.items() if any(mark in key for key in plain)), None)
    if layout is None:
        problem = f"has no Timer-XL in a known layout ({', '.join(LAYOUTS)}); its tensors: {_short(sorted(plain))}"
        raise RequestError(Mistake(KEY, problem, "", path))
    rules = LAYOUTS[layout][1]
    expected = {name: tuple(tensor.shape) for name, tensor in encoder.state_dict().items()}
    loaded, mismatched, unknown = {}, [], []
    for key, tensor in plain.items():
        name = _translated(key, rules)
        if name is None or name not in expected:
            if not _ignored(name, layout, encoder):
                unknown.append(key)
            continue
        fitting = tensor.squeeze(-1) if tensor.ndim == 3 else tensor  # a convolution of width 1
        if tuple(fitting.shape) == expected[name]:
            loaded[name] = fitting
        else:
            mismatched.append(f"{key} {tuple(tensor.shape)}, here {expected[name]}")
    named = {_translated(key, rules) for key in plain}
    return Match(layout, loaded, [name for name in expected if name not in named], mismatched, unknown)


def _translated(key: str, rules: tuple[tuple[str, str], ...]) -> str | None:
    for pattern, replacement in rules:
        if re.match(pattern, key):
            return re.sub(pattern, replacement, key, count=1)
    return None


def _ignored(name: str | None, layout: str, encoder: TimerEncoder) -> bool:
    """Whether a tensor does not belong to the encoder: the forecasting head, or the classifier of a run."""
    if name is not None and name.startswith("head.") and encoder.head is None:
        return True
    return layout == "lab" and name is None


def read(path: str) -> dict[str, Tensor]:
    """The tensors of a file, of a Hugging Face folder, or of the best checkpoint in a run folder.

    Raises RequestError for a missing, damaged or unsafe file.
    """
    file = _file(path)
    with regular(file).open("rb") as opened:
        head = opened.read(2)
    if file.suffix != ".safetensors" and head not in (b"PK", *(bytes([0x80, protocol]) for protocol in range(2, 6))):
        problem = "is empty" if not head else "was not written by torch.save"
        raise RequestError(Mistake(KEY, problem, "a file of weights: .safetensors, or a checkpoint of torch", path))
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        with warnings.catch_warnings():  # the pickle protocol does not matter: the file is read or refused
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            content: Any = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "nsupported" not in str(error):
            raise _unreadable(error, path) from error
        problem = "has Python objects besides weights and is not unpickled, because that would run any code in it"
        raise RequestError(Mistake(KEY, problem, "save only the tensors, best as .safetensors", path)) from error
    except (OSError, RuntimeError, EOFError, ValueError, SafetensorError, *GARBLED) as error:
        raise _unreadable(error, path) from error
    for inner in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(inner), dict):
            content = content[inner]
    if not isinstance(content, dict):
        raise RequestError(Mistake(KEY, f"has a {type(content).__name__}, not named tensors", "a state_dict", path))
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}


def _unreadable(error: Exception, path: str) -> RequestError:
    problem = f"cannot be read as weights: {' '.join(str(error).split())[:160]}"
    return RequestError(Mistake(KEY, problem, "another copy of the file", path))


def _file(path: str) -> Path:
    place = Path(path).expanduser()
    if place.is_dir():
        for inside in ("checkpoints/refit.ckpt", "checkpoints/best.ckpt", "model.safetensors"):
            if (place / inside).is_file():
                return place / inside
        problem = "the folder has neither checkpoints/best.ckpt (a run) nor model.safetensors"
        raise RequestError(Mistake(KEY, problem, "a file, a run folder, or a folder with model.safetensors", path))
    if not place.is_file():
        remedy = "a file, a run folder of experiment=rainfall_pretrain, or model.checkpoint=null"
        raise RequestError(Mistake(KEY, "there is no such file or folder", remedy, path))
    return place


def _short(names: list[str]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest
