"""The peers: the same model, rows, batch, epochs, rates and precision as a run of train.py, trained by others.

    python -m benchmarks.harness.peers {trainer,loop} RESULT.json [--pad-to N] [--still] [--keep-memory] [OVERRIDE ...]

`trainer` is transformers' Trainer, which groups by length, with fused AdamW; `loop` is plain PyTorch with nothing a
person could leave out: the limit. Both read the config that the overrides compose and take rows, tokens and initial
weights by the code of this project, so that only the training differs. --pad-to N pads every batch to N tokens. --still
keeps frozen layers in eval mode: left alone, the Trainer runs their dropout, which costs time for nothing.
--keep-memory gives this project's setting of malloc (freed memory is kept), without which each step gets its memory
anew; the loop always has it. The Trainer sorts a quarter of the batches by length together, at most 50. The best epoch
by mean validation macro-F1 is tested. Seconds of an epoch are those of its training alone.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from sklearn.metrics import f1_score
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainingArguments, get_linear_schedule_with_warmup

from lab.config.check import check
from lab.config.schema import Config
from lab.data.text.corpus import Rows, load
from lab.data.text.datamodule import resolve_max_length
from lab.models.pooling import TokenPooling
from lab.training.build.text_encoder import build_encoder
from lab.training.build.tokenizer import build_tokenizer
from lab.training.session import keep_freed_memory

CONF = Path(__file__).resolve().parents[2] / "conf"
POOL = 50
"""Batches that the loop sorts by length together."""
Example = dict[str, Any]


@dataclass
class Padding:
    """Tokens of the batches made while `counts`, and those of them that are padding."""

    counts: bool = False
    tokens: int = 0
    padded: int = 0

    def add(self, mask: Tensor) -> None:
        if self.counts:
            self.tokens, self.padded = self.tokens + mask.numel(), self.padded + int((mask == 0).sum())


@dataclass(frozen=True)
class Task:
    """What is trained. Each example has input_ids (list) and labels (one a head)."""

    config: Config
    splits: dict[str, list[Example]]
    heads: dict[str, int]
    pad_id: int
    pad_to: int | None
    padding: Padding = field(default_factory=Padding)

    @property
    def bf16(self) -> bool:
        return str(self.config.trainer.precision).startswith(("16", "bf16"))

    def collate(self, examples: list[Example]) -> dict[str, Tensor]:
        width = self.pad_to or max(len(example["input_ids"]) for example in examples)
        ids = torch.full((len(examples), width), self.pad_id)
        mask = torch.zeros((len(examples), width), dtype=torch.long)
        for place, example in enumerate(examples):
            length = len(example["input_ids"])
            ids[place, :length] = torch.tensor(example["input_ids"])
            mask[place, :length] = 1
        self.padding.add(mask)
        labels = torch.tensor([example["labels"] for example in examples])
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    def f1_macro(self, logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """logits (N, classes of all heads side by side), labels (N, heads)."""
        parts = np.split(logits, np.cumsum(list(self.heads.values()))[:-1], axis=1)
        return {
            head: float(f1_score(labels[:, place], parts[place].argmax(1), average="macro", zero_division=0))
            for place, head in enumerate(self.heads)
        }


class Classifier(nn.Module):
    """Encoder, pooling, dropout and a linear head for each label column, as people write it by hand."""

    def __init__(self, encoder: nn.Module, task: Task, still: list[nn.Module]) -> None:
        """still: parts that stay in eval mode."""
        super().__init__()
        self.still = tuple(still)  # no module of its own: they are the encoder's
        self.encoder = encoder
        self.pooling = TokenPooling(task.config.model.pooling, encoder.dimension, len(task.heads))
        self.dropout = nn.Dropout(task.config.model.dropout)
        self.heads = nn.ModuleList(nn.Linear(encoder.dimension, classes) for classes in task.heads.values())
        self.smoothing = task.config.loss.label_smoothing

    def train(self, mode: bool = True) -> "Classifier":
        super().train(mode)
        for module in self.still:
            module.eval()
        return self

    def forward(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> dict[str, Tensor]:
        mask = attention_mask.bool()
        pooled = self.dropout(self.pooling(self.encoder(input_ids, mask), mask)).expand(-1, len(self.heads), -1)
        logits = [head(one).float() for head, one in zip(self.heads, pooled.unbind(1), strict=True)]
        losses = [
            nn.functional.cross_entropy(head, labels[:, place], label_smoothing=self.smoothing)
            for place, head in enumerate(logits)
        ]
        return {"loss": torch.stack(losses).sum(), "logits": torch.cat(logits, 1)}


def prepared(overrides: list[str], pad_to: int | None, still: bool) -> tuple[Task, Classifier]:
    """The rows, tokens and initial weights that train.py would have; frozen where the config freezes."""
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", overrides))
    torch.manual_seed(config.seed)
    corpus = load(config.data, Path(config.cache.dir).expanduser())
    tokenizer = build_tokenizer(config.model, lambda: corpus.splits["train"].texts.batches(1000))
    texts = [text for batch in corpus.splits["train"].texts.batches(1000) for text in batch]
    lengths = np.array(tokenizer.lengths(texts), np.int32)
    max_length = resolve_max_length(config.data.max_length, lengths, tokenizer)

    def examples(rows: Rows) -> list[Example]:
        ids = [row for batch in rows.texts.batches(1000) for row in tokenizer.encode(batch, max_length)]
        labels = np.stack([rows.labels[head.name] for head in corpus.heads], axis=1).tolist()
        return [{"input_ids": list(row), "labels": label} for row, label in zip(ids, labels, strict=True)]

    splits = {split: examples(rows) for split, rows in corpus.splits.items()}
    task = Task(config, splits, {head.name: head.num_classes for head in corpus.heads}, tokenizer.pad_id, pad_to)
    with tempfile.TemporaryDirectory() as folder:
        encoder = build_encoder(config.model, tokenizer, Path(folder))
    frozen = config.callbacks.freeze.layers
    parts = [*encoder.embeddings, *encoder.layers[:frozen]] if frozen else []
    for module in parts:
        module.requires_grad_(False)
    return task, Classifier(encoder, task, parts if still else [])


class EpochClock(TrainerCallback):
    """Seconds from an epoch's start to its last step."""

    def __init__(self, padding: Padding) -> None:
        self.epochs_s: list[float] = []
        self._started, self._padding = 0.0, padding

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        self._started, self._padding.counts = time.perf_counter(), True

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        self._padding.counts = False
        self.epochs_s.append(time.perf_counter() - self._started)


