"""Reads how many runs a sweep planned, from multirun.yaml (a grid) or study.yaml, including runs that never started.

It also reads the means of a study's configurations that were confirmed under new seeds.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from lab.core.files import Unreadable, read_json, read_yaml
from lab.core.record.fields import Shape, count, keyed, number, optional, several, text
from lab.core.record.run_folder import RunFolder, StudyFolder
from lab.report.findings import ConfirmedMean, SweepSummary

CONFIRMATION = ", confirmed"
"""Suffix of a study's name for runs that repeat its best configurations under new seeds: these are not trials."""

MAX_FAULTS = 3
MAX_VALUES = 100_000
"""The values of one swept key are counted up to this number: `range(0,1e12)` would take forever."""
STUDY = keyed("study", "total", study=text, total=count,
              objective=optional(keyed(primary_metric=optional(text), goal=optional(text))))  # fmt: skip
HYDRA = keyed("hydra", hydra=keyed("sweeper", "overrides", sweeper=keyed(n_trials=count),
                                   overrides=keyed("task", task=several(text))))  # fmt: skip
CONFIRMED = keyed("trial", "mean", "ci95", "values", trial=count, mean=number, ci95=optional(number),
                  values=several(number))  # fmt: skip
SUMMARY = keyed(confirmed=optional(several(CONFIRMED)))


def sweep_of(folder: StudyFolder, numbered: Sequence[str]) -> SweepSummary:
    """Return the sweep in a folder. numbered: its subfolders whose name is a number.

    Raises Unreadable for unexpected contents of its files, OSError if they cannot be read.
    """
    started = sum((RunFolder(folder.path / name).path / "run.json").is_file() for name in numbered)
    study = folder.read_study()
    if study is None:
        hydra = _checked(folder.path / "multirun.yaml", read_yaml(folder.path / "multirun.yaml"), HYDRA)["hydra"]
        return SweepSummary(str(folder.path), folder.path.name, "grid", max(_expected(folder, hydra), started), started)
    _checked(folder.path / "study.yaml", study, STUDY)
    objective = study.get("objective") or {}
    metric, goal = objective.get("primary_metric"), objective.get("goal")
    return SweepSummary(
        str(folder.path), study["study"], "study", study["total"], started, _confirmed(folder), metric, goal
    )


def _checked(path: Path, tree: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """Return the tree if it has the shape. Raises Unreadable with its first faults."""
    wrong = list(shape("it", tree))
    if wrong:
        raise Unreadable(path, "; ".join(wrong[:MAX_FAULTS]))
    return tree


def _confirmed(folder: StudyFolder) -> Mapping[int, ConfirmedMean]:
    """Return confirmed means by trial, only for trials with a value under every seed, so that no lucky seed decides.

    If the field `whole` is missing, these are the trials with the most seeds.
    """
    path = folder.path / "summary.json"
    if not path.exists():
        return {}
    confirmed = _checked(path, read_json(path, dict), SUMMARY).get("confirmed") or []
    max_seeds = max((len(entry["values"]) for entry in confirmed), default=0)
    return {
        entry["trial"]: ConfirmedMean(float(entry["mean"]), entry["ci95"], len(entry["values"]))
        for entry in confirmed
        if entry.get("whole", len(entry["values"]) == max_seeds)
    }


def unique_names(sweeps: Sequence[SweepSummary]) -> dict[str, str]:
    """Return unique names of sweeps by path: sweeps with equal names get the shortest different ends of their paths."""
    named: dict[str, list[str]] = {}
    for sweep in sweeps:
        named.setdefault(sweep.name, []).append(sweep.path)
    return {path: unique for name, paths in named.items() for path, unique in _with_ends(name, paths).items()}


def _with_ends(name: str, paths: Sequence[str]) -> dict[str, str]:
    if len(paths) == 1:
        return {paths[0]: name}
    parts = [Path(path).resolve().parts for path in paths]
    ends = ["/".join(path_parts) for path_parts in parts]
    for depth in range(1, max(map(len, parts))):
        short = ["/".join(path_parts[-depth:]) for path_parts in parts]
        if len(set(short)) == len(short):
            ends = short
            break
    return {path: f"{name} ({end})" for path, end in zip(paths, ends, strict=True)}


def _expected(folder: StudyFolder, hydra: Mapping[str, Any]) -> int:
    """Return the number of jobs of a multirun: a sampler's number of trials, or the product of a grid's lists."""
    if "n_trials" in hydra["sweeper"]:
        return int(hydra["sweeper"]["n_trials"])
    try:
        overrides = OverridesParser.create().parse_overrides(hydra["overrides"]["task"])
    except (HydraException, RecursionError) as error:
        path = folder.path / "multirun.yaml"
        raise Unreadable(path, f"an override that Hydra cannot read: {str(error) or 'it nests too deep'}") from error
    swept = [override for override in overrides if override.is_discrete_sweep()]
    return math.prod(sum(1 for _ in islice(override.sweep_iterator(), MAX_VALUES)) for override in swept)
