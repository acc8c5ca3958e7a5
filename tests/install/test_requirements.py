"""The locked versions are whole: a hash for everything but torch, and what pyproject.toml asks for is among them."""

import contextlib
import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from .conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
NOT_LOCKED = {"minilm": "a step of its own in the Makefile"}


def entries(name: str) -> dict[str, tuple[str, list[str]]]:
    """Version and hashes of each distribution in a lock file."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    pinned = [(*words[0].split("=="), words[1:]) for words in lines]
    return {canonicalize_name(name): (version, hashes) for name, version, hashes in pinned}


LOCKED, TORCH = entries("requirements.lock"), entries("requirements-torch.lock")
WANTED = [*PROJECT["dependencies"], *(word for name in EXTRAS if name not in NOT_LOCKED for word in EXTRAS[name])]


def test_everything_but_torch_has_hashes() -> None:
    assert set(TORCH) == {"torch"}
    assert "torch" not in LOCKED
    without = [name for name, (_, hashes) in LOCKED.items() if not hashes]
    odd = [
        word for _, hashes in LOCKED.values() for word in hashes if not re.fullmatch("--hash=sha256:[0-9a-f]{64}", word)
    ]
    assert (without, odd) == ([], [])


@pytest.mark.parametrize("text", WANTED)
def test_what_the_project_asks_for_is_locked_at_a_version_that_it_allows(text: str) -> None:
    requirement = Requirement(text)
    version, _ = {**LOCKED, **TORCH}[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version, prereleases=True)


def test_every_locked_version_takes_the_oldest_python_of_the_project() -> None:
    oldest = f"{next(iter(SpecifierSet(PROJECT['requires-python']))).version}.0"
    looked, refusing = 0, []
    for name in {**LOCKED, **TORCH}:
        with contextlib.suppress(metadata.PackageNotFoundError):
            wanted = metadata.metadata(name).get("Requires-Python", "")
            looked += 1
            refusing += [name] if oldest not in SpecifierSet(wanted) else []
    assert looked > 100
    assert refusing == []


@pytest.mark.parametrize("text", WANTED)
def test_every_requirement_has_a_lower_bound(text: str) -> None:
    assert {bound.operator for bound in Requirement(text).specifier} & {">=", "=="}
