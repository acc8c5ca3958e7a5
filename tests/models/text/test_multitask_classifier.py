"""The classifier in real Trainer runs, with a very small encoder."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lab.callbacks.gradient_accumulation import GradientAccumulation, accumulation, epoch_ends
from lab.config.schema import AdamW, LossConfig, SchedulerConfig
from lab.core.batches import MISSING, HeadSpec, TextSpec
from lab.data.batch_sampler import EvalDraws, TrainDraws
from lab.data.dataloader import Loader, TokenRows
from lab.models.classifier import predictions
from lab.models.task_module import Training
from lab.models.text.interfaces import BagEncoder
from lab.models.text.multitask_classifier import MultitaskTextClassifier

HEADS = (HeadSpec("modo", ("a", "b", "c"), (20, 10, 5)), HeadSpec("causa", ("x", "y"), (10, 5)))
NUM_ROWS = 37


class MeanEmbedding(BagEncoder):
    """The mean of the word vectors, then one layer with dropout."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dimension = 8
        self.words = nn.Embedding(20, 8)
        self.layer = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Dropout(dropout))

    @property
    def embeddings(self) -> list[nn.Module]:
        return [self.words]

    @property
    def layers(self) -> list[nn.Module]:
        return [self.layer]

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        share = mask.float() / mask.sum(1, keepdim=True)
        pooled: Tensor = self.layer((self.words(ids) * share[..., None]).sum(1))
        return pooled

    def save_architecture(self, folder: Path) -> None:
        raise AssertionError("never saved in these tests")


