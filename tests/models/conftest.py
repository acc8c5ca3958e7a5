"""Small encoders of every family, a folder like a published model, nets for series, and windows for them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from omegaconf import OmegaConf

from lab.config import schema
from lab.core.batches import HeadSpec, SeriesBatch, SeriesSpec
from lab.models.task_module import TaskModule, Training

CONF = Path(__file__).resolve().parents[2] / "conf" / "model"
TEXTS = [
    "la bomba centrífuga presenta fuga por el sello mecánico",
    "ruido en rodamiento del motor de la bomba",
    "fuga de aceite en el reductor, se ajusta y se deja en observación",
    "alta temperatura en el rodamiento",
]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
KINDS: dict[str, type[schema.Model]] = {
    "encoder": schema.Encoder,
    "inception_time": schema.InceptionTime,
    "linear": schema.Linear,
    "logistic_lags": schema.LogisticLags,
    "minirocket": schema.MiniRocket,
    "ngram": schema.Ngram,
    "patchtst": schema.PatchTst,
    "timer_xl": schema.TimerXL,
}
SMALL_NETS: dict[str, dict[str, Any]] = {
    "inception_time": {"depth": 4, "filters": 4, "bottleneck": 4, "kernels": (9, 5, 3)},
    "logistic_lags": {"lags": 7},
    "minirocket": {"num_features": 168},
    "patchtst": {"patch": 8, "stride": 4, "width": 16, "num_heads": 2, "num_layers": 2, "ffn_width": 32},
    "timer_xl": {"patch": 8, "width": 32, "num_heads": 4, "num_layers": 2, "ffn_width": 64},
}
SMALL: dict[str, dict[str, Any]] = {
    "albert": SIZES | {"embedding_size": 16},
    "bert": SIZES,
    "camembert": SIZES,
    "deberta-v2": SIZES | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
    "electra": SIZES | {"embedding_size": 16},
    "modernbert": SIZES | {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3},
    "mpnet": SIZES,
    "roberta": SIZES,
    "xlm-roberta": SIZES,
}


@pytest.fixture
def texts() -> Callable[[], Iterator[list[str]]]:
    return lambda: iter([TEXTS * 3])


@pytest.fixture
def shipped() -> Callable[..., Any]:
    """Builds the settings in conf/model/<name>.yaml, with keys replaced."""

    def model(name: str, **replaced: Any) -> schema.Model:
        values = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
        assert isinstance(values, dict)
        return KINDS[values["kind"]].model_validate(values | replaced)

    return model


@pytest.fixture
def small(shipped: Callable[..., Any]) -> Callable[..., Any]:
    """Settings of a small encoder of a family with random weights."""

    def model(family: str, **replaced: Any) -> schema.Encoder:
        limit = 514 if family in {"camembert", "mpnet", "roberta", "xlm-roberta"} else 512
        architecture = {"model_type": family, "max_position_embeddings": limit, "pad_token_id": 1} | SMALL[family]
        settings = shipped("tiny", architecture=architecture, vocabulary_size=300, **replaced)
        assert isinstance(settings, schema.Encoder)
        return settings

    return model


@pytest.fixture
def small_net(shipped: Callable[..., Any]) -> Callable[..., Any]:
    """Settings of a net for series with a few thousand parameters."""
    return lambda name, **replaced: shipped(name, **(SMALL_NETS[name] | replaced))


@pytest.fixture
def training() -> Callable[..., Training]:
    """Training settings of a task with `num_steps` optimizer steps."""

    def plan(num_steps: int = 10, **changes: Any) -> Training:
        plain = {"lr": 0.01, "weight_decay": 0.0, "betas": (0.9, 0.999), "eps": 1e-8, "layer_decay": 1.0,
                 "head_lr": None, "fused": "auto"}  # fmt: skip
        scheduler = schema.SchedulerConfig(
            kind="constant", warmup_ratio=0.0, warmup_steps=None, step_epochs=1, gamma=0.1
        )
        return Training(schema.AdamW.model_validate(plain | changes), scheduler, (num_steps,), seed=3)

    return plan


def padded(rows: list[list[int]], pad_id: int, extra: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    length = max(map(len, rows)) + extra
    ids = torch.full((len(rows), length), pad_id)
    mask = torch.zeros(len(rows), length, dtype=torch.bool)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[place, : len(row)] = True
    return ids, mask


@pytest.fixture
def batch() -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    return padded


@pytest.fixture
def published(small: Callable[..., Any], texts: Any, tmp_path: Path) -> Callable[..., Path]:
    """A folder as save_pretrained writes it: a small BERT with its language-model head, weights and tokenizer."""

    def write(folder: Path | None = None, pickled: bool = False) -> Path:
        from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

        from lab.training.build.tokenizer import build_tokenizer

        target = folder or tmp_path / "published"
        target.mkdir(parents=True, exist_ok=True)
        tokenizer = build_tokenizer(small("bert"), texts)
        whole = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer._core, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
        )
        whole.save_pretrained(target)
        torch.manual_seed(7)
        model = BertForMaskedLM(BertConfig(vocab_size=tokenizer.vocabulary_size, pad_token_id=1, **SIZES))
        if pickled:
            model.config.save_pretrained(target)
            torch.save(model.state_dict(), target / "pytorch_model.bin")
        else:
            model.save_pretrained(target)
        return target

    return write


HEAD = HeadSpec("class", ("up", "down"), (10, 10))
SPEC = SeriesSpec((HEAD,), ("x", "y"), 40)
LOSS = schema.LossConfig(
    kind="cross_entropy", gamma=2.0, head_weights={}, label_smoothing=0.0, class_weights="none", head_weighting="fixed"
)


def bumps(num_rows: int = 20, length: int = 40, channels: int = 2, seed: int = 0) -> SeriesBatch:
    """Noise with a bump at the end: up in rows of class 0, down in rows of class 1."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(num_rows) % 2
    values = torch.randn(num_rows, length, channels, generator=random) * 0.3
    values[:, -12:] += torch.where(labels == 0, 1.5, -1.5)[:, None, None]
    counts = torch.bincount(labels, minlength=2)
    observed = torch.ones_like(values, dtype=torch.bool)
    return SeriesBatch(values, observed, {"class": labels}, torch.arange(num_rows), {"class": counts})


