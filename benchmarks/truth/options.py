"""What every benchmark of these sets is given: where the data of others are, and where its own files lie."""

import argparse
from pathlib import Path

from benchmarks.harness.table import RESULTS


def with_places(parser: argparse.ArgumentParser, file: Path) -> argparse.Namespace:
    """Add `--data`, `--prepared` and `--file` (by default `file`), and return the options of the command line."""
    parser.add_argument("--data", nargs="*", default=[], type=_named, metavar="NAME=FOLDER")
    parser.add_argument("--prepared", type=Path, default=RESULTS / "truth_data", help="folder of prepared sets")
    parser.add_argument("--file", type=Path, default=file)
    options = parser.parse_args()
    options.prepared, options.data = options.prepared.resolve(), dict(options.data)
    return options


def _named(word: str) -> tuple[str, Path]:
    name, _, folder = word.partition("=")
    return name, Path(folder).resolve()
