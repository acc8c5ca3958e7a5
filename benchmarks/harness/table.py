"""What the benchmarks of sweeps share: the machine, spreads over repeats, the table, and the JSON beside it."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results"


def machine() -> dict[str, Any]:
    """Cores this process may use, and the processor's name where Linux gives it."""
    names = [line.partition(":")[2].strip() for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")]
    model = next(iter(names), platform.processor() or platform.machine())
    return {"cores": len(os.sched_getaffinity(0)), "model": model, "python": platform.python_version()}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest over repeats."""
    return {"median": median(values), "min": min(values), "max": max(values), "repeats": len(values)}


def shown(one: Mapping[str, float], digits: int = 2) -> str:
    """`1.23 (1.10-1.40)`, or the one value where nothing was repeated."""
    if one["repeats"] == 1:
        return f"{one['median']:.{digits}f}"
    return f"{one['median']:.{digits}f} ({one['min']:.{digits}f}-{one['max']:.{digits}f})"


def finish(
    name: str, head: Sequence[str], rows: Sequence[Sequence[str]], reported: Mapping[str, Any], file: Path | None
) -> None:
    """Print the table under a line about the machine, and write `reported` with it to `file`, if any."""
    here = machine()
    print(f"{name}: {here['cores']} cores, {here['model']}, Python {here['python']}")
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    for row in [head, *rows]:
        first, rest = row[0].ljust(widths[0]), [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]
        print("  ".join([first, *rest]))
    if file is None:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"machine": here, **reported}, indent=2) + "\n", encoding="utf-8")


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
