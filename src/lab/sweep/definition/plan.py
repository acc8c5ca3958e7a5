"""The plan of a sweep, read from its config and command line; all mistakes are found before the first trial."""

import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob
from optuna.samplers import BaseSampler

from lab.config.dotted_keys import flattened
from lab.config.key_roles import has_role
from lab.config.schema import Config, Confirm, Limits, Role, Sweep
from lab.core.errors import Mistake, RequestError
from lab.early_termination.parsing import parse as parse_policy
from lab.early_termination.policies.base import Goal, Policy
from lab.sweep.definition.azure_job import SEARCHED, has_interval_of_zero, read_job, unused
from lab.sweep.definition.config_sources import files_setting, trial_overrides
from lab.sweep.definition.objective import objective
from lab.sweep.definition.ranges import Defaults, acting, recorded
from lab.sweep.search_space import checks
from lab.sweep.search_space.relative import Relative
from lab.sweep.search_space.samplers import build_sampler, logbase
from lab.sweep.search_space.space import KEY, Space, parse_space
from lab.sweep.search_space.words import left_out
from lab.sweep.storage.addresses import refuse_unusable

log = logging.getLogger(__name__)
DEFAULT_SAMPLER = "random"
"""The default of conf/config.yaml, used where no sampler is given."""
BLOCKS = {"study", "objective", "early_termination", "sampling_algorithm"}
_FOLDER, _UNSAFE = re.compile(r"\w[\w .-]*"), re.compile(r"[^\w.-]+")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Plan:
    """A checked sweep.

    fixed: overrides of every trial; total: number of trials over all resumes; settings: config values that a resumed
    study must have, by dotted key; blocks: the blocks of the `sweep` node that study.yaml records; notes: lines
    about its search space at the start of the study.
    """

    study: str
    folder: Path
    space: Space
    sampler: BaseSampler
    metric: str
    goal: Goal
    policy: Policy
    total: int
    limits: Limits
    confirm: Confirm | None
    storage: str | None
    fixed: tuple[str, ...]
    settings: Mapping[str, Any]
    blocks: Mapping[str, Any]
    seed: int
    notes: tuple[str, ...] = ()

    @property
    def sign(self) -> float:
        """1 for maximize, -1 for minimize."""
        return 1.0 if self.goal == "maximize" else -1.0


def read(
    config: Config,
    name: str | None,
    folder: Path | None,
    arguments: Sequence[str],
    config_name: str,
    loader: ConfigLoader,
) -> Plan:
    """Return the plan of a command line. name: the choice of conf/sweep/; folder: as typed, None: `multirun/<study>`.

    arguments: task overrides as typed; config_name: of the primary config. Raises RequestError with every mistake.
    """
    assert config.sweep is not None
    fixed, searched = _split_overrides(arguments, loader)
    node, plain = with_azure_job(config.sweep, _typed_blocks(fixed, searched)), config.model_dump(mode="json")
    mistakes: list[Mistake] = []
    keys = node.azure.parameters  # a parameter of the job may also be typed under its name there
    block = {**node.search_space, **{keys.get(key, key): typed for key, typed in searched.items()}}
    typed = [override for override in fixed if override.startswith(("objective.", "objective="))]
    givers = [*typed, *files_setting("objective", config_name, fixed, loader)]
    metric, goal = _collected(mistakes, lambda: objective(node.objective, config, givers)) or ("", "maximize")
    if config.trainer.fast_dev_run:
        problem = "a study compares its trials by their objective, and a fast_dev_run has none"
        mistakes.append(Mistake("trainer.fast_dev_run", problem, "trainer.fast_dev_run=false", True))
    policy = _collected(mistakes, lambda: parse_policy(node.early_termination))
    base = logbase(node.sampling_algorithm)
    study = _collected(mistakes, lambda: _study_name(node, name))
    defaults = Defaults(plain, fixed, config_name, loader)
    before = recorded(folder or Path("multirun") / (study or ""))
    relative = Relative(KEY, defaults.groups(block), defaults)
    block, notes, idle = acting(relative.absolute(block, before), searched, plain, before)
    mistakes += [*relative.mistakes, *idle]
    space = None if idle and not block else _collected(mistakes, lambda: parse_space(block, base))
    _collected(mistakes, lambda: refuse_unusable(node.storage))
    sampler, total = None, 0
    valid = space or _valid_part(block, base)
    if valid is not None:
        names = None if node.azure.file is None else node.azure.parameters
        mistakes += checks.mistakes(valid, block, plain, fixed, loader, names)
        if node.confirm is not None and "seed" in valid.hydra_keys():
            problem = "trials that differ in their seed alone would be confirmed as if they were configurations"
            mistakes.append(Mistake("sweep.search_space.seed", problem, "leave out seed, or sweep.confirm=null"))
        sampler = _collected(mistakes, lambda: build_sampler(node.sampling_algorithm or "random", valid))
        total = _collected(mistakes, lambda: _total(node, valid)) or 0
    if mistakes:
        raise RequestError(mistakes)
    assert study is not None
    assert space is not None
    assert sampler is not None
    assert policy is not None
    space_and_objective = {"search_space": block, "objective": {"primary_metric": metric, "goal": goal}}
    return Plan(
        study=study,
        folder=folder or Path("multirun") / study,
        space=space,
        sampler=sampler,
        metric=metric,
        goal=goal,
        policy=policy,
        total=total,
        limits=node.limits,
        confirm=node.confirm,
        storage=node.storage,
        fixed=(*trial_overrides(fixed, loader), f"objective.metric={metric}", f"objective.mode={goal[:3]}"),
        settings=fixed_settings(plain),
        blocks=space_and_objective | node.model_dump(include={"sampling_algorithm", "early_termination", "limits"}),
        seed=config.seed,
        notes=(*notes, *left_out(space, defaults)),
    )


