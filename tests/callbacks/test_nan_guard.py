"""The NaN guard: which batch, column or parameter, before a weight is touched."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from torch import Tensor, nn

from lab.callbacks.checkpoint import BestAndLast
from lab.callbacks.nan_guard import NanGuard, diagnose, named_tensors
from lab.core.errors import RunError
from lab.core.record.run_folder import RunFolder


class Spoil(Callback):
    """Makes one weight NaN before a batch."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if (trainer.current_epoch, batch_idx) == (1, 2):
            pl_module.layers[1][0].bias.data[3] = torch.nan


def stand_in(*optimizers: Any) -> SimpleNamespace:
    """What the guard asks of a trainer."""
    return SimpleNamespace(
        current_epoch=0, optimizers=optimizers, gradient_clip_val=None, precision="32-true", world_size=1
    )


def test_names_epoch_batch_and_parameter(tiny: Any, fit: Any) -> None:
    with pytest.raises(
        RunError, match=r"epoch 2, batch 3: parameter layers\.1\.0\.bias .*\n.*optimizer\.lr="
    ) as caught:
        fit(tiny(), Spoil(), NanGuard())
    assert caught.value.kind == "nan"


def test_without_the_guard_the_run_goes_on(tiny: Any, fit: Any) -> None:
    assert fit(tiny(), Spoil()).current_epoch == 3


def test_weights_are_untouched_when_the_loss_overflows(tiny: Any, fit: Any) -> None:
    class Overflows(tiny):  # type: ignore[misc]
        def loss(self, batch: Any) -> Tensor:
            self.before = {name: tensor.clone() for name, tensor in self.state_dict().items()}
            last = self.training and self.trainer.global_step == 2
            return super().loss(batch) * (torch.inf if last else 1.0)

    module = Overflows()
    with pytest.raises(RunError, match=r"epoch 1, batch 3: inputs and parameters are finite"):
        fit(module, NanGuard())
    assert all(tensor.equal(module.before[name]) for name, tensor in module.state_dict().items())


def test_a_gradient_that_spoils_the_weights_is_caught_at_the_next_loss(tiny: Any, fit: Any) -> None:
    class BadGradient(Callback):
        def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
            pl_module.layers[0][0].weight.grad.fill_(torch.nan)

    with pytest.raises(RunError, match=r"epoch 1, batch 2: parameter layers\.0\.0\.weight"):
        fit(tiny(), BadGradient(), NanGuard())


@dataclass
class Series:
    values: Tensor
    labels: dict[str, Tensor]
    rows: Tensor


def series(bad: bool = True) -> Series:
    values = torch.zeros(2, 5, 4)
    if bad:
        values[1, 3, 2] = torch.inf
    return Series(values, {"y": torch.zeros(2)}, torch.tensor([17, 4]))


def test_names_the_column_of_the_input_and_the_rows() -> None:
    model = nn.Linear(4, 1)
    assert diagnose(model, series()) == "input values is not finite in column 2 of 4 (counted from 0)"
    assert [name for name, _ in named_tensors(series())] == ["values", "labels.y", "rows"]
    guard, trainer = NanGuard(), stand_in()
    guard.on_train_batch_start(trainer, model, series(), 0)  # type: ignore[arg-type]
    with pytest.raises(RunError, match=r"training rows 17, 4"):
        guard.on_before_backward(trainer, model, torch.tensor(torch.nan))  # type: ignore[arg-type]


def test_names_the_gradient_when_nothing_else_is_wrong() -> None:
    model = nn.Linear(4, 1)
    model.weight.grad = torch.full_like(model.weight, torch.nan)
    assert diagnose(model, series(bad=False)).startswith("the gradient of weight is not finite")


def test_a_flag_still_on_its_way_is_read_before_a_save() -> None:
    """The GPU's order of events: the loss is looked at later, but never after the weights were written."""
    guard, trainer = NanGuard(), stand_in()
    guard.on_train_batch_start(trainer, nn.Linear(4, 1), series(), 6)  # type: ignore[arg-type]
    guard.on_before_backward(trainer, nn.Linear(4, 1), torch.tensor(1.0))  # type: ignore[arg-type]
    assert guard._pending is None
    waited: list[bool] = []
    event: Any = SimpleNamespace(synchronize=lambda: waited.append(True))
    from lab.callbacks.nan_guard import _Pending

    guard._pending = _Pending(torch.tensor(False), torch.tensor(False), event, series(bad=False), 6, 0)
    with pytest.raises(RunError, match="batch 7"):
        guard.on_save_checkpoint(trainer, nn.Linear(4, 1), {})  # type: ignore[arg-type]
    assert waited == [True]


