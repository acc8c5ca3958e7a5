"""A rank that joins ends with the run, and tells rank 0 why it fails."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lab.core.processes.world import World
from lab.training.ranks.join import join
from lab.training.ranks.meeting import Meeting

ZERO = World(0, 2, 0, 2, "127.0.0.1", 0, "lab")


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """The handler that a rank replaces."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def joined(*messages: dict[str, Any]) -> tuple[int, dict[int, dict[str, str]]]:
    zero = Meeting(ZERO)
    for message in messages:
        zero.send(message)
    return join(replace(zero.world, rank=1, local_rank=1)), zero.failures()


def test_it_ends_with_the_run_and_leaves_ctrl_c_to_rank_zero() -> None:
    assert joined({"kind": "end"}) == (0, {})
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_wrong_message_is_reported() -> None:
    code, failures = joined({"kind": "fit", "config": {"trainer": {}}, "working_folder": ".", "folder": "."})
    assert code == 1
    assert failures[1]["failure"] == "error"
    assert "trainer" in failures[1]["reason"]


def test_an_error_of_the_program_is_reported_and_raised() -> None:
    zero = Meeting(ZERO)
    zero.send({"kind": "fit", "config": {}})
    with pytest.raises(KeyError):
        join(replace(zero.world, rank=1, local_rank=1))
    assert zero.failures()[1]["reason"].startswith("KeyError")