def _study_name(node: Sweep, name: str | None) -> str:
    """Return the study's name, which is also its folder's."""
    study = node.study or name
    if study is None:
        raise RequestError(Mistake("sweep.study", "is missing: a study is resumed by its name", "sweep.study=my_study"))
    if not _FOLDER.fullmatch(study):
        problem = "is the name of a folder in multirun/: letters, digits, spaces and _ . - only"
        remedy = f"sweep.study={_UNSAFE.sub('_', study).strip('_ .')}"
        raise RequestError(Mistake("sweep.study", problem, remedy, study))
    return study


def _total(node: Sweep, space: Space) -> int:
    """Return the number of trials over all resumes: at most as many as requested and as a grid has points."""
    sampler = node.sampling_algorithm
    is_grid = str((sampler.get("type") if isinstance(sampler, Mapping) else sampler) or "random").lower() == "grid"
    bounds = (space.size() if is_grid else None, node.limits.max_total_trials)
    known = [bound for bound in bounds if bound is not None]
    if not known and not is_grid:
        problem = "must be given: only a grid has a number of trials of its own"
        raise RequestError(Mistake("sweep.limits.max_total_trials", problem, "sweep.limits.max_total_trials=20"))
    return min(known, default=0)  # a grid without a size is refused by its sampler


def fixed_settings(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings, by dotted key, that a resumed study must have."""
    return {key: value for key, value in flattened(plain).items() if not has_role(key, Role.CHANGEABLE_IN_STUDY)}


def with_azure_job(node: Sweep, typed: Collection[str] = ()) -> Sweep:
    """Return the node with the blocks of its Azure job file (`sweep.azure.file`), if it names one; fields without a use
    here are logged.

    typed: keys below `sweep` that were typed. Typed values and those of our files replace the job's.
    Raises RequestError with every mistake of the file, and for names of a job (`sweep.azure.parameters`,
    `sweep.azure.metric`) without a file.
    """
    azure = node.azure
    if azure.file is None:
        alone = [key for key, value in (("parameters", azure.parameters), ("metric", azure.metric)) if value]
        if alone:
            raise RequestError(
                Mistake(
                    f"sweep.azure.{key}",
                    "maps names of a job file",
                    f"leave out sweep.azure.{key}, or sweep.azure.file=job.yaml",
                )
                for key in alone
            )
        return node
    path, own = Path(azure.file).expanduser(), _own_blocks(node, typed)
    job = read_job(path, azure.parameters, azure.metric, own)
    if left_out := unused(path):
        log.info("%s: not used here: %s", path.name, ", ".join(left_out))
    if "early_termination" not in own and has_interval_of_zero(path):
        log.info("%s: an evaluation_interval of 0 is read as 1: the policy is applied at every report", path.name)
    ours = {name: value for name, value in node.limits if value is not None or f"limits.{name}" in typed}
    job["limits"] = node.limits.model_dump() | job.get("limits", {}) | ours
    job["search_space"] = job.get("search_space", {}) | node.search_space
    return Sweep.model_validate(node.model_dump() | job)


def _own_blocks(node: Sweep, typed: Collection[str]) -> set[str]:
    """Return the blocks of the node that replace the job file's: typed ones, and those of our files."""
    given = {name for name in ("study", "objective", "early_termination") if getattr(node, name) is not None}
    if node.sampling_algorithm != DEFAULT_SAMPLER:
        given.add("sampling_algorithm")
    if node.search_space or SEARCHED in typed:
        given.add(SEARCHED)
    return given | ({key.partition(".")[0] for key in typed} & BLOCKS)


def _collected(mistakes: list[Mistake], parse: Callable[[], Value]) -> Value | None:
    """Return the parsed value, or None after adding its mistakes to the list."""
    try:
        return parse()
    except RequestError as error:
        mistakes += error.mistakes
        return None


def _valid_part(block: Mapping[str, Any], base: float) -> Space | None:
    """Return the space of the parameters without a mistake, so that other mistakes of the sweep are reported too."""
    valid: dict[str, Any] = {}
    space: Space | None = None
    for key, given in block.items():
        with suppress(RequestError):
            space = parse_space({**valid, key: given}, base)
            valid[key] = given
    return space


def _split_overrides(arguments: Sequence[str], loader: ConfigLoader) -> tuple[list[str], dict[str, str]]:
    """Split overrides into those of every trial and those of searched keys (key: what was typed)."""
    fixed: list[str] = []
    searched: dict[str, str] = {}
    for override in OverridesParser.create(config_loader=loader).parse_overrides(list(arguments)):
        assert override.input_line is not None
        if isinstance(override.value(), Glob):  # only the loader knows a group's choices
            searched[override.key_or_group] = f"choice({','.join(map(str, override.sweep_iterator()))})"
        elif override.is_sweep_override():
            searched[override.key_or_group] = override.input_line.partition("=")[2]
        else:
            fixed.append(override.input_line)
    return fixed, searched


def _typed_blocks(fixed: Sequence[str], searched: Mapping[str, str]) -> set[str]:
    """Return the typed keys below `sweep`; typed parameters belong to its search space."""
    keys = {override.partition("=")[0].lstrip("+~") for override in fixed}
    return {key.removeprefix("sweep.") for key in keys if key.startswith("sweep.")} | (
        {SEARCHED} if searched else set()
    )
