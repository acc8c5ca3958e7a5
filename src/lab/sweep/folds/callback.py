"""Hydra callback at the end of a multirun: joins the runs of the folds of one configuration."""

import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

log = logging.getLogger(__name__)


class JoinFolds(Callback):
    """Writes folds.json and out-of-fold predictions, and prints the table, of a multirun with `data.split.folds`."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        split = (config.get("data") or {}).get("split") or {}
        if split.get("folds") is None:
            return
        from lab.core.terminal.display import Screen
        from lab.sweep.folds.join import join_folds

        joined = join_folds(Path(str(config.hydra.sweep.dir)))
        if joined.groups:
            Screen().show(joined.table)
        for line in joined.lines:
            log.info("%s", line)
