"""The README's picture of a run on windows: two of its test windows with what was predicted, and its confusion matrix.

    python -m benchmarks.series.senamhi --path FILE.xlsx --only "timer_xl, 28 days" --seeds 1 --runs outputs/senamhi
    python -m benchmarks.series.picture outputs/senamhi/3-1 [--to docs/img/series.png]

Draws the windows whose probability was highest and lowest among those that came out the other way than they began (rain
that came, rain that stopped or never came): what persistence cannot know.
"""

import argparse
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pyarrow.parquet
from matplotlib import pyplot
from omegaconf import OmegaConf

from lab.config.check import check
from lab.config.schema import Windowed
from lab.core.batches import MISSING
from lab.core.record.run_folder import RunFolder
from lab.data.series.dataset import load
from lab.data.series.panel import Cut, Panel

ROOT = Path(__file__).resolve().parents[2]


def drawn(axes: Any, panel: Panel, cut: Cut, row: int, chance: float, data: Windowed) -> None:
    """One window: every column on its own scale, newest sample at 0; the title says what came."""
    end, length = int(cut.ends[row]), int(cut.lengths[row])
    steps = np.arange(-length + 1, 1)
    for place, name in enumerate(panel.columns):
        column = panel.values[end - length + 1 : end + 1, place]
        low, high = np.nanmin(column), np.nanmax(column)
        axes.plot(steps, place + 0.8 * (column - low) / max(high - low, 1e-6), lw=1.1, color=f"C{place}")
        axes.text(-length - 1, place + 0.3, name, ha="right", va="center", fontsize=8, color=f"C{place}", clip_on=False)
    horizon = getattr(data.label, "horizon", 0)
    axes.axvline(0, color="0.6", lw=0.8)
    axes.plot([horizon], [0.3], marker="v" if cut.labels[row] else "x", color="black", clip_on=False)
    came = panel.classes[int(cut.labels[row])]
    group = panel.groups[int(panel.group_of(np.array([end]))[0])]
    moment = str(panel.times(np.array([end]))[0])[:16].replace("T00:00", "").replace("T", " ")
    where = f"{group}, {moment}" if group else moment
    axes.set_title(f"{where}: P({panel.classes[1]}) = {chance:.2f}, it was {came}", fontsize=9)
    axes.set_xlim(-length, horizon + 1)
    axes.set_yticks([])
    axes.set_xlabel("steps before the newest sample", fontsize=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "img" / "series.png")
    options = parser.parse_args()
    mpl.use("Agg")
    run = RunFolder(options.run)
    data = check(OmegaConf.load(run.config)).data
    if not isinstance(data, Windowed):
        raise SystemExit("this run worked on cases, not on windows of a table")
    result = load(data)
    cut, head = result.splits["test"], result.head
    chance = np.array(pyarrow.parquet.read_table(run.predictions)[f"{head.name}_probabilities"].to_pylist())[:, 1]
    current = cut.current_labels
    changed = np.ones(len(cut), bool) if current is None else (current != MISSING) & (current != cut.labels)
    came, stayed = (np.flatnonzero(changed & (cut.labels == label)) for label in (1, 0))
    rows = [int(came[chance[came].argmax()]), int(stayed[chance[stayed].argmin()])]
    figure, axes = pyplot.subplots(1, 3, figsize=(13, 3.6), width_ratios=[4, 4, 2.6], constrained_layout=True)
    for place, row in enumerate(rows):
        drawn(axes[place], result.panel, cut, row, float(chance[row]), data)
    guess = (chance > 0.5).astype(int)
    counts = np.zeros((2, 2), int)
    np.add.at(counts, (cut.labels.astype(int), guess), 1)
    axes[2].imshow(counts / counts.sum(1, keepdims=True), cmap="Blues", vmin=0, vmax=1)
    for truth in range(2):
        for said in range(2):
            share = counts[truth, said] / counts[truth].sum()
            colour = "white" if share > 0.5 else "black"
            axes[2].text(said, truth, f"{counts[truth, said]}\n{share:.0%}", ha="center", va="center", color=colour)
    axes[2].set_xticks([0, 1], head.classes)
    axes[2].set_yticks([0, 1], head.classes)
    axes[2].set_xlabel("predicted", fontsize=9)
    axes[2].set_ylabel(f"{head.name}, as it came", fontsize=9)
    axes[2].set_title(f"{len(cut)} test windows", fontsize=9)
    options.to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.to, dpi=110)


if __name__ == "__main__":
    main()
