"""The report's tables beside the page: runs.csv, best_per_group.csv, stats_per_group.csv, comparison.csv.

Numbers keep all their digits.
"""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.core.files import write_whole
from lab.report.findings import COSTS, OUTCOME, Groups, Pair, Report


def write(report: Report) -> None:
    """Write all tables into the report's folder. Raises OSError if that fails."""
    folder = report.folder
    frame = report.runs.frame
    write_whole(folder / "runs.csv", lambda aside: frame.to_csv(aside, index=False, lineterminator="\n"))
    _write_rows(folder / "best_per_group.csv", best_per_group(report))
    _write_rows(folder / "stats_per_group.csv", stats_per_group(report))
    _write_rows(folder / "comparison.csv", (comparison_row(pair) for pair in report.comparison.pairs))


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV with the columns of the first row; all rows have the same columns."""

    def fill(aside: Path) -> None:
        with aside.open("w", encoding="utf-8", newline="") as file:
            writer: csv.DictWriter[str] | None = None
            for row in rows:
                if writer is None:
                    writer = csv.DictWriter(file, list(row), lineterminator="\n")
                    writer.writeheader()
                writer.writerow(row)

    write_whole(path, fill)


def _all_groups(report: Report) -> Iterator[tuple[str, Groups]]:
    yield from ((" ".join(groups.by), groups) for groups in report.groups)
    yield "configuration", report.configurations


def best_per_group(report: Report) -> Iterator[dict[str, Any]]:
    """Yield the best run of every group with a result."""
    frame = report.runs.frame
    scores = [name for name in frame.columns if name.startswith("test/") and name.count("/") == 1]
    names = ["run", "status", *OUTCOME, *scores, *COSTS, "path", "command"]
    columns = {name: frame[name].tolist() for name in names}
    for by, groups in _all_groups(report):
        for group in groups.groups:
            if group.best is not None:
                yield {"by": by, "group": group.label} | {name: columns[name][group.best] for name in names}


def stats_per_group(report: Report) -> Iterator[dict[str, Any]]:
    """Yield the statistics of every number of every group.

    Configurations are described without the metrics of single heads, or the file would be huge.
    """
    for by, groups in _all_groups(report):
        for group in groups.groups:
            for name, stat in group.stats.items():
                if stat.num and (by != "configuration" or name.count("/") < 2):
                    low, high = stat.interval if stat.interval is not None else ("", "")
                    yield {
                        "by": by, "group": group.label, "number": name, "count": stat.num, "mean": stat.mean,
                        "sd": _cell(stat.sd), "min": stat.low, "max": stat.high, "interval_low": low,
                        "interval_high": high, "without_result": len(group.failed),
                    }  # fmt: skip


def comparison_row(pair: Pair) -> dict[str, Any]:
    """Return the numbers of one pair."""
    row = {name: value for name, value in pair._asdict().items() if name not in ("sentence", "interval")}
    low, high = pair.interval if pair.interval is not None else ("", "")
    cells = {name: _cell(value) for name, value in row.items()}
    return cells | {"interval_low": low, "interval_high": high}


def _cell(value: Any) -> Any:
    return "" if isinstance(value, float) and math.isnan(value) else value
