"""Messages, signs and failures go over the store; a rank whose rank 0 has ended gets an error."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from lab.core.errors import RunError
from lab.core.processes.world import World
from lab.training.ranks.meeting import Meeting

ZERO = World(0, 2, 0, 2, "127.0.0.1", 0, "lab")


def other(meeting: Meeting) -> Meeting:
    return Meeting(replace(meeting.world, rank=1, local_rank=1))


def test_messages_arrive_in_order_and_failures_come_back() -> None:
    zero = Meeting(ZERO)
    assert zero.world.port > 0
    one = other(zero)
    received: list[dict[str, Any]] = []

    def follow() -> None:
        received.append(one.receive())
        one.ready(received[0]["number"])
        received.append(one.receive())
        one.report({"reason": "no rows", "failure": "error"})

    thread = threading.Thread(target=follow)
    thread.start()
    number = zero.send({"kind": "fit", "folder": "a"})
    assert zero.failures() == {}
    zero.await_ready(number, lambda: None)
    zero.send({"kind": "end"})
    thread.join()
    assert received == [{"kind": "fit", "folder": "a", "number": 1}, {"kind": "end", "number": 2}]
    assert zero.failures() == {1: {"reason": "no rows", "failure": "error"}}


def test_rank_zero_may_give_up_while_it_waits() -> None:
    zero = Meeting(ZERO)
    number = zero.send({"kind": "fit"})

    def look() -> None:
        raise RunError("rank 1 has died")

    with pytest.raises(RunError, match="rank 1 has died"):
        zero.await_ready(number, look)
