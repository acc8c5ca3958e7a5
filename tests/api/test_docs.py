"""The Python of README.md and docs/python_api.md runs as it stands."""

import re
from pathlib import Path
from typing import Any

import pytest

import lab

ROOT = Path(__file__).parents[2]


def blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.S)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["README.md", "docs/python_api.md"])
def test_the_python_of_a_page_runs(name: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    code = "\n".join(blocks(name))
    assert "import lab" in code
    exec(code.replace("outputs/2026-11-22/10-00-00", str(place / "outputs" / "first")), names)
    assert lab.runs("outputs")["status"].unique().tolist() == ["completed"]
