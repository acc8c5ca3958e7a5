"""Reads folders of the Hugging Face Trainer: trainer_state.json and TensorBoard event files. No pickle is opened.

The state with the highest step number is used. The best checkpoint is the one with the best evaluation by the
objective, not the last one. `eval_` becomes `val/`. Arguments come from the event files, which hold them as JSON.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.cli.optional_packages import is_installed, not_installed
from lab.config.schema.report import ReportRequest
from lab.core.errors import RequestError
from lab.core.files import read_json, regular
from lab.report.findings import Exclusion, Sentence
from lab.report.sources.folders import find_folders
from lab.report.sources.run_folders import SourceRun, SourceRuns
from lab.report.sources.select import objective_of, tracked_run

STATE = "trainer_state.json"
CHECKPOINT = re.compile(r"checkpoint-(\d+)")
ARGUMENTS = {
    "learning_rate": "optimizer.lr", "weight_decay": "optimizer.weight_decay", "num_train_epochs": "trainer.max_epochs",
    "per_device_train_batch_size": "data.batch_size", "lr_scheduler_type": "scheduler.kind", "seed": "seed",
    "warmup_ratio": "scheduler.warmup_ratio", "label_smoothing_factor": "loss.label_smoothing",
    "metric_for_best_model": "metric_for_best_model", "greater_is_better": "greater_is_better",
}  # fmt: skip
"""The Trainer's arguments and their config keys here."""


def read(request: ReportRequest) -> SourceRuns:
    """Return one run per folder with a trainer_state.json, in itself or in its checkpoints."""
    source = SourceRuns()
    for folder in find_folders(request.runs):
        for run_folder in sorted(_run_folders(folder)):
            try:
                source.runs.append(_read(run_folder, request))
            except RequestError:
                raise
            except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
                words = {"error": (str(error).splitlines() or [type(error).__name__])[0]}
                source.exclusions.append(Exclusion(str(run_folder), Sentence("excluded_source", words)))
    return source


def _run_folders(folder: Path) -> Iterator[Path]:
    """Yield the folders of runs: those with checkpoints, or with a state."""
    for place, names, files in os.walk(folder):
        checkpoints = [name for name in names if CHECKPOINT.fullmatch(name)]
        names[:] = sorted(name for name in names if name not in checkpoints and not name.startswith("."))
        if STATE in files or any((Path(place) / name / STATE).is_file() for name in checkpoints):
            yield Path(place)


def checkpoints(folder: Path) -> dict[int, Path]:
    """Return checkpoints by step, ascending by number: as text, checkpoint-5485 would follow checkpoint-10970."""
    by_step = {int(match[1]): path for path in folder.iterdir() if (match := CHECKPOINT.fullmatch(path.name))}
    return dict(sorted(by_step.items()))


def _read(folder: Path, request: ReportRequest) -> SourceRun:
    kept = checkpoints(folder)
    states = [path for path in (folder / STATE, *(place / STATE for place in kept.values())) if path.is_file()]
    state = max((read_json(path, dict) for path in states), key=lambda state: state["global_step"])
    scalars, config = _events(folder)
    rows = _rows([*state["log_history"], *scalars])
    objective = _own_objective(state, config, rows) or objective_of(request, config)
    if objective is None:
        raise ValueError("no objective is known: objective.metric=val/f1")
    times = [row["train_runtime"] for row in state["log_history"] if "train_runtime" in row]
    planned, done = state.get("num_train_epochs"), state.get("epoch")
    finished = bool(times) or (planned is not None and done is not None and done >= planned - 1e-6)
    values: dict[str, Any] = {
        "status": "completed" if finished else "interrupted",
        "reason": f"step {state['global_step']} of {state.get('max_steps')}",
        "study": folder.parent.name,
    }
    if times:
        values |= {"time_s": float(times[-1]), "fit_s": float(times[-1])}
    summary = _test_scores(folder, state["log_history"])
    validations = [row for row in rows if any(name.startswith("val/") for name in row)]
    run = tracked_run(str(folder), values, config, validations, summary, objective)
    step = run.values.get("objective_step")
    if step is not None and int(step) in kept:
        run.values["reason"] += f"; best checkpoint {kept[int(step)].name}"
    return run