class TokensInMemory:
    """Token ids of random texts."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.rows = [random.integers(1, 20, random.integers(2, 9)).astype(np.int32) for _ in range(NUM_ROWS)]
        self.lengths = np.array([len(row) for row in self.rows], dtype=np.int32)

    def __len__(self) -> int:
        return NUM_ROWS

    def __getitem__(self, row: int) -> Any:
        return self.rows[row]


def token_rows() -> TokenRows:
    random = np.random.default_rng(1)
    labels = {"modo": random.integers(0, 3, NUM_ROWS), "causa": random.integers(0, 2, NUM_ROWS)}
    labels["causa"][random.random(NUM_ROWS) < 0.7] = MISSING
    return TokenRows(TokensInMemory(), labels, HEADS, pad_id=0)  # type: ignore[arg-type]


def loss_config(**changes: object) -> LossConfig:
    plain = {"head_weights": {"causa": 0.5}, "label_smoothing": 0.1, "class_weights": "balanced",
             "head_weighting": "fixed",
             "kind": "cross_entropy", "gamma": 2.0}  # fmt: skip
    return LossConfig.model_validate(plain | changes)


def classifier(ends: tuple[int, ...], loss: LossConfig | None = None, dropout: float = 0.0) -> MultitaskTextClassifier:
    torch.manual_seed(0)
    optimizer = AdamW(lr=0.05, weight_decay=0.01, betas=(0.9, 0.999), eps=1e-8, layer_decay=1.0,
                                 head_lr=None, fused="auto")  # fmt: skip
    scheduler = SchedulerConfig(kind="linear", warmup_ratio=0.1, warmup_steps=None, step_epochs=1, gamma=0.1)
    training = Training(optimizer, scheduler, ends, seed=3)
    return MultitaskTextClassifier(
        TextSpec(HEADS, 20, 0, 9), MeanEmbedding(dropout), None, loss or loss_config(), dropout, training
    )


def fitted(batch_size: int, batches: int, loss: LossConfig, schedule: dict[int, int] | None = None) -> Any:
    def at(epoch: int) -> int:
        return accumulation(epoch, batches, schedule or {})

    rows = token_rows()
    draws = TrainDraws(rows.tokens.lengths, batch_size, at, seed=7)
    model = classifier(epoch_ends(len(draws), 3, batches, schedule or {}), loss)
    trainer = pl.Trainer(max_epochs=3, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                         enable_model_summary=False, num_sanity_val_steps=0, gradient_clip_val=1.0, accelerator="cpu",
                         use_distributed_sampler=False,
                         callbacks=[GradientAccumulation(batches, schedule)])  # fmt: skip
    trainer.fit(
        model, Loader(rows, draws, 0, False, False), Loader(rows, EvalDraws(rows.tokens.lengths, 16), 0, False, False)
    )
    return model, trainer


pytestmark = pytest.mark.filterwarnings(
    "ignore:.*have no `val_dataloader`.*",
    "ignore:.*does not have many workers.*",
    "ignore:.*smaller than the logging interval.*",
)


@pytest.mark.parametrize("weighting", ["fixed", "uncertainty"])
def test_four_by_four_accumulated_equals_a_batch_of_sixteen(weighting: str) -> None:
    # 37 rows are two windows of 16 and a last one of 5 (micro-batches of 4 and 1); 70 % of the causes are missing
    loss = loss_config(head_weighting=weighting)
    (whole, whole_trainer), (parts, parts_trainer) = fitted(16, 1, loss), fitted(4, 4, loss)
    assert whole_trainer.global_step == parts_trainer.global_step == 9
    for name, value in whole.state_dict().items():
        assert torch.allclose(value, parts.state_dict()[name], atol=1e-5), name
    for name, value in whole_trainer.callback_metrics.items():
        assert float(value) == pytest.approx(float(parts_trainer.callback_metrics[name]), abs=1e-5), name


def test_an_accumulation_schedule_changes_the_steps_and_the_weights() -> None:
    plain, plain_trainer = fitted(4, 4, loss_config())
    scheduled, scheduled_trainer = fitted(4, 4, loss_config(), {1: 2})
    assert plain_trainer.global_step == 9
    assert scheduled_trainer.global_step == 3 + 5 + 5
    assert not torch.allclose(plain.heads[0].weight, scheduled.heads[0].weight)


@pytest.mark.parametrize(
    "change",
    [
        {"label_smoothing": 0.0},
        {"class_weights": "none"},
        {"head_weights": {}},
        {"class_weights": {"causa": "balanced"}},
    ],
)
def test_every_setting_of_the_loss_changes_the_weights(change: dict[str, object]) -> None:
    (plain, _), (changed, _) = fitted(16, 1, loss_config()), fitted(16, 1, loss_config(**change))
    assert not torch.allclose(plain.encoder.words.weight, changed.encoder.words.weight)


def test_missing_labels_have_no_loss_and_no_gradient() -> None:
    rows = token_rows()
    model = classifier((10,))
    batch = next(iter(Loader(rows, EvalDraws(rows.tokens.lengths, NUM_ROWS), 0, False, False)))
    before = model.loss(batch)
    known = batch.labels["causa"] != MISSING
    batch.ids = torch.where(known[:, None] | (batch.labels["modo"][:, None] >= 0), batch.ids, 1)
    batch.labels["modo"] = torch.full_like(batch.labels["modo"], MISSING)
    batch.window_counts["modo"] = torch.zeros(3, dtype=torch.long)
    loss = model.loss(batch)
    assert torch.isfinite(loss)
    assert loss < before
    loss.backward()
    assert torch.equal(model.heads[0].weight.grad, torch.zeros_like(model.heads[0].weight))


def test_evaluation_does_not_depend_on_the_batch_size() -> None:
    def validated(batch_size: int) -> dict[str, float]:
        rows, model = token_rows(), classifier((10,))
        trainer = pl.Trainer(logger=False, enable_progress_bar=False, enable_checkpointing=False, accelerator="cpu")
        scores = trainer.validate(
            model, Loader(rows, EvalDraws(rows.tokens.lengths, batch_size), 0, False, False), verbose=False
        )
        return dict(scores[0])

    assert validated(5) == pytest.approx(validated(37), abs=1e-6)
    assert {"val/loss", "val/f1_macro", "val/causa/auc", "val/modo/mcc"} <= validated(5).keys()


def test_the_logged_rate_is_the_top_layers_in_the_last_step_of_the_epoch() -> None:
    rows, seen = token_rows(), []
    model = classifier((5, 10))
    rates = {"layer_decay": 0.5, "head_lr": 0.3}
    plan = model.training_plan
    model.training_plan = replace(plan, optimizer=plan.optimizer.model_copy(update=rates))

    class Watch(pl.Callback):
        def on_before_optimizer_step(self, trainer: Any, module: Any, optimizer: torch.optim.Optimizer) -> None:
            layer = model.encoder.layers[0].get_parameter("0.weight")
            (rate,) = (group["lr"] for group in optimizer.param_groups for part in group["params"] if part is layer)
            seen.append(rate / 0.5)  # the layer is one level below the heads

        def on_validation_end(self, trainer: Any, module: Any) -> None:
            assert float(trainer.callback_metrics["lr"]) == pytest.approx(seen[-1])

    trainer = pl.Trainer(max_epochs=2, logger=False, enable_progress_bar=False, enable_checkpointing=False,
                         enable_model_summary=False, num_sanity_val_steps=0, accelerator="cpu",
                         callbacks=[Watch()])  # fmt: skip
    trainer.fit(
        model,
        Loader(rows, TrainDraws(rows.tokens.lengths, 8, lambda epoch: 1, seed=7), 0, False, False),
        Loader(rows, EvalDraws(rows.tokens.lengths, 16), 0, False, False),
    )
    assert seen == pytest.approx([0.025, *(0.05 * (1 - done / 9) for done in range(9))])


@pytest.mark.parametrize(("device", "waits"), [("cuda", False), ("cpu", True)])
def test_a_batch_moves_to_a_gpu_without_waiting_for_the_copy(device: str, waits: bool) -> None:
    calls = []

    class Pinned:
        def to(self, device: torch.device, non_blocking: bool = False) -> "Pinned":
            calls.append((device.type, non_blocking))
            return self

    batch = Pinned()
    assert classifier((10,))._apply_batch_transfer_handler(batch, device=torch.device(device)) is batch
    assert calls == [(device, not waits)]


@pytest.mark.parametrize("weighting", ["fixed", "uncertainty"])
def test_the_loss_of_an_epoch_is_computed_on_the_models_device(weighting: str) -> None:
    # "meta" replaces a GPU: its tensors cannot be combined with tensors on the CPU
    model = classifier((10,), loss_config(head_weighting=weighting)).to("meta")
    known = torch.tensor([True, False])
    assert model.losses.of_epoch(torch.tensor([0.5, math.nan]), known).device.type == "meta"


@pytest.mark.parametrize("weighting", ["fixed", "uncertainty"])
def test_metrics_are_updated_without_waiting_for_the_device(weighting: str) -> None:
    # a "meta" tensor has no values, so every operation that would wait for a GPU fails: copying, reading, counting
    rows = token_rows()
    batch = next(iter(Loader(rows, EvalDraws(rows.tokens.lengths, NUM_ROWS), 0, False, False)))
    model = classifier((10,), loss_config(head_weighting=weighting)).to("meta")
    on_device = batch.to(torch.device("meta"))
    metric = model.head_metric("val")
    for _ in range(2):
        assert model.loss_of(on_device, model(on_device), metric).device.type == "meta"
    assert {value.device.type for value in (metric.counts_0, metric.sums, metric.probabilities_1[0])} == {"meta"}


def test_a_metric_restored_from_its_state_continues_exactly() -> None:
    rows, model = token_rows(), classifier((10,))
    batch = next(iter(Loader(rows, EvalDraws(rows.tokens.lengths, NUM_ROWS), 0, False, False)))
    metric = model.head_metric("train")
    model.loss_of(batch, model(batch), metric)
    state = metric.state()
    once = metric.compute()
    model.loss_of(batch, model(batch), metric)
    twice = metric.compute()
    metric.restore(state)
    assert metric.compute() == once
    model.loss_of(batch, model(batch), metric)
    assert metric.compute() == twice
    metric.restore(state)
    assert metric.compute() == once, "restoring replaces the state, it does not add to it"


def test_predictions_are_in_input_order() -> None:
    rows, model = token_rows(), classifier((10,))
    trainer = pl.Trainer(logger=False, enable_progress_bar=False, enable_checkpointing=False, accelerator="cpu")
    trainer.test(model, Loader(rows, EvalDraws(rows.tokens.lengths, 5), 0, False, False), verbose=False)
    order, (modo, causa) = predictions(model.test_outputs)
    assert order.tolist() == list(range(NUM_ROWS))
    assert (modo.shape, causa.shape) == ((NUM_ROWS, 3), (NUM_ROWS, 2))
    alone = next(iter(Loader(rows, EvalDraws(rows.tokens.lengths, NUM_ROWS), 0, False, False)))
    expected = model(alone)[0].softmax(-1)[alone.rows.argsort()]
    assert torch.allclose(modo, expected, atol=1e-6)


def test_dropout_is_a_function_of_seed_epoch_and_batch() -> None:
    def losses(disturb: Callable[[], object]) -> list[float]:
        rows = token_rows()
        model = classifier((30,), dropout=0.5)
        trainer = pl.Trainer(max_epochs=1, logger=False, enable_progress_bar=False, enable_checkpointing=False,
                             enable_model_summary=False, accelerator="cpu")  # fmt: skip
        seen: list[float] = []

        class Watch(pl.Callback):
            def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
                seen.append(float(outputs["loss"]))
                disturb()

        trainer.callbacks.append(Watch())
        trainer.fit(model, Loader(rows, TrainDraws(rows.tokens.lengths, 8, lambda epoch: 1, seed=7), 0, False, False))
        return seen

    assert losses(lambda: None) == losses(lambda: torch.rand(3))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_diverged_model_has_no_scores_and_no_loss(bad: float) -> None:
    """Without the check, argmax over NaN gives the first class, and a NaN loss looks like a head without labels."""
    model = classifier((10,))
    metric = model.head_metric("val")
    for index, head in enumerate(HEADS):
        logits = torch.zeros(6, head.num_classes)
        labels = torch.arange(6) % head.num_classes
        if index == 1:
            logits[2, 0] = bad
        metric.update(index, logits, labels, *model.losses.of_head(index, logits, labels))
    scores = metric.compute()
    sound, broken = (head.name for head in HEADS)
    assert math.isfinite(scores[f"{sound}/f1_macro"])
    assert math.isfinite(scores[f"{sound}/loss"])
    affected = [name for name in scores if not name.startswith(f"{sound}/")]
    assert {"loss", "f1_macro", f"{broken}/f1_macro", f"{broken}/auc", f"{broken}/loss"} <= set(affected)
    assert all(math.isnan(scores[name]) for name in affected)
    again = classifier((10,)).head_metric("val")
    again.restore(metric.state())
    assert math.isnan(again.compute()["loss"])
    metric.reset()
    assert not metric.diverged.any()


def test_a_head_without_labels_is_left_out_of_the_loss() -> None:
    model = classifier((10,))
    metric = model.head_metric("val")
    logits, labels = torch.zeros(4, HEADS[0].num_classes), torch.arange(4) % HEADS[0].num_classes
    metric.update(0, logits, labels, *model.losses.of_head(0, logits, labels))
    scores = metric.compute()
    assert scores["loss"] == pytest.approx(scores[f"{HEADS[0].name}/loss"])
    assert math.isnan(scores[f"{HEADS[1].name}/loss"])
