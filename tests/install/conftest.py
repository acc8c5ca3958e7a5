"""The wheel, built once from what it needs of the repository, and an environment with the wheel in it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "conf", "src")
"""What a wheel is built from."""
HIDDEN = ("lab", "__editable__", "mlflow")
"""What the environment does not share with the one that runs the tests: this project, and a package of an extra."""


class Environment:
    """An environment with the wheel and without the repository."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"

    def run(self, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment, by its name, in `folder`."""
        return subprocess.run(
            [str(self.bin / words[0]), *words[1:]],
            cwd=folder, env=self._variables(os.environ), capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def _variables(self, given: Mapping[str, str]) -> dict[str, str]:
        rest = {name: value for name, value in given.items() if not name.startswith("PYTHON")}
        return rest | {"PATH": f"{self.bin}{os.pathsep}{given['PATH']}", "COLUMNS": "200"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
        copy(ROOT / part, folder / part)
    for made in [*folder.rglob("__pycache__"), *folder.rglob("*.egg-info")]:
        shutil.rmtree(made)
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder / "dist"), str(folder)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True)
    (made,) = (folder / "dist").iterdir()
    return made


@pytest.fixture(scope="session")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A new environment: the wheel is installed into it, and the libraries are those of the running environment."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv", symlinks=True)
    shared = folder / "libraries"
    shared.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(HIDDEN) and entry.suffix != ".pth":
            (shared / entry.name).symlink_to(entry)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "venv" / "lib" / version / "site-packages" / "libraries.pth").write_text(f"{shared}\n")
    python = str(folder / "venv" / "bin" / "python")
    install = ["--python", python, "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True)
    return Environment(folder / "venv")
