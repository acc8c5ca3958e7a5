"""Precision: what a request becomes, and a real GradScaler that skips a step."""

import logging
import time
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.plugins import MixedPrecision

from lab.callbacks.precision import PAYS, SkippedSteps, measured, resolve
from lab.config.schema import AdamW
from lab.core.errors import RequestError
from lab.models.optimizer import make_optimizer


def faster() -> float:
    return 2.0


def slower() -> float:
    return 0.5


def never() -> float:
    raise AssertionError("nothing to measure")


@pytest.mark.parametrize(
    ("requested", "accelerator", "effective"),
    [
        (32, "cpu", "32-true"),
        ("32-true", "gpu", "32-true"),
        (16, "gpu", "16-mixed"),
        ("16-mixed", "gpu", "16-mixed"),
        ("bf16", "gpu", "bf16-mixed"),
        (16, "cpu", "bf16-mixed"),
        ("16-mixed", "cpu", "bf16-mixed"),
        ("bf16-mixed", "cpu", "bf16-mixed"),
    ],
)
def test_what_a_request_becomes(requested: int | str, accelerator: Any, effective: str) -> None:
    assert resolve(requested, accelerator, faster)[0] == effective


def test_a_line_only_where_something_else_runs_or_it_is_slow() -> None:
    assert resolve(16, "gpu", never)[1] is None
    assert resolve("bf16", "cpu", faster)[1] is None
    assert resolve(16, "cpu", faster)[1] == "precision 16 runs as bf16-mixed on a CPU"
    assert "bf16 at 0.50 x the speed" in (resolve("bf16", "cpu", slower)[1] or "")
    both = resolve(16, "cpu", slower)[1] or ""
    assert "runs as bf16-mixed" in both
    assert "bf16 at 0.50 x the speed" in both
    assert "\n" not in both


@pytest.mark.parametrize("requested", [8, "fp8", "transformer-engine"])
def test_anything_else_is_refused_with_what_is_allowed(requested: int | str) -> None:
    with pytest.raises(RequestError, match=r"trainer\.precision=.*auto, 32, 16, bf16, "):
        resolve(requested, "cpu", never)


@pytest.mark.parametrize(
    ("accelerator", "speed", "effective"),
    [
        ("cpu", PAYS, "bf16-mixed"),
        ("cpu", PAYS - 0.01, "32-true"),
        ("cpu", 0.5, "32-true"),
        ("gpu", 2.0, "bf16-mixed"),
        ("gpu", 0.0, "16-mixed"),
    ],
)
def test_auto_takes_what_is_faster_here_and_says_so(accelerator: Any, speed: float, effective: str) -> None:
    chosen, note = resolve("auto", accelerator, lambda: speed)
    assert chosen == effective
    assert note is not None
    assert note.startswith(f"precision auto: {effective}")


def test_the_speed_of_bf16_is_that_of_real_matrices(monkeypatch: Any) -> None:
    whole = torch.mm

    def slow_in_half(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        for _ in range(20 if one.dtype == torch.bfloat16 else 0):
            whole(one, other)
        return whole(one, other)

    plain = measured(0.05)
    monkeypatch.setattr(torch, "mm", slow_in_half)
    assert 0 < measured(0.05) < plain / 2


def test_measuring_draws_nothing_from_the_generator_that_weights_are_drawn_from() -> None:
    """Else the first job of a process, which measures, would start from other weights than the second."""
    torch.manual_seed(1)
    measured(0.0)
    drawn = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(3))


def test_where_bf16_is_emulated_its_speed_costs_three_multiplies(monkeypatch: Any) -> None:
    """A CPU without bf16 takes over a second for a matrix of 1,024."""
    taken = []
    monkeypatch.setattr(torch, "mm", lambda one, _: taken.append(one.dtype) or time.sleep(0.05))
    measured(0.05)
    assert len(taken) == 6


class Inject(Callback):
    """Sets one gradient to infinity before the step of one batch, and notes weights and rates after each batch."""

    def __init__(self, epoch: int, batch_idx: int) -> None:
        self.at = (epoch, batch_idx)
        self.weights: list[torch.Tensor] = []
        self.rates: list[float] = []
        self.scheduler_steps: list[int] = []
        self._here = (0, 0)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self._here = (trainer.current_epoch, batch_idx)

    def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
        if self._here == self.at:
            pl_module.head.weight.grad.fill_(torch.inf)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.weights.append(pl_module.head.weight.detach().clone())
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])
        self.scheduler_steps.append(trainer.lr_scheduler_configs[0].scheduler.last_epoch)


