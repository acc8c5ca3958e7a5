"""Both published layouts with synthetic weights of the exact keys and shapes, and files that are refused."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor

from lab.core.errors import RequestError
from lab.models.series.timer_xl.checkpoint import load_checkpoint, match, read
from lab.models.series.timer_xl.checkpoint_settings import trained_with
from lab.models.series.timer_xl.encoder import TimerEncoder

Shapes = Iterator[tuple[str, tuple[int, ...]]]


def openltm(width: int, layers: int, ffn: int, heads: int, patch: int) -> Shapes:
    yield from {"embedding.weight": (width, patch), "embedding.bias": (width,)}.items()
    for n in range(layers):
        block = f"blocks.attn_layers.{n}."
        yield block + "attention.inner_attention.attn_bias.emb.weight", (2, heads)
        for part in ("query", "key", "value", "out"):
            yield f"{block}attention.{part}_projection.weight", (width, width)
            yield f"{block}attention.{part}_projection.bias", (width,)
        yield from {block + "conv1.weight": (ffn, width, 1), block + "conv1.bias": (ffn,)}.items()
        yield from {block + "conv2.weight": (width, ffn, 1), block + "conv2.bias": (width,)}.items()
        yield from ((f"{block}norm{m}.{what}", (width,)) for m in (1, 2) for what in ("weight", "bias"))
    yield from {"blocks.norm.weight": (width,), "blocks.norm.bias": (width,)}.items()
    yield from {"head.weight": (patch, width), "head.bias": (patch,)}.items()


def hugging_face(width: int, layers: int, ffn: int, _heads: int, patch: int) -> Shapes:
    yield "model.embed_layer.emb.weight", (width, patch)
    for n in range(layers):
        layer = f"model.layers.{n}."
        for part in "qkv":
            yield f"{layer}self_attn.{part}_proj.weight", (width, width)
            yield f"{layer}self_attn.{part}_proj.bias", (width,)
        yield layer + "self_attn.o_proj.weight", (width, width)
        yield from ((f"{layer}ffn_layer.{part}_proj.weight", (ffn, width)) for part in ("gate", "up"))
        yield layer + "ffn_layer.down_proj.weight", (width, ffn)
        yield from ((f"{layer}norm{m}.{what}", (width,)) for m in (1, 2) for what in ("weight", "bias"))
    yield from {"model.norm.weight": (width,), "model.norm.bias": (width,)}.items()
    yield "lm_heads.0.weight", (patch, width)


LAYOUTS: dict[str, Callable[..., Shapes]] = {"timer_xl_full": openltm, "timer_84m": hugging_face}


@pytest.mark.parametrize(
    ("name", "tensors", "parameters"), [("timer_xl_full", 142, 67_398_880), ("timer_84m", 116, 84_142_080)]
)
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_published_keys_and_shapes_fit_completely(
    name: str, tensors: int, parameters: int, prefix: str, shipped: Any
) -> None:
    with torch.device("meta"):
        state = {prefix + key: torch.empty(shape) for key, shape in LAYOUTS[name](1024, 8, 2048, 8, 96)}
        encoder, headless = (TimerEncoder(shipped(name), forecasts) for forecasts in (True, False))
    assert (len(state), sum(tensor.numel() for tensor in state.values())) == (tensors, parameters)
    fit = match(encoder, state, "file")
    assert fit.whole
    assert len(fit.loaded) == tensors
    assert match(headless, state, "file").whole


@pytest.fixture
def tiny(small_net: Any) -> Callable[..., TimerEncoder]:
    return lambda forecasts=False, **changes: TimerEncoder(small_net("timer_xl", **changes), forecasts)


@pytest.fixture
def weights() -> dict[str, Tensor]:
    torch.manual_seed(5)
    return {key: torch.randn(shape) for key, shape in openltm(32, 2, 64, 4, 8)}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_all_values_of_a_file_are_loaded(suffix: str, weights: Any, tiny: Any, tmp_path: Path) -> None:
    file = tmp_path / f"checkpoint{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": {f"module.{key}": tensor for key, tensor in weights.items()}}, file)
    else:
        save_file(weights, file)
    encoder = tiny()
    fit = load_checkpoint(encoder, str(file), partial=False)
    assert str(fit) == "OpenLTM layout: 38 tensors loaded"
    state = encoder.state_dict()
    key = "blocks.attn_layers.1.attention.key_projection.weight"
    assert torch.equal(state["blocks.1.attention.key.weight"], weights[key])
    assert torch.equal(state["blocks.0.ffn.down.weight"], weights["blocks.attn_layers.0.conv2.weight"].squeeze(-1))
    assert torch.equal(state["norm.bias"], weights["blocks.norm.bias"])


def test_a_run_of_this_project_can_be_loaded(tiny: Any, tmp_path: Path) -> None:
    pretrained, encoder = tiny(forecasts=True), tiny()
    (tmp_path / "checkpoints").mkdir()
    state = {f"encoder.{key}": tensor for key, tensor in pretrained.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "checkpoints" / "best.ckpt")
    load_checkpoint(encoder, str(tmp_path), partial=False)
    assert torch.equal(encoder.embedding.weight, pretrained.embedding.weight)


def test_weights_that_were_trained_with_other_settings_are_refused(
    tiny: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pretrained = tiny(forecasts=True, causal=True)
    (tmp_path / "checkpoints").mkdir()
    state = {f"encoder.{key}": tensor for key, tensor in pretrained.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "checkpoints" / "best.ckpt")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"model": pretrained.config.model_dump(mode="json")}))
    changes = {"rope": "split_full", "normalise": not pretrained.config.normalise, "num_heads": 2}
    other = tiny(causal=False, variate_bias=False, **changes)
    with pytest.raises(RequestError) as error:
        load_checkpoint(other, str(tmp_path / "checkpoints" / "best.ckpt"), partial=True)
    assert [mistake.key for mistake in error.value.mistakes] == ["model.num_heads", "model.rope", "model.normalise"]
    assert "model.rope=interleaved_half" in str(error.value)
    with caplog.at_level("WARNING"):
        load_checkpoint(tiny(causal=False), str(tmp_path), partial=False)
    assert "causal=false, trained with true" in caplog.text


def test_rotation_of_released_weights_and_heads_of_a_hub_folder_are_known(
    weights: Any, tiny: Any, tmp_path: Path
) -> None:
    save_file(weights, tmp_path / "released.safetensors")
    with pytest.raises(RequestError, match=r"model\.rope=split_full: the weights .* interleaved_half"):
        load_checkpoint(tiny(rope="split_full"), str(tmp_path / "released.safetensors"), partial=False)
    (tmp_path / "config.json").write_text('{"num_attention_heads": 8}')
    assert trained_with("Hugging Face", str(tmp_path)) == {"rope": "split_full", "num_heads": 8}


def test_a_partial_match_is_refused_with_a_list_unless_allowed(weights: Any, tiny: Any, tmp_path: Path) -> None:
    del weights["blocks.norm.weight"]
    weights["embedding.bias"] = torch.zeros(7)
    weights["blocks.attn_layers.9.norm1.bias"] = torch.zeros(32)
    file = tmp_path / "half.pth"
    torch.save(weights, file)
    encoder = tiny()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    with pytest.raises(RequestError) as error:
        load_checkpoint(encoder, str(file), partial=False)
    message = str(error.value)
    assert "36 tensors loaded" in message
    assert "1 missing (norm.weight)" in message
    assert "embedding.bias (7,), here (32,)" in message
    assert "1 not of this network (blocks.attn_layers.9.norm1.bias)" in message
    assert "model.partial=true" in message
    assert all(torch.equal(tensor, before[name]) for name, tensor in encoder.state_dict().items())
    fit = load_checkpoint(encoder, str(file), partial=True)
    assert len(fit.loaded) == 36
    assert torch.equal(encoder.norm.bias, weights["blocks.norm.bias"])


def test_a_checkpoint_of_another_layout_or_size_does_not_fit(weights: Any, tiny: Any) -> None:
    other = {key: torch.zeros(shape) for key, shape in hugging_face(32, 2, 64, 4, 8)}
    assert not match(tiny(), other, "file").whole
    wide = match(tiny(width=64), weights, "file")
    assert len(wide.mismatched) > 30
    assert not wide.whole


class Harmful:
    """An object that creates a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("unpickled"),)


def test_a_pickle_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"embedding.weight": torch.zeros(2)}, "args": Harmful()}, "whole.pth")
    Path("bare.pth").write_bytes(pickle.dumps(Harmful()))
    for name in ("whole.pth", "bare.pth"):
        with pytest.raises(RequestError, match="has Python objects besides weights"):
            read(name)
    assert not Path("unpickled").exists()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("absent.pth", None, "no such file"),
        ("broken.safetensors", b"no safetensors at all", "cannot be read"),
        ("empty.pth", b"", "is empty"),
        ("text.pth", b"hello", "was not written by torch.save"),
    ],
)
def test_other_files_are_refused(name: str, content: bytes | None, problem: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RequestError, match=problem):
        read(str(tmp_path / name))


def test_a_file_of_another_network_is_refused_with_its_tensors(tiny: Any, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"no Timer-XL in a known layout.*conv1\.weight"):
        match(tiny(), {"conv1.weight": torch.zeros(1)}, "resnet.pth")
    with pytest.raises(RequestError, match="neither checkpoints/best"):
        read(str(tmp_path))
