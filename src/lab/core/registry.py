"""The registries: the parts that a config chooses by name, both those of `lab` and those of plug-ins.

A plug-in imports a registry from here and registers a part of its own when it is imported:

    @TEXT_ENCODERS.register("bag", settings=BagSettings)
    class Bag(BagEncoder): ...

`plugins=[my_module]` imports it, and then `model=bag` is a choice like any other. `docs/plugins.md` lists the
registries, and `tests/end_to_end/every_registry.py` has the smallest part for each of them.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from lab.core.errors import listed

PartT = TypeVar("PartT")


class Registry(Mapping[str, PartT], Generic[PartT]):
    """The parts of one family by name, in the order of registration.

    family: what messages call a part. group: the group of conf/ in which a part is a choice, or null. A part of a group
    has settings of its own; their class is a subclass of the schema class of the group.
    """

    def __init__(self, family: str, group: str | None = None) -> None:
        self.family, self.group = family, group
        self.settings: dict[str, type[Any]] = {}
        """The schema class of the settings, by the name of the part; only parts of plug-ins that have settings."""
        self._parts: dict[str, PartT] = {}

    def register(
        self, name: str, part: PartT | None = None, *, settings: type[Any] | None = None
    ) -> Callable[[PartT], PartT]:
        """Add a part under a name: the argument `part`, or without it the class or function below the decorator.

        settings: the schema class of the part's settings. Raises ValueError for a name that another part has, and for
        settings in a family that has none.
        """
        if name in self._parts:
            raise ValueError(f"there is a {self.family} called {name!r} already")
        if settings is not None:
            if self.group is None:
                raise ValueError(f"a {self.family} has no settings of its own")
            self.settings[name] = settings

        def add(given: PartT) -> PartT:
            self._parts[name] = given
            return given

        if part is not None:
            add(part)
        return add

    def __getitem__(self, name: str) -> PartT:
        try:
            return self._parts[name]
        except KeyError:
            raise KeyError(f"no {self.family} is called {name!r}; there are {listed([*self._parts])}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


TEXT_ENCODERS: Registry[Any] = Registry("text encoder", "model")
"""(settings, tokenizer) -> `lab.models.text.interfaces.TextEncoder`; settings: a `TextEncoderSettings`.
Or an `EncoderKind` of that module, which also says how an encoder is rebuilt."""
SERIES_NETS: Registry[Callable[..., Any]] = Registry("series net", "model")
"""(settings, spec) -> `lab.models.series.interfaces.Net`; settings: a `SeriesNet`; spec: `SeriesSpec`."""
TEXT_SOURCES: Registry[Any] = Registry("source of labelled texts", "data")
"""(settings, cache folder) -> `lab.data.text.sources.base.Source`; settings: a `Columned`. Or a
`lab.data.text.sources.base.SourceKind`, which also names the files of each split."""
POOLINGS: Registry[Callable[..., Any]] = Registry("pooling of token vectors")
"""(width, number of heads) -> module: hidden (B, L, D), mask (B, L) bool -> (B, 1, D), or (B, heads, D)."""
POLICIES: Registry[type[Any]] = Registry("early-termination policy")
"""A subclass of `lab.early_termination.policies.base.Policy` by its `kind`."""
SAMPLERS: Registry[Callable[..., Any]] = Registry("sampler of a search")
"""(seed) -> a sampler of Optuna, which reads the finished trials. `grid` and `random` need none."""
OPTIMIZERS: Registry[Callable[..., Any]] = Registry("optimizer", "optimizer")
"""(groups of parameters with their `lr` and `weight_decay`, settings, device) -> an optimizer of torch; settings: an
`OptimizerConfig`."""
SCHEDULES: Registry[Callable[..., Any]] = Registry("learning-rate schedule", "scheduler")
"""(optimizer, settings, epoch_ends: optimizer steps at which the epochs end, mode: `min` or `max` of a metric that is
watched) -> a scheduler of torch; settings: a `ScheduleSettings`."""
LOSSES: Registry[Callable[..., Any]] = Registry("loss", "loss")
"""(settings, number of classes) -> module of a head: logits (B, K), labels (B,) -> a loss per row (B,); settings: a
`HeadWeights`."""
LOGGERS: Registry[Callable[..., Any]] = Registry("logger")
"""(settings of its group, `lab.loggers.base.LoggedRun`) -> a started `RunLogger`. Those of `lab` stand in modules of
their name; loggers of others come in by `logger.extra`."""
FIGURES: Registry[Any] = Registry("figure of the report")
"""A `lab.report.figures.base.ReportFigure` by its `name`, in the order of the page."""
REGISTRIES = (TEXT_ENCODERS, SERIES_NETS, TEXT_SOURCES, POOLINGS, POLICIES, SAMPLERS, OPTIMIZERS, SCHEDULES, LOSSES,
              FIGURES)  # fmt: skip