def plugin() -> MixedPrecision:
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    return MixedPrecision(precision="16-mixed", device="cpu", scaler=scaler)


@pytest.mark.parametrize("fused", [False, True])
def test_a_skipped_step_moves_neither_weights_nor_scheduler(tiny: Any, fit: Any, caplog: Any, fused: bool) -> None:
    class Fused(tiny):  # type: ignore[misc]
        def configure_optimizers(self) -> Any:
            configured = super().configure_optimizers()
            optimizer = torch.optim.AdamW(self.parameters(), lr=self.lr, fused=fused)
            scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 / (step + 1))
            return configured | {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    skipped, inject, module = SkippedSteps(), Inject(0, 2), Fused()
    with caplog.at_level(logging.INFO, "lab.callbacks.precision"):
        trainer = fit(module, skipped, inject, max_epochs=2, plugins=[plugin()])
    assert skipped.count == 1
    assert inject.scheduler_steps == [1, 2, 2, 3, 4, 5, 6, 7]
    assert inject.rates[2] == inject.rates[1]
    assert inject.weights[2].equal(inject.weights[1])
    assert not inject.weights[3].equal(inject.weights[2])
    assert all(torch.isfinite(weight).all() for weight in inject.weights)
    assert trainer.callback_metrics["train/skipped_steps"] == 1
    assert "lr_scheduler_step" not in vars(module)
    assert sum("skipped" in record.message for record in caplog.records) == 1


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_our_fused_adamw_clips_and_skips_in_mixed_precision(tiny: Any, fit: Any, precision: Any) -> None:
    config = AdamW(lr=0.1, weight_decay=0.01, betas=(0.9, 0.999), eps=1e-8, layer_decay=1.0, head_lr=None, fused=True)

    class Clipped(tiny):  # type: ignore[misc]
        def configure_optimizers(self) -> Any:
            optimizer = make_optimizer([{"params": list(self.parameters())}], config, self.device)
            scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 / (step + 1))
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    scaled = precision == "16-mixed"
    options: dict[str, Any] = {"plugins": [plugin()]} if scaled else {"precision": precision}
    norms: list[float] = []

    class Norm(Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            gradients = [parameter.grad for parameter in pl_module.parameters()]
            norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    skipped, inject = SkippedSteps(), Inject(0, 2 if scaled else -1)
    fit(Clipped(), skipped, inject, Norm(), max_epochs=1, gradient_clip_val=0.01, **options)
    assert inject.scheduler_steps == ([1, 2, 2, 3] if scaled else [1, 2, 3, 4])
    assert skipped.count == int(scaled)
    sound = norms[:2] + norms[3:]
    assert sound == pytest.approx([0.01] * 3, rel=1e-3)  # of the true gradients, not of the scaled ones


def test_without_the_callback_the_scheduler_would_move(tiny: Any, fit: Any) -> None:
    inject = Inject(0, 2)
    fit(tiny(), inject, max_epochs=1, plugins=[plugin()])
    assert inject.scheduler_steps == [1, 2, 3, 4]


def test_the_count_survives_a_resume_and_accumulation_counts_windows(tiny: Any, fit: Any, tmp_path: Any) -> None:
    class Save(Callback):
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            trainer.save_checkpoint(tmp_path / f"{trainer.current_epoch}.ckpt")

    inject = Inject(0, 0)
    fit(tiny(), SkippedSteps(), inject, Save(), max_epochs=1, plugins=[plugin()], accumulate_grad_batches=2)
    assert inject.scheduler_steps == [0, 0, 0, 1]  # the window of the bad batch is skipped as a whole
    skipped = SkippedSteps()
    fit(tiny(), skipped, Inject(1, 3), max_epochs=2, plugins=[plugin()], ckpt_path=tmp_path / "0.ckpt")
    assert skipped.count == 2


def test_fp32_is_left_alone(tiny: Any, fit: Any) -> None:
    skipped, inject = SkippedSteps(), Inject(9, 9)
    trainer = fit(tiny(), skipped, inject, max_epochs=1)
    assert inject.scheduler_steps == [1, 2, 3, 4]
    assert skipped.count == 0
    assert "train/skipped_steps" not in trainer.callback_metrics
