"""Says at the end of a multirun which of its jobs a logger lost: each said so in its own log alone."""

import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from lab.core.errors import listed
from lab.core.record.tracking_ids import FILE, lost

log = logging.getLogger(__name__)


class NameLost(Callback):
    """A callback of Hydra, for every sweeper and launcher: it reads the folders of the jobs."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        for line in lines(Path(str(config.hydra.sweep.dir))):
            log.warning("%s", line)


def lines(folder: Path) -> list[str]:
    """One a logger that failed in a job below `folder`; what was set aside in `.cut/` does not count."""
    jobs: dict[str, dict[str, str]] = {}
    for file in sorted(folder.rglob(FILE), key=lambda path: (len(path.parts), len(path.parent.name), path)):
        name = file.parent.relative_to(folder)
        if not any(part.startswith(".") for part in name.parts):
            for title, reason in lost(file.parent).items():
                jobs.setdefault(title, {})[str(name)] = reason
    return [
        f"logger {title} lost {len(reasons)} of the jobs, which are complete in {folder}: {listed(list(reasons))} "
        f"({next(iter(reasons.values()))})"
        for title, reasons in jobs.items()
    ]