def _rows(logs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per step; each validation also has the last training loss and rate before it."""
    by_step: dict[int, dict[str, Any]] = {}
    for log in logs:
        row = by_step.setdefault(int(log["step"]), {"step": int(log["step"])})
        row |= {
            _name(name): float(value)
            for name, value in log.items()
            if isinstance(value, int | float) and name != "step"
        }
    carried: dict[str, Any] = {}
    rows = []
    for step in sorted(by_step):
        row = carried | by_step[step]
        carried = {name: value for name, value in row.items() if name in ("lr", "train/loss")}
        if "epoch" in row:
            row["epoch"] = max(0.0, row["epoch"] - 1)
        rows.append(row)
    return rows


def _name(name: str) -> str:
    """Return a metric's name here: `eval_f1` and `eval/f1` are `val/f1`; training logs have no prefix."""
    name = re.sub(r"^(eval|val|test|train)[_/]", lambda match: f"{match[1].replace('eval', 'val')}/", name)
    return {"learning_rate": "lr", "train/learning_rate": "lr", "loss": "train/loss", "train/epoch": "epoch"}.get(
        name, name
    )


def _events(folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return scalars as log rows and arguments as config, from the event files below the folder.

    Raises RequestError if there are event files but tensorboard is not installed.
    """
    files = sorted(folder.rglob("events.out.tfevents.*"))
    if not files:
        return [], {}
    if not is_installed("tensorboard"):
        problem = f"{files[0]} needs the package 'tensorboard', which is not installed"
        raise RequestError(not_installed("source", "tensorboard", value="hf", problem=problem))
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]  # ships no types
        EventAccumulator,
    )

    rows: list[dict[str, Any]] = []
    config: dict[str, Any] = {}
    for place in dict.fromkeys(regular(path).parent for path in files):
        events = EventAccumulator(str(place), size_guidance={"scalars": 0, "tensors": 0}).Reload()
        tags = events.Tags()
        rows += [{"step": event.step, tag: event.value} for tag in tags["scalars"] for event in events.Scalars(tag)]
        for tag in tags["tensors"]:
            if tag.partition("/")[0] in ("args", "model_config"):
                text = events.Tensors(tag)[-1].tensor_proto.string_val[0].decode()
                config |= _arguments(json.loads(text))
    return [row for row in rows if not any(name.startswith(("train/total", "train/train_")) for name in row)], config


def _arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    config = {ARGUMENTS[name]: value for name, value in arguments.items() if name in ARGUMENTS and value is not None}
    if arguments.get("_name_or_path"):
        config["model.name"] = arguments["_name_or_path"]
    return config


def _own_objective(
    state: Mapping[str, Any], config: Mapping[str, Any], rows: list[dict[str, Any]]
) -> tuple[str, str] | None:
    """Return the Trainer's metric for the best model, from its arguments or by its best value, and its mode."""
    names = dict.fromkeys(name for row in rows for name in row if name.startswith("val/"))
    metric = config.get("metric_for_best_model")
    if metric is None and state.get("best_metric") is not None:
        same = [name for name in names if any(row.get(name) == state["best_metric"] for row in rows)]
        metric = same[0] if len(same) == 1 else None
    if metric is None:
        return None
    metric = _name(metric if str(metric).startswith(("eval_", "val/")) else f"eval_{metric}")
    greater = config.get("greater_is_better")
    return metric, "max" if (greater if greater is not None else not metric.endswith("loss")) else "min"


def _test_scores(folder: Path, logs: list[dict[str, Any]]) -> dict[str, float]:
    """Return scores named `test_...` from the log and from the Trainer's result files."""
    rows = [row for row in logs if any(name.startswith("test_") for name in row)]
    for name in ("test_results.json", "predict_results.json", "all_results.json"):
        path = folder / name
        if path.is_file():
            rows.append(read_json(path, dict))
    scores = {name: value for row in rows for name, value in row.items() if isinstance(value, int | float)}
    scores = {re.sub(r"^predict_", "test_", name): value for name, value in scores.items()}
    return {_name(name): float(value) for name, value in scores.items() if name.startswith("test_")}
