"""A plug-in with a part for each registry, each as small as it can be; the tests train, sweep and report with them."""

from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import torch
from matplotlib.figure import Figure
from optuna.samplers import RandomSampler
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from lab.config.schema import Columned, HeadWeights, OptimizerConfig, ScheduleSettings, SeriesNet
from lab.core.batches import SeriesSpec
from lab.core.registry import (
    FIGURES,
    LOSSES,
    OPTIMIZERS,
    POLICIES,
    POOLINGS,
    SAMPLERS,
    SCHEDULES,
    SERIES_NETS,
    TEXT_SOURCES,
)
from lab.data.readers.text_table import Table
from lab.data.text.sources.base import ALL, Source, columns_of
from lab.early_termination.policies.base import NoPolicy
from lab.models.series.interfaces import Net
from lab.report.figures.base import Absent, ReportFigure


class LastValuesSettings(SeriesNet):
    kind: Literal["last_values"] = "last_values"
    dropout: float = 0.0
    ensemble: int = 1
    steps: int = 4
    """Time steps that the net sees."""


@SERIES_NETS.register("last_values", settings=LastValuesSettings)
class LastValues(Net):
    """The last steps of every channel."""

    def __init__(self, settings: LastValuesSettings, spec: SeriesSpec) -> None:
        super().__init__()
        self.steps, self.dimension = settings.steps, 8
        self.linear = nn.Linear(settings.steps * len(spec.channels), self.dimension)

    def forward(self, values: Tensor, observed: Tensor) -> Tensor:
        features: Tensor = self.linear(values[:, -self.steps :].flatten(1))
        return features.relu()


class ColoursSettings(Columned):
    kind: Literal["colours"] = "colours"
    text: tuple[str, ...] = ("text",)
    labels: tuple[str, ...] = ("colour",)
    num_rows: int = 120
    """Rows of the table."""


@TEXT_SOURCES.register("colours", settings=ColoursSettings)
def open_colours(data: ColoursSettings, cache: Path) -> Source:
    colours = ["red", "green", "blue"]
    rows = [(f"the {colours[n % 3]} thing number {n}", colours[n % 3]) for n in range(data.num_rows)]
    table = pa.table({"text": [text for text, _ in rows], "colour": [colour for _, colour in rows]})
    return Source("colours", {ALL: Table(table)}, columns_of(data))


@POOLINGS.register("first_and_last")
class FirstAndLast(nn.Module):
    """hidden (B, L, D) -> (B, 1, D): the sum of the first token's and the last one's vector."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        last = hidden[torch.arange(len(hidden)), mask.sum(1).clamp(min=1) - 1]
        return ((hidden[:, 0] + last) * self.scale).unsqueeze(1)


class SignSettings(OptimizerConfig):
    kind: Literal["sign"] = "sign"
    scale: float = 1.0
    """Factor of every rate."""


@OPTIMIZERS.register("sign", settings=SignSettings)
def sign(groups: list[dict[str, Any]], settings: SignSettings, _: torch.device) -> torch.optim.Optimizer:
    scaled = [{**group, "lr": group["lr"] * settings.scale} for group in groups]
    return torch.optim.Rprop([{"params": group["params"], "lr": group["lr"]} for group in scaled])


class HalvedSettings(ScheduleSettings):
    kind: Literal["halved"] = "halved"


@SCHEDULES.register("halved", settings=HalvedSettings)
def halved(optimizer: torch.optim.Optimizer, _: HalvedSettings, epoch_ends: tuple[int, ...], mode: str) -> LRScheduler:
    return LambdaLR(optimizer, lambda step: 0.5 if step * 2 >= epoch_ends[-1] else 1.0)


class MarginSettings(HeadWeights):
    kind: Literal["margin"] = "margin"
    margin: float = 1.0
    """Smallest difference of logits that costs nothing."""


@LOSSES.register("margin", settings=MarginSettings)
def margin(settings: MarginSettings, num_classes: int) -> nn.Module:
    return nn.MultiMarginLoss(margin=settings.margin, reduction="none")


@POLICIES.register("patient")
class Patient(NoPolicy):
    """Ends no trial."""

    kind = "patient"


SAMPLERS.register("uniform", lambda seed: RandomSampler(seed=seed))


def _figure(count: int, words: Any) -> Any:
    figure = Figure()
    figure.subplots().bar(["runs"], [count])
    yield "", figure


COUNT = FIGURES.register("number_of_runs", ReportFigure(
    name="number_of_runs",
    compute=lambda report: len(report.leaderboard) or Absent("no runs"),
    draw_plotly=lambda count, words: {"panels": [{"data": [{"type": "bar", "y": [count]}], "layout": {}}]},
    draw_matplotlib=_figure,
    caption=lambda count, words: f"{count} runs",
    title="Number of runs",
))  # fmt: skip