def by_trainer(task: Task, model: Classifier) -> dict[str, Any]:
    """transformers' Trainer, as its documentation would have it for this."""
    config, clock = task.config, EpochClock(task.padding)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=config.data.batch_size,
            per_device_eval_batch_size=config.data.eval_batch_size,
            num_train_epochs=config.trainer.max_epochs,
            learning_rate=config.optimizer.lr,
            weight_decay=config.optimizer.weight_decay,
            warmup_steps=config.scheduler.warmup_ratio,
            lr_scheduler_type="linear",
            max_grad_norm=config.trainer.gradient_clip_val,
            optim="adamw_torch" if config.optimizer.fused is False else "adamw_torch_fused",
            bf16=task.bf16,
            train_sampling_strategy="random" if task.pad_to else "group_by_length",
            eval_strategy="epoch",
            save_strategy="epoch",
            save_only_model=True,
            save_total_limit=1,
            load_best_model_at_end=True,
            metric_for_best_model="f1_macro",
            label_names=["labels"],
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            use_cpu=True,
            report_to="none",
            disable_tqdm=True,
            seed=config.seed,
        )

        def metrics(predicted: Any) -> dict[str, float]:
            return {"f1_macro": float(np.mean([*task.f1_macro(predicted.predictions, predicted.label_ids).values()]))}

        trainer = Trainer(model, arguments, task.collate, task.splits["train"], task.splits["val"],
                          compute_metrics=metrics, callbacks=[clock])  # fmt: skip
        started = time.perf_counter()
        trainer.train()
        fit_s = time.perf_counter() - started
        # grouping by length, it reorders evaluation rows, their labels along with them
        tested = trainer.predict(task.splits["test"])
    return _found(task, fit_s, clock.epochs_s, task.f1_macro(tested.predictions, tested.label_ids))


