"""Plain words: no page, message, comment or test uses a phrase of the private language that the project once had."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INSTEAD = {
    r"\b(?:fore)?told\b|_told\b": "says, reports; predicted",
    r"\b(?:is|are|was|were) asked\b|_asked\b": "requested",
    r"\b[Ff]rom Enter\b": "wall-clock time from launch",
    r"\b[Tt]haw\w*": "unfreezing",
    r"\ba (?:vector|token) a (?:token|row|text)\b": "one vector per token",
    r"\bwritten over\b": "overwritten",
    r"\b(?:was|were) cut and\b|\bwas cut\b|\bgoes? on where\b": "was interrupted and will resume",
    r"\bby heart\b": "overfit, memorise",
    r"\bas it is told\b|\bat its word\b": "as configured",
}
"""Phrases, as regular expressions, with plain words for them."""
KINDS = {".md", ".py", ".yaml", ".yml", ".json", ".toml", ".sh", ".js", ".html", ".txt", ".ipynb"}
OWN = {"tests/test_plain_language.py"}
HISTORY = {"LOG.md", "CHANGELOG.md"}


def texts() -> list[Path]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    kept = [name for name in names if Path(name).suffix in KINDS and name not in OWN | HISTORY]
    return [ROOT / name for name in kept if (ROOT / name).is_file()]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the list of files is that of git")
def test_no_private_phrases() -> None:
    files = texts()
    assert len(files) > 500
    used = [
        f"{path.relative_to(ROOT)}:{number}: {hit[0]!r}; write: {plain}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for phrase, plain in INSTEAD.items()
        if (hit := re.search(phrase, line))
    ]
    assert used == []


@pytest.mark.parametrize("line", ["whether it is told which", "the model was asked", "a vector a token", "from Enter"])
def test_the_list_knows_the_phrases_of_the_past(line: str) -> None:
    assert any(re.search(phrase, line) for phrase in INSTEAD)
