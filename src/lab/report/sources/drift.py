"""Drift files that `predict.py drift=true` wrote, as a report shows them. Anybody may have written one."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lab.core.errors import Mistake, RequestError
from lab.core.files import Unreadable, read_json
from lab.core.record.drift_fields import LEVELS, drift_faults

INDEX = "population_stability_index"


class DriftSubject(NamedTuple):
    """A subject of a comparison: its level, stability index, distance (Kolmogorov-Smirnov of numbers, total variation
    of classes) and corrected p value. changes: pairs of names and values before and after, at most three."""

    name: str
    level: str
    stability: float
    distance: float
    p: float
    changes: tuple[tuple[str, float | None, float | None], ...]


class DriftFile(NamedTuple):
    """Rows of `inputs` compared with those of a run, the most shifted subjects first. left_out: with their reasons."""

    path: str
    run: str
    inputs: tuple[str, ...]
    rows: int
    subjects: tuple[DriftSubject, ...]
    left_out: Mapping[str, str]


def read_drift(paths: Sequence[str]) -> tuple[DriftFile, ...]:
    """Return the drift files. Raises RequestError that names all that cannot be read."""
    files, mistakes = list[DriftFile](), list[Mistake]()
    for typed in paths:
        path = Path(typed).expanduser()
        try:
            content = read_json(path, dict)
            if faults := list(drift_faults(content)):
                raise Unreadable(path, faults[0])
        except (OSError, Unreadable) as error:
            remedy = "a file that predict.py drift=true wrote: OUTPUT.drift.json"
            mistakes.append(Mistake("drift", f"cannot be read: {error}", remedy, typed))
        else:
            files.append(_file(typed, content))
    if mistakes:
        raise RequestError(mistakes)
    return tuple(files)


def _file(path: str, content: Mapping[str, Any]) -> DriftFile:
    subjects = sorted(
        map(_subject, content["subjects"]), key=lambda each: (-LEVELS.index(each.level), -each.stability, each.name)
    )
    inputs = tuple(content["input"])
    return DriftFile(path, content["run"], inputs, content["rows"], tuple(subjects), content["left_out"])


def _subject(content: Mapping[str, Any]) -> DriftSubject:
    measures = {name: each["value"] for name, each in content["measures"].items()}
    distance = measures.get("kolmogorov_smirnov", measures.get("total_variation", float("nan")))
    stability = measures.get(INDEX, float("nan"))
    return DriftSubject(
        content["name"], content["level"], stability, distance, content["p_holm"], tuple(_changes(content))
    )


def _changes(content: Mapping[str, Any]) -> Iterator[tuple[str, float | None, float | None]]:
    if content["quantiles"] is not None:
        for share, before, after in zip(("5 %", "50 %", "95 %"), *content["quantiles"], strict=False):
            yield share, before, after
    for name, (before, after) in list((content["shares"] or {}).items())[:3]:
        yield name, before, after
