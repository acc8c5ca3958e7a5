"""Environments of peers that do not share one with this project, and what came of installing them."""

import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ENVIRONMENTS: Mapping[str, tuple[str, ...]] = {
    "autogluon": ("autogluon.tabular[lightgbm,xgboost,catboost]", "torch"),
    "ludwig": ("ludwig",),
    "azure": ("azure-ai-ml",),
}
"""Requirements by name of the environment."""
SHOWN = {"autogluon": "autogluon.tabular", "ludwig": "ludwig", "azure": "azure-ai-ml"}
"""The package whose version is shown."""
TORCH = {"ludwig": "torch==2.14.1"}
"""Constraint of an environment, else `CPU_TORCH`. torchvision, which Ludwig needs, needs torch's CUDA build on PyPI."""
CPU_TORCH = "torch==2.13.0"


def install(name: str, folder: Path) -> dict[str, Any]:
    """Make the environment `folder`/`name`: {version, seconds, mib}, or {failed: one line}."""
    place = folder / name
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    constraints = place / "constraints.txt"
    constraints.write_text(TORCH.get(name, CPU_TORCH) + "\n", encoding="utf-8")
    command = [str(place / "bin" / "pip"), "install", "--quiet", "-c", str(constraints), *ENVIRONMENTS[name]]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in (done.stderr or done.stdout).splitlines() if line.lower().startswith("error")]
        return {"failed": re.sub(r"(?:/[\w.+-]+)+/", "", (errors or ["pip failed"])[0])[:200]}
    row: dict[str, Any] = {"seconds": round(time.monotonic() - started)}
    return row | {"version": version(place, SHOWN[name]), "mib": size_mib(place)}


def version(place: Path, package: str) -> str:
    """The installed version of a package in an environment. Raises CalledProcessError where it is not installed."""
    line = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([str(place / "bin" / "python"), "-c", line], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def size_mib(place: Path) -> int:
    """Size of the files of an environment in MiB."""
    return round(
        sum(path.stat().st_size for path in place.rglob("*") if path.is_file() and not path.is_symlink()) / 2**20
    )
