"""Where a check runs, and what it gives."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

import lab
from lab.core.record.run_folder import RunFolder

QUIET = ["logger=csv", "baselines.enabled=false", "callbacks.curves.png=false"]
TEXTS = ["data=maintenance", "model=tiny", "trainer.max_epochs=2", *QUIET]
Status = Literal["passed", "failed", "measured", "skipped"]


@dataclass(frozen=True)
class Place:
    """device: cuda, or cpu to try the checks themselves; folder: an empty one; quick: few rows."""

    device: Literal["cuda", "cpu"]
    folder: Path
    quick: bool = False

    @property
    def is_gpu(self) -> bool:
        return self.device == "cuda"

    def trained(self, name: str, *overrides: str, on: str | None = None) -> RunFolder:
        """A run of `TEXTS` in the folder `name`. on: cpu or gpu, by default that of this place."""
        accelerator = on or ("gpu" if self.is_gpu else "cpu")
        rows = [f"data.num_rows={400 if self.quick else 4000}", f"cache.dir={self.folder / 'cache'}"]
        lab.train([*TEXTS, *rows, f"trainer.accelerator={accelerator}", *overrides], self.folder / name)
        return RunFolder(self.folder / name)


@dataclass(frozen=True)
class Outcome:
    """status: `measured` where nothing is required of the numbers; text: the result in a few words."""

    status: Status
    text: str
    values: dict[str, Any] = field(default_factory=dict)


def judged(ok: bool, text: str, **values: Any) -> Outcome:
    """Passed or failed."""
    return Outcome("passed" if ok else "failed", text, values)


def needs_gpu(what: str) -> Outcome:
    """The outcome of a check that a CPU cannot try."""
    return Outcome("skipped", f"{what}: needs a GPU")


def device_name(device: str) -> str:
    """The card's name, with its memory."""
    if device == "cpu":
        return "a CPU (which shows that the checks run, nothing else)"
    properties = torch.cuda.get_device_properties(0)
    return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"


def table(rows: Sequence[tuple[str, Outcome]]) -> str:
    """The outcomes as a table in Markdown."""
    lines = [f"| {name} | {outcome.status} | {outcome.text} |" for name, outcome in rows]
    return "\n".join(["| check | status | result |", "|---|---|---|", *lines])
