"""Run jobs of `lab.run.train` in processes forked from one that has the imports done, and kill them for real.

Reads one JSON job a line from standard input: {"overrides": [...], "folder": str, "kill_at": n or null}; `kill_at` is
the n-th micro-batch this process trains, in whose middle it sends itself SIGKILL. Answers each with the wait status.
"""

import json
import os
import signal
import sys
import traceback
import warnings
from pathlib import Path

import torch

from lab.config import check
from lab.models.multitask import MultitaskTextClassifier
from lab.run.train import train

CONF = Path(__file__).resolve().parents[2] / "conf"


def job(overrides: list[str], folder: str, kill_at: int | None) -> None:
    from hydra import compose, initialize_config_dir

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    with initialize_config_dir(str(CONF), version_base=None):
        config = check(compose("config", overrides))
    if kill_at is not None:
        whole, seen = MultitaskTextClassifier.loss_of, 0

        def mortal(self: MultitaskTextClassifier, *given: object) -> torch.Tensor:
            nonlocal seen
            seen += self.training
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return whole(self, *given)  # type: ignore[arg-type]

        MultitaskTextClassifier.loss_of = mortal  # type: ignore[method-assign]
    train(config, Path(folder), "python train.py")


for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            os.dup2(2, 1)
            job(asked["overrides"], asked["folder"], asked.get("kill_at"))
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    print(json.dumps({"status": status}), flush=True)
