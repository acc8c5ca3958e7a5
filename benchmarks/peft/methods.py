"""What the benchmarks of fine-tuning methods share: an encoder of a method, and one training step of it.

Random weights in the published architecture: neither memory nor time depends on their values.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from torch import nn

from lab.config.check import check
from lab.config.schema import Encoder
from lab.core.batches import Tokenizer
from lab.models.text.transformer import TransformerEncoder
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer

CONF = Path(__file__).resolve().parents[2] / "conf"
MODELS = {"minilm": "MiniLM (6 layers, 384)", "bert": "BERT-base (12 layers, 768)"}
METHODS = {"full": "none", "lora": "lora", "dora": "dora", "qlora": "qlora", "qdora": "qdora"}
"""As people call them -> as `peft=` does."""
QUICK = ["model.architecture.hidden_size=48", "model.architecture.intermediate_size=96",
         "model.architecture.num_attention_heads=4", "model.architecture.num_hidden_layers=2"]  # fmt: skip


def encoder_of(model: str, method: str, quick: bool) -> TransformerEncoder:
    """An encoder as a run with `model=` and `peft=` builds it, in training mode."""
    with initialize_config_dir(str(CONF)):
        overrides = [f"model={model}", "model.pretrained=false", f"peft={METHODS[method]}", *(QUICK if quick else [])]
        config = check(compose("config", overrides))
    assert isinstance(config.model, Encoder)
    tokenizer: Tokenizer = build_tokenizer(config.model, lambda: iter([["fuga de aceite en el reductor"] * 2]))
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        result: Any = build_encoder(config.model, tokenizer, Path(folder), peft=config.peft)
    assert isinstance(result, TransformerEncoder)
    return result


def stepper(encoder: TransformerEncoder, bf16: bool) -> Callable[[int, int], float]:
    """One training step on random tokens of a batch and length: forward, backward, clipping, fused AdamW."""
    head = nn.Linear(encoder.dimension, 8)
    parameters = [one for one in [*encoder.parameters(), *head.parameters()] if one.requires_grad]
    optimizer = torch.optim.AdamW(parameters, 1e-5, fused=True)

    def step(batch: int, length: int) -> float:
        ids, labels = torch.randint(5, 1000, (batch, length)), torch.randint(0, 8, (batch,))
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = head(encoder(ids, torch.ones_like(ids, dtype=torch.bool)).mean(1))
            loss = nn.functional.cross_entropy(logits.float(), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    return step
