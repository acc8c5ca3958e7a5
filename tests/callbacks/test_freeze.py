"""Freezing: the decision, what it does to weights and modes, and that a cut run freezes like a straight one."""

import copy
import logging
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from torch import nn

from lab.callbacks.freeze import Freeze, apply, frozen_layers, trainable
from lab.core.errors import RequestError


@pytest.mark.parametrize(
    ("epoch", "embeddings", "layers", "schedule", "expected"),
    [
        (0, False, 0, {}, (False, 0)),
        (0, True, 0, {}, (True, 0)),
        (7, False, 2, {}, (True, 2)),
        (0, False, 2, {1: 3}, (True, 2)),  # before the first entry, freeze.layers
        (1, False, 2, {1: 3}, (True, 3)),
        (3, False, 2, {0: 12, 2: 8, 4: 0}, (True, 8)),
        (4, False, 2, {4: 0, 2: 8, 0: 12}, (False, 0)),  # whatever order the entries have
        (9, True, 2, {4: 0}, (True, 0)),
    ],
)
def test_decision(epoch: int, embeddings: bool, layers: int, schedule: dict[int, int], expected: Any) -> None:
    assert frozen_layers(epoch, embeddings, layers, schedule) == expected


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def moved(module: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {name.rsplit(".", 1)[0] for name, tensor in module.state_dict().items() if not tensor.equal(before[name])}


def test_frozen_weights_stay_despite_weight_decay_and_the_rest_trains(tiny: Any, fit: Any) -> None:
    module = tiny()
    before = weights(module)
    fit(module, Freeze(layers=2))
    assert moved(module, before) == {"layers.2.0", "head"}


def test_embeddings_alone(tiny: Any, fit: Any) -> None:
    module = tiny()
    before = weights(module)
    fit(module, Freeze(embeddings=True))
    assert moved(module, before) == {"layers.0.0", "layers.1.0", "layers.2.0", "head"}


class WakesAll(Callback):
    """A library that calls train() on everything after validation."""

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        pl_module.train()

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        pl_module.train()


def test_frozen_parts_are_in_eval_mode_in_every_batch_and_the_rest_in_train_mode(tiny: Any, fit: Any) -> None:
    module = tiny()
    fit(module, WakesAll(), Freeze(layers=2))
    assert len(module.modes) == 12
    assert all(modes == [False, False, False, True, True] for modes in module.modes)


def test_modules_that_arrive_in_eval_mode_train(tiny: Any, fit: Any) -> None:
    module = tiny()
    module.layers.eval()
    with pytest.warns(UserWarning, match="eval mode"):
        fit(module, Freeze(layers=1), max_epochs=1)
    assert module.modes[0] == [False, False, True, True, True]


def test_schedule_unfreezes_and_freezes_again(tiny: Any, fit: Any) -> None:
    module, seen = tiny(), []

    class Watch(Callback):
        def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            self.before = weights(pl_module)

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            seen.append(sorted(name[:8] for name in moved(pl_module, self.before) if name != "head"))

    fit(module, Watch(), Freeze(schedule={0: 3, 1: 1, 2: 0, 3: 3}), max_epochs=4)
    assert seen == [[], ["layers.1", "layers.2"], ["embeddin", "layers.0", "layers.1", "layers.2"], []]


class Cut(Callback):
    """Saves a checkpoint after some batch, and where requested ends the run there."""

    def __init__(self, path: Any, after_batches: int) -> None:
        self.path, self.after = path, after_batches

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.after -= 1
        if self.after == 0:
            trainer.save_checkpoint(self.path)
            raise InterruptedError


class Seeded(Callback):
    """Dropout as a function of (epoch, batch), as in a real run."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        torch.manual_seed(100 * trainer.current_epoch + batch_idx)


class Resumable(torch.utils.data.DataLoader[Any]):
    """Continues after the batches that were yielded before the interruption."""

    yielded = 0

    def __iter__(self) -> Any:
        start = self.yielded % len(self)
        for number, batch in enumerate(super().__iter__()):
            if number >= start:
                self.yielded = number + 1
                yield batch

    def state_dict(self) -> dict[str, int]:
        return {"yielded": self.yielded}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.yielded = state["yielded"]


@pytest.mark.parametrize("after_batches", [2, 5, 7, 9])
def test_interrupted_equals_straight(tiny: Any, fit: Any, loader: Any, tmp_path: Any, after_batches: int) -> None:
    def batches() -> Resumable:
        return Resumable(loader.dataset, batch_size=8)

    straight, cut = tiny(), tiny()
    cut.load_state_dict(copy.deepcopy(straight.state_dict()))
    schedule, path = {0: 3, 1: 1, 2: 0}, tmp_path / "cut.ckpt"
    fit(straight, Seeded(), Freeze(schedule=schedule), batches=batches())
    assert len(straight.modes) == 12
    with pytest.raises(InterruptedError):
        fit(cut, Seeded(), Freeze(schedule=schedule), Cut(path, after_batches), batches=batches())
    resumed = tiny()
    fit(resumed, Seeded(), Freeze(schedule=schedule), batches=batches(), ckpt_path=path)
    assert len(resumed.modes) == 12 - after_batches
    assert not moved(resumed, weights(straight))


def test_too_many_layers_are_refused_together(tiny: Any, fit: Any) -> None:
    with pytest.raises(RequestError) as caught:
        fit(tiny(), Freeze(layers=4, schedule={0: 5}))
    assert [mistake.key for mistake in caught.value.mistakes] == [
        "callbacks.freeze.layers",
        "callbacks.freeze.schedule",
    ]
    assert "has 3 layers" in str(caught.value)
    assert "callbacks.freeze.layers=3" in str(caught.value)


def test_a_model_without_layers_is_refused_only_when_asked_to_freeze(tiny: Any, fit: Any) -> None:
    class Flat(tiny):  # type: ignore[misc]
        def freezable(self) -> tuple[list[nn.Module], list[nn.Module]]:
            return [], []

    fit(Flat(), Freeze(), max_epochs=1)
    with pytest.raises(RequestError, match="no layers to freeze"):
        fit(Flat(), Freeze(schedule={0: 2}))
    with pytest.raises(RequestError, match="names no embeddings"):
        fit(Flat(), Freeze(embeddings=True))


def test_says_what_trains_at_the_start_and_at_each_change(tiny: Any, fit: Any, caplog: Any) -> None:
    with caplog.at_level(logging.INFO, "lab.callbacks.freeze"):
        fit(tiny(), Freeze(schedule={0: 3, 2: 0}), max_epochs=4)
    lines = [record.message for record in caplog.records if record.name.startswith("lab")]
    assert lines == [
        "7 trainable of 193 parameters, 3.6 %",
        "after epoch 2: 193 trainable of 193 parameters, 100.0 %",
    ]


def test_apply_drops_stale_gradients_and_can_be_undone(tiny: Any) -> None:
    module = tiny()
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    assert apply(module, True, 1) == [module.embedding, module.layers[0]]
    assert module.embedding.weight.grad is None
    assert module.layers[1][0].weight.grad is not None
    assert apply(module, False, 0) == []
    assert trainable(module) == "193 trainable of 193 parameters, 100.0 %"
    assert all(part.training for part in module.modules())