def test_the_quoted_rate_is_the_highest_of_the_groups() -> None:
    """Layer-wise decay gives the lowest layers a fraction of optimizer.lr, and their group may come first."""
    groups = [{"lr": 1e-5}, {"lr": 2e-4}, {"lr": 5e-5}]
    guard, trainer = NanGuard(), stand_in(SimpleNamespace(param_groups=groups))
    guard.on_train_batch_start(trainer, nn.Linear(4, 1), series(bad=False), 0)  # type: ignore[arg-type]
    with pytest.raises(RunError, match=r"optimizer\.lr=2\.0e-05 \(it was 2\.0e-04 in this step\)"):
        guard.on_before_backward(trainer, nn.Linear(4, 1), torch.tensor(torch.nan))  # type: ignore[arg-type]


def test_a_loss_read_after_its_own_step_blames_that_step_too() -> None:
    from lab.callbacks.nan_guard import _Pending

    model = nn.Linear(4, 1)
    model.weight.data[0, 1] = torch.nan
    guard, trainer = NanGuard(), stand_in()
    event: Any = SimpleNamespace(synchronize=lambda: None)
    guard._pending = _Pending(torch.tensor(False), torch.tensor(False), event, series(bad=False), 6, 0)
    with pytest.raises(RunError, match="this step or an earlier one spoilt them"):
        guard.on_train_epoch_end(trainer, model)  # type: ignore[arg-type]
    assert diagnose(model, series(bad=False)).endswith(": an earlier step spoilt them")


@pytest.mark.parametrize("where", ["end", "inside"])
def test_spoilt_weights_are_neither_validated_nor_saved(tiny: Any, fit: Any, tmp_path: Path, where: str) -> None:
    """A sound loss with a gradient that is not, and no next loss to tell before weights are written."""

    class BadGradient(Callback):
        def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
            if (trainer.current_epoch, trainer.fit_loop.epoch_loop.batch_idx) == (1, 3 if where == "end" else 1):
                pl_module.head.weight.grad[0, 0] = torch.inf

    run = RunFolder(tmp_path)
    keeps = BestAndLast(run, "val/f1", "max", every_n_steps=2)
    with pytest.raises(RunError, match=r"after epoch 2, batch [24], whose loss was finite: parameter head\.") as caught:
        fit(tiny({"val/f1": [0.5, 0.6, 0.7]}), NanGuard(), BadGradient(), keeps, enable_checkpointing=True)
    assert caught.value.kind == "nan"
    for path in (run.best, run.last):
        state = torch.load(path, weights_only=True)["state_dict"]
        assert all(torch.isfinite(tensor).all() for tensor in state.values()), path.name
    assert (keeps.value, keeps.epoch) == (0.5, 0)


def test_large_weights_whose_norm_overflows_are_no_fault(tiny: Any) -> None:
    module = tiny()
    module.head.weight.data.fill_(3e38)
    NanGuard().on_save_checkpoint(SimpleNamespace(optimizers=[], current_epoch=0), module, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "named", "unnamed"),
    [
        ({}, ["trainer.gradient_clip_val=1.0"], ["precision"]),
        ({"gradient_clip_val": 1.0}, ["optimizer.lr="], ["precision", "gradient_clip"]),
        ({"gradient_clip_val": 5.0, "precision": "bf16-mixed"}, ["gradient_clip_val=1.0", "precision=32"], []),
    ],
)
def test_a_remedy_is_something_else_than_the_run_has(
    tiny: Any, fit: Any, options: dict[str, Any], named: list[str], unnamed: list[str]
) -> None:
    with pytest.raises(RunError) as raised:
        fit(tiny(lr=1e30), NanGuard(), **options)
    remedy = str(raised.value).partition("try: ")[2]
    assert all(words in remedy for words in named), remedy
    assert not any(words in remedy for words in unnamed), remedy
