"""The table of `sweep=rainfall`: what each network is, what it costs and how well it foretells, over its seeds.

    python -m benchmarks.series.rainfall_table multirun/rainfall [--results FOLDER]

Reads run folders through `lab.core.record.run_folder` alone; rows are the runs of one network and batch size, scores
mean and range of the test. Unfinished and failed runs are counted, not dropped. Writes
benchmarks/results/rainfall.json.
"""

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

from benchmarks.harness.table import RESULTS, finish
from lab.core.record.run_folder import RunFolder

SCORES = ("f1_macro", "mcc", "auc")
HEAD = [
    "",
    "layers",
    "width",
    "batch",
    "window",
    "parameters",
    "peak GiB",
    "s per epoch",
    "macro-F1",
    "MCC",
    "AUC",
    "runs",
]


def runs_in(folder: Path) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Config and record of every run below `folder`."""
    paths = sorted(path.parent for path in folder.rglob("run.json"))
    return [
        (yaml.safe_load(RunFolder(path).config.read_text(encoding="utf-8")), RunFolder(path).read()) for path in paths
    ]


def rows_of(runs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """One row per network, batch and window; a network from a checkpoint is one of its own."""
    kinds: dict[tuple[Any, ...], list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = defaultdict(list)
    for config, record in runs:
        model, data = config["model"], config["data"]
        name = model["name"] + (" from a checkpoint" if model.get("checkpoint") else "")
        size = (model.get("num_layers", model.get("depth")), model.get("width", model.get("filters")))
        kinds[name, *size, data["batch_size"], data.get("window")].append((config, record))
    return [row(key, [record for _, record in result]) for key, result in kinds.items()]


def row(key: tuple[Any, ...], records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    done = [record for record in records if record["status"] in ("completed", "early_stopped")]
    scores = {name: [record["metrics"]["test"][name] for record in done] for name in SCORES}
    epochs = [second for record in done for second in record["timing_s"]["per_epoch"]]
    return {
        "network": key, "runs": len(records), "done": len(done),
        "parameters": done[0]["parameters"]["total"] if done else None,
        "peak_rss_gib": max((record["memory"]["peak_rss_gib"] for record in done), default=None),
        "epoch_s": mean(epochs) if epochs else None, "scores": scores,
    }  # fmt: skip


def cells(one: Mapping[str, Any]) -> list[str]:
    if not one["done"]:
        return [*map(str, one["network"]), *["-"] * 6, f"0 of {one['runs']}"]
    scores = [f"{mean(result):.3f} ({min(result):.3f}-{max(result):.3f})" for result in one["scores"].values()]
    costs = [f"{one['parameters']:,}", f"{one['peak_rss_gib']:.2f}", f"{one['epoch_s']:.1f}"]
    return [*map(str, one["network"]), *costs, *scores, f"{one['done']} of {one['runs']}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows = rows_of(runs_in(options.folder))
    if not rows:
        raise SystemExit(f"no run folder below {options.folder}")
    finish("rainfall", HEAD, [cells(one) for one in rows], {"rows": rows}, options.results / "rainfall.json")


if __name__ == "__main__":
    main()