def by_loop(task: Task, model: Classifier) -> dict[str, Any]:
    """Plain PyTorch."""
    config = task.config
    training = [parameter for parameter in model.parameters() if parameter.requires_grad]
    plain = [parameter for parameter in training if parameter.ndim < 2]
    decayed = [parameter for parameter in training if parameter.ndim >= 2]
    groups = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, config.optimizer.lr, weight_decay=config.optimizer.weight_decay, fused=True)
    num_steps = config.trainer.max_epochs * -(-len(task.splits["train"]) // config.data.batch_size)
    warmup = round(config.scheduler.warmup_ratio * num_steps)
    schedule = get_linear_schedule_with_warmup(optimizer, warmup, num_steps)
    best, best_state, epochs_s = -1.0, model.state_dict(), []
    began = time.perf_counter()
    for epoch in range(config.trainer.max_epochs):
        model.train()
        started, task.padding.counts = time.perf_counter(), True
        for batch in _batches(task, np.random.default_rng((config.seed, epoch))):
            with torch.autocast("cpu", torch.bfloat16, enabled=task.bf16):
                loss = model(**batch)["loss"]
            loss.backward()
            nn.utils.clip_grad_norm_(training, config.trainer.gradient_clip_val)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
        epochs_s.append(time.perf_counter() - started)
        task.padding.counts = False
        score = float(np.mean([*_evaluated(task, model, "val").values()]))
        if score > best:
            best, best_state = score, {name: value.clone() for name, value in model.state_dict().items()}
    fit_s = time.perf_counter() - began
    model.load_state_dict(best_state)
    return _found(task, fit_s, epochs_s, _evaluated(task, model, "test"))


def _batches(task: Task, random: np.random.Generator) -> Iterator[dict[str, Tensor]]:
    rows, size = task.splits["train"], task.config.data.batch_size
    order = random.permutation(len(rows))
    pools = [order[start : start + POOL * size] for start in range(0, len(rows), POOL * size)]
    ranked = np.concatenate([sorted(pool, key=lambda row: len(rows[row]["input_ids"])) for pool in pools])
    batches = [ranked[start : start + size] for start in range(0, len(rows), size)]
    for place in random.permutation(len(batches)):
        yield task.collate([rows[row] for row in batches[place]])


@torch.no_grad()
def _evaluated(task: Task, model: Classifier, split: str) -> dict[str, float]:
    model.eval()
    rows = sorted(task.splits[split], key=lambda example: len(example["input_ids"]))
    logits, labels, size = [], [], task.config.data.eval_batch_size
    for start in range(0, len(rows), size):
        batch = task.collate(rows[start : start + size])
        with torch.autocast("cpu", torch.bfloat16, enabled=task.bf16):
            logits.append(model(**batch)["logits"].float().numpy())
        labels.append(batch["labels"].numpy())
    return task.f1_macro(np.concatenate(logits), np.concatenate(labels))


def _found(task: Task, fit_s: float, epochs_s: list[float], f1_macro: dict[str, float]) -> dict[str, Any]:
    """Samples per second of the epochs after the first, in which kernels and memory find their shapes."""
    steady = epochs_s[1:] or epochs_s
    rate = len(task.splits["train"]) * len(steady) / sum(steady)
    found: dict[str, Any] = {"train_s": sum(epochs_s), "fit_s": fit_s, "samples_per_s": rate}
    found["padding_share"] = task.padding.padded / task.padding.tokens
    return found | {"epochs": len(epochs_s), "f1_macro": f1_macro}


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("kind", choices=("trainer", "loop"))
    options.add_argument("result", type=Path)
    options.add_argument("--pad-to", type=int)
    options.add_argument("--still", action="store_true")
    options.add_argument("--keep-memory", action="store_true")
    options.add_argument("overrides", nargs="*")
    given = options.parse_intermixed_args()
    if given.kind == "loop" or given.keep_memory:
        keep_freed_memory()
    task, model = prepared(given.overrides, given.pad_to, given.still)
    found = (by_trainer if given.kind == "trainer" else by_loop)(task, model)
    given.result.write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
