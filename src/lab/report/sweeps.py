"""How many runs a sweep was to have: from multirun.yaml (a grid) or study.yaml; cells that never started count too."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from lab.record import RunFolder, StudyFolder
from lab.report.configs import Loader
from lab.report.table import Sweep

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
            return Sweep(str(folder.path), name, "study", int(study["total"]), started, _confirmed(folder))
        text = (folder.path / "multirun.yaml").read_text(encoding="utf-8")
        hydra = yaml.load(text, Loader)["hydra"]
    except yaml.YAMLError as error:
        raise ValueError(f"no YAML: {' '.join(str(error).split())}") from error
    return Sweep(str(folder.path), folder.path.name, "grid", max(_expected(hydra), started), started)


def _confirmed(folder: StudyFolder) -> Mapping[int, tuple[float, float | None, int]]:
    path = folder.path / "summary.json"
    if not path.is_file():
        return {}
    confirmed = json.loads(path.read_text(encoding="utf-8")).get("confirmed") or []
    return {int(one["trial"]): (float(one["mean"]), one["ci95"], len(one["values"])) for one in confirmed}


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