class Batches(torch.utils.data.IterableDataset[SeriesBatch]):
    def __init__(self, *batches: SeriesBatch) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[SeriesBatch]:
        return iter(self.batches)


def loader(*batches: SeriesBatch) -> Any:
    return torch.utils.data.DataLoader(Batches(*batches), batch_size=None)


def fitted(model: TaskModule, epochs: int, *batches: SeriesBatch) -> pl.Trainer:
    trainer = pl.Trainer(max_epochs=epochs, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                         enable_model_summary=False, num_sanity_val_steps=0, accelerator="cpu", gradient_clip_val=1.0,
                         use_distributed_sampler=False)  # fmt: skip
    model.train()
    trainer.fit(model, loader(*batches), loader(bumps(seed=9)))
    return trainer


@pytest.fixture
def windows() -> Callable[..., SeriesBatch]:
    return bumps


@pytest.fixture
def fit() -> Callable[..., pl.Trainer]:
    """fit(model, epochs, *batches): a real Trainer on the CPU, with one validation batch."""
    return fitted


@pytest.fixture
def batches() -> Callable[..., Any]:
    return loader


@pytest.fixture
def spec() -> SeriesSpec:
    """Two channels, 40 steps, two classes."""
    return SPEC


@pytest.fixture
def classifier_of(small_net: Any, training: Any) -> Callable[..., Any]:
    """classifier_of(name, lr=..., **model settings): a small classifier for the windows of `windows`."""

    def build(name: str, lr: float = 0.01, **changes: Any) -> Any:
        from lab.training.build.series_model import build_series_classifier

        return build_series_classifier(small_net(name, **changes), LOSS, SPEC, training(lr=lr), lambda n: bumps())

    return build
