"""Versions, process and seconds of each part, as the record has them."""

import os
import platform

import pytest

from lab.training.provenance import Clock, process, versions


def test_versions_name_what_decides_the_numbers() -> None:
    assert versions()["python"] == platform.python_version()
    assert {"lab", "torch", "lightning", "transformers"} <= set(versions())


def test_the_process_is_this_one() -> None:
    assert process()["pid"] == os.getpid()
    assert process()["host"] == platform.node()


def test_parts_of_one_name_add_up_and_an_exception_ends_its_part() -> None:
    clock = Clock()
    with clock.part("fit"):
        pass
    first = clock.read()["fit"]
    with pytest.raises(KeyError), clock.part("fit"):
        raise KeyError
    seconds = clock.read()
    assert seconds["fit"] > first >= 0
    assert seconds["total"] >= seconds["fit"]
    assert {"total", "cpu", "fit"} == set(seconds)
