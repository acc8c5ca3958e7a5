"""The import of lab is cheap, and its names come from the API on first use."""

import subprocess
import sys

import pytest

import lab
import lab.api

HEAVY = {"hydra", "lightning", "matplotlib", "numpy", "omegaconf", "optuna", "pandas", "plotly", "pydantic", "torch"}


def imported_by(code: str) -> set[str]:
    """The heavy packages that a new interpreter has imported after `code`."""
    script = f"import sys\n{code}\nprint(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return HEAVY & set(ended.stdout.split())


def test_the_import_of_lab_brings_nothing_heavy() -> None:
    assert imported_by("import lab") == set()


def test_composing_and_reading_a_record_import_no_torch() -> None:
    heavy = imported_by("import lab\nlab.compose(['model=ngram'])\nlab.load")
    assert heavy.isdisjoint({"lightning", "matplotlib", "optuna", "pandas", "plotly", "torch"})
    assert "pydantic" in heavy


def test_the_names_are_those_of_the_api() -> None:
    assert set(lab.__all__) == {*lab.api.__all__, "__version__"}
    assert set(lab.__all__) <= set(dir(lab))
    assert all(getattr(lab, name) is getattr(lab.api, name) for name in lab.api.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'lab' has no attribute 'trian'"):
        _ = lab.trian
