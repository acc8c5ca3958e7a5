"""The same work by lab and by others: time, score and lines typed.

    python -m benchmarks.peers [--quick] [--only NAME ...] [--parts work misspelt killed search]
        [--data banking77=DIR] [--environments autogluon=DIR ludwig=DIR] [--file FILE]
    python -m benchmarks.peers --install FOLDER [--only autogluon ludwig azure]
    python -m benchmarks.peers --features --environments autogluon=DIR ludwig=DIR azure=DIR
    python -m benchmarks.peers --table

work: train on a CSV with one label, then predict new rows from the shell; macro-F1 of these predictions. misspelt: a
wrong letter in the name of a setting. killed: `kill -9` after the first checkpoint, then what continues it; it
trains without the kill as well. search: ten trials with early termination, beside Ray Tune.
Seconds are worth something on a machine that does nothing else. Without `--data banking77=DIR` (train.csv and test.csv
with the columns text and category) the rows are generated reports. A peer whose environment is not given is left out;
`--install` makes the environments and keeps what failed, `--features` looks for the features. `--table` runs nothing:
it prints the tables and writes them into docs/peers.md and docs/es/peers.md. `--quick` takes few rows and writes no
file unless `--file` names it.
"""

import argparse
import json
import os
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.harness.table import RESULTS, machine
from benchmarks.peers.contestants import CONTESTANTS, HERE
from benchmarks.peers.features import look
from benchmarks.peers.installing import ENVIRONMENTS, install
from benchmarks.peers.rows import QUICK, WHOLE, prepare
from benchmarks.peers.search import searches
from benchmarks.peers.table import into_pages, markdown
from benchmarks.peers.working import AFTER_CHECKPOINT_S, Bench, killed, misspelt, work

PARTS = ("work", "misspelt", "killed", "search")
EPOCHS, QUICK_EPOCHS = 9, 3


def main() -> None:
    options = _options()
    results = json.loads(options.file.read_text("utf-8")) if options.file and options.file.exists() else {}
    if options.install:
        for name in [name for name in ENVIRONMENTS if name in options.only]:
            row = install(name, options.install.resolve())
            results.setdefault("environments", {})[name] = row
            print(f"{name}: {row}", file=sys.stderr)
            _keep(options, results)
    elif options.features:
        results["features"] = look(options.environments)
        _keep(options, results)
    elif not options.table:
        with tempfile.TemporaryDirectory() as place:
            _run(options, results, Path(place))
    print(markdown(results, "en"))
    if options.table:
        into_pages(results)


def _run(options: argparse.Namespace, results: dict[str, Any], place: Path) -> None:
    data = place / "data"
    data.mkdir()
    name = prepare(data, options.data, QUICK if options.quick else WHOLE)
    bench = Bench(data, options.environments, options.quick, options.kill_after)
    about = {"data": name, "quick": options.quick, "machine": machine(), "date": str(date.today())}
    for key in [key for key in CONTESTANTS if key in options.only and _is_there(key, bench)]:
        row = results.setdefault("work", {}).setdefault(key, {})
        for part, found in _parts(key, bench, options.parts, place / key):
            row[part] = found | {"load": round(os.getloadavg()[0], 1), **about}
            print(f"{key} / {part}: {found}", file=sys.stderr)
            _keep(options, results)
    if "search" in options.parts and "search" in options.only:
        epochs = QUICK_EPOCHS if options.quick else EPOCHS
        found = searches(data, place / "search", bench.environment(CONTESTANTS["lab_tiny"]), epochs)
        results["search"] = {"runs": found, "max_epochs": epochs, **about}
        _keep(options, results)


def _parts(key: str, bench: Bench, parts: list[str], place: Path) -> Any:
    """Yield the name and the outcome of each part."""
    contestant = CONTESTANTS[key]
    if "misspelt" in parts:
        yield "misspelt", misspelt(contestant, bench, place / "misspelt")
    if "work" not in parts and "killed" not in parts:
        return
    straight = work(contestant, bench, place / "straight")
    if "work" in parts:
        yield "work", straight
    if "killed" in parts and "failed" not in straight:
        yield "killed", killed(contestant, bench, place / "killed", place / "straight")


def _is_there(key: str, bench: Bench) -> bool:
    name = CONTESTANTS[key].environment
    if name != HERE and name not in bench.places:
        print(f"{key} is left out: no --environments {name}=FOLDER", file=sys.stderr)
        return False
    return True


def _keep(options: argparse.Namespace, results: dict[str, Any]) -> None:
    if options.file is None:
        return
    options.file.parent.mkdir(parents=True, exist_ok=True)
    options.file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*dict.fromkeys([*CONTESTANTS, "search", *ENVIRONMENTS])]
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kill-after", type=float, default=AFTER_CHECKPOINT_S, metavar="S", help="after a checkpoint")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--data", nargs="*", default=[], type=_named, metavar="NAME=FOLDER")
    parser.add_argument("--environments", nargs="*", default=[], type=_named, metavar="NAME=FOLDER")
    parser.add_argument("--install", type=Path, metavar="FOLDER")
    parser.add_argument("--features", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    options.data, options.environments = dict(options.data), dict(options.environments)
    if options.file is None and not options.quick:
        options.file = RESULTS / "peers.json"
    return options


def _named(word: str) -> tuple[str, Path]:
    name, _, folder = word.partition("=")
    return name, Path(folder).resolve()


if __name__ == "__main__":
    main()
