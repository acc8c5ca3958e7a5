"""Runs jobs of `lab.training.train` in processes that are forked from one with all imports done, and can be killed.

It reads one JSON job per line from standard input ({"overrides", "folder", "kill_at", "limit", "number", "dies_in"})
and answers with the wait status. `kill_at`: the n-th micro-batch of the process, during which it sends itself signal
`number`; `limit`: the maximum bytes of a file, which imitates a full disk; `dies_in`: a function in whose place the
process kills itself.
"""

import json
import os
import resource
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path

import torch
from hydra.core.plugins import Plugins
from lightning.pytorch import LightningModule

from lab.config import plugins
from lab.config.check import check
from lab.loggers.tensorboard import TensorboardLogger
from lab.models.task_module import TaskModule
from lab.training import post_processing
from lab.training.evaluate import retest
from lab.training.train import train

WITHOUT_FITTED_BASELINES = "baselines.enabled=false"
"""The default of these runs, which a job's own overrides replace: most tests are not about baselines."""
CONF = Path(__file__).resolve().parents[2] / "conf"


def job(
    overrides: list[str], folder: str, kill_at: int | None, limit: int | None, number: int, dies_in: str | None
) -> None:
    from hydra import compose, initialize_config_dir

    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    with initialize_config_dir(str(CONF), version_base=None):
        composed = compose("config", [WITHOUT_FITTED_BASELINES, *overrides])
    plugins.load(composed.plugins)
    config = check(composed)
    if kill_at is not None:
        original, seen = LightningModule.on_before_backward, 0

        def mortal(self: LightningModule, loss: torch.Tensor) -> None:
            nonlocal seen
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), number)
            original(self, loss)

        LightningModule.on_before_backward = mortal  # type: ignore[method-assign]
    for owner in (post_processing, TensorboardLogger, TaskModule):
        if dies_in is not None and hasattr(owner, dies_in):
            setattr(owner, dies_in, lambda *_, **__: os.kill(os.getpid(), 9))
    if config.test is not None:
        retest(config, Path(folder))
    else:
        train(config, Path(folder), "python train.py")


IMPORTED = (
    "lab.training.tasks.text_classification", "lab.models.text.transformer", "matplotlib.backends.backend_agg",
    "pandas", "transformers.models.bert.modeling_bert",
)  # fmt: skip
IMPORTED_FOR = {"peft=": ("peft", "bitsandbytes"), "data=qa": ("lab.training.tasks.question_answering",)}
"""What the runs of all tests import, and what those with such an override do: once, not in every child."""

for name in IMPORTED:
    import_module(name)
Plugins.instance()  # Hydra looks through all its plugins once
for line in sys.stdin:
    request = json.loads(line)
    for word, names in IMPORTED_FOR.items():
        if any(override.startswith(word) for override in request["overrides"]):
            for name in names:
                import_module(name)
    child = os.fork()
    if child == 0:
        try:
            os.dup2(2, 1)
            job(**request)
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    print(json.dumps({"status": status}), flush=True)
