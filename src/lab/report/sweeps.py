"""How many runs a sweep was to have: from multirun.yaml (a grid) or study.yaml; cells that never started count too.

A study that confirmed its best under new seeds has means of them, too.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from lab.record import RunFolder, StudyFolder
from lab.report.configs import Loader
from lab.report.table import Confirmed, Sweep

CONFIRMATION = ", confirmed"
"""Follows a study's name for the runs that repeat its best under new seeds: no trials of its search."""


def sweep_of(folder: StudyFolder, numbered: Sequence[str]) -> Sweep:
    """The sweep in a folder. numbered: its folders with a number for a name.

    Raises ValueError, KeyError or TypeError for files that are not what a sweep leaves.
    """
    started = sum((RunFolder(folder.path / name).path / "run.json").is_file() for name in numbered)
    try:
        study = folder.read_study()
        if study is not None:
            name = str(study["study"])
            objective = study.get("objective") or {}
            metric, goal = objective.get("primary_metric"), objective.get("goal")
            total = int(study["total"])
            return Sweep(str(folder.path), name, "study", total, started, _confirmed(folder), metric, goal)
        text = (folder.path / "multirun.yaml").read_text(encoding="utf-8")
        hydra = yaml.load(text, Loader)["hydra"]
    except yaml.YAMLError as error:
        raise ValueError(f"no YAML: {' '.join(str(error).split())}") from error
    return Sweep(str(folder.path), folder.path.name, "grid", max(_expected(hydra), started), started)


def _confirmed(folder: StudyFolder) -> Mapping[int, Confirmed]:
    """By trial, of those that the study lets compete: with a value under every seed, so that no lucky one decides.

    A study of before says nothing of it: the configurations with the most seeds.
    """
    path = folder.path / "summary.json"
    if not path.is_file():
        return {}
    told = json.loads(path.read_text(encoding="utf-8")).get("confirmed") or []
    most = max((len(one["values"]) for one in told), default=0)
    return {
        int(one["trial"]): Confirmed(float(one["mean"]), one["ci95"], len(one["values"]))
        for one in told
        if one.get("whole", len(one["values"]) == most)
    }


def told_apart(sweeps: Sequence[Sweep]) -> dict[str, str]:
    """By path: a sweep's name; of those with one name as much of the end of their paths as tells them apart."""
    named: dict[str, list[str]] = {}
    for sweep in sweeps:
        named.setdefault(sweep.name, []).append(sweep.path)
    return {path: told for name, paths in named.items() for path, told in _with_ends(name, paths).items()}


def _with_ends(name: str, paths: Sequence[str]) -> dict[str, str]:
    if len(paths) == 1:
        return {paths[0]: name}
    parts = [Path(path).resolve().parts for path in paths]
    ends = ["/".join(one) for one in parts]
    for depth in range(1, max(map(len, parts))):
        short = ["/".join(one[-depth:]) for one in parts]
        if len(set(short)) == len(short):
            ends = short
            break
    return {path: f"{name} ({end})" for path, end in zip(paths, ends, strict=True)}


def _expected(hydra: Mapping[str, Any]) -> int:
    """Jobs of a multirun: of a sampler its number of trials, of a grid the product of its lists."""
    sweeper = hydra["sweeper"]
    if "n_trials" in sweeper:
        return int(sweeper["n_trials"])
    try:
        overrides = OverridesParser.create().parse_overrides([str(one) for one in hydra["overrides"]["task"]])
    except HydraException as error:
        raise ValueError(f"an override that Hydra cannot read: {error}") from error
    return math.prod(len(list(one.sweep_iterator())) for one in overrides if one.is_discrete_sweep())
