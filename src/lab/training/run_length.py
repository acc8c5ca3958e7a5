"""How long a run is: batches of each split, optimizer steps at which its epochs end, batches at which it is validated.

Pure functions of the config and the number of training batches. Lightning's Trainer gets the number of epochs that they
give; the learning rate falls over the same steps. A validation falls on the end of an accumulation window, where the
weights are those of a whole step and last.ckpt may be written.
"""

import math
from bisect import bisect_left

from lab.callbacks.gradient_accumulation import accumulation, epoch_ends
from lab.config.schema import Config
from lab.core.errors import Mistake, RequestError

MOST_EPOCHS = 1_000_000
"""As many as `trainer.max_epochs` may have."""


def batch_limits(config: Config) -> dict[str, int | float]:
    """Batches of each split, as a number or as a share of all."""
    trainer = config.trainer
    if trainer.fast_dev_run:
        return dict.fromkeys(("train", "val", "test"), int(trainer.fast_dev_run))
    limits = {"train": trainer.limit_train_batches, "val": trainer.limit_val_batches}
    if trainer.overfit_batches:
        limits = dict.fromkeys(limits, trainer.overfit_batches)
    return limits | {"test": trainer.limit_test_batches}


def epoch_end_steps(config: Config, num_batches: int) -> tuple[int, ...]:
    """The optimizer step at which each epoch of `num_batches` micro-batches ends, the last one the run's end."""
    trainer, schedule = config.trainer, config.callbacks.accumulate.schedule
    epochs = 1 if trainer.fast_dev_run else trainer.max_epochs
    if epochs is None:
        assert trainer.max_steps is not None, "a rule of the config"
        steps_per_epoch = -(-num_batches // max(_window_sizes(config)))
        epochs = min(MOST_EPOCHS, -(-trainer.max_steps // steps_per_epoch))
    ends = epoch_ends(num_batches, epochs, trainer.accumulate_grad_batches, schedule)
    if trainer.max_steps is None or ends[-1] <= trainer.max_steps:
        return ends
    return (*ends[: bisect_left(ends, trainer.max_steps)], trainer.max_steps)


def refuse_misplaced_validations(config: Config, num_batches: int) -> None:
    """Raises RequestError for a run that is never validated, or is validated inside an accumulation window."""
    trainer, key = config.trainer, "trainer.val_check_interval"
    if trainer.fast_dev_run:
        return
    interval, across = trainer.val_check_interval, trainer.check_val_every_n_epoch is None
    batches = interval if isinstance(interval, int) else max(1, int(interval * num_batches))
    total = num_batches * len(epoch_end_steps(config, num_batches)) if across else num_batches
    if batches > total:
        span = "run" if across else "epoch"
        problem = (
            f"is more than the {total} batches of {'the run' if across else 'an epoch'}, so no {span} is validated"
        )
        raise RequestError(Mistake(key, problem, f"{key}={total}", interval))
    together = math.lcm(*_window_sizes(config))
    if batches == num_batches and not across:
        return
    if batches % together or (across and num_batches % together):
        problem = (
            f"validates after every {batches} of {num_batches} batches, in the middle of the {together} batches of "
            "an optimizer step"
        )
        nearest = max(1, round(batches / together)) * together
        fits = nearest < num_batches and not across
        raise RequestError(Mistake(key, problem, f"{key}={nearest if fits else 1.0}", interval))


def _window_sizes(config: Config) -> set[int]:
    """Micro-batches per optimizer step that occur in the run."""
    schedule = config.callbacks.accumulate.schedule
    return {accumulation(epoch, config.trainer.accumulate_grad_batches, schedule) for epoch in (0, *schedule)}
