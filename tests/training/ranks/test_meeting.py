"""Messages, signs and failures go over the store; a rank whose rank 0 has ended gets an error."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import torch
from torch import distributed

from lab.core.errors import RunError
from lab.core.processes.world import World
from lab.training.ranks.arrival import Missing
from lab.training.ranks.meeting import Meeting, is_lost

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
    zero.await_ready(number, lambda missing: None)
    zero.send({"kind": "end"})
    thread.join()
    assert received == [{"kind": "fit", "folder": "a", "number": 1}, {"kind": "end", "number": 2}]
    assert zero.failures() == {1: {"reason": "no rows", "failure": "error"}}


def test_rank_zero_may_give_up_while_it_waits() -> None:
    zero = Meeting(ZERO)
    number = zero.send({"kind": "fit"})

    def give_up_at(awaited: Missing) -> Callable[[Missing], None]:
        """A sign of another rank may need a moment until the store of rank 0 shows it."""

        def look(missing: Missing) -> None:
            if missing == awaited:
                raise RunError("gave up")

        return look

    with pytest.raises(RunError, match="gave up"):
        zero.await_ready(number, give_up_at(Missing(absent=(1,), preparing=())))
    one = other(zero)
    with pytest.raises(RunError, match="gave up"):
        zero.await_ready(number, give_up_at(Missing(absent=(), preparing=(1,))))
    one.ready(number)
    zero.await_ready(number, lambda missing: None)


@pytest.mark.parametrize("how", ["silent", "gone"])
def test_another_rank_that_is_silent_or_gone_is_lost(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """By the words of torch's own reductions; errors of a rank itself have others."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    store, groups = distributed.HashStore(), dict[int, Any]()

    def meet(rank: int) -> None:
        groups[rank] = distributed.ProcessGroupGloo(store, rank, 2, timedelta(seconds=2))

    threads = [threading.Thread(target=meet, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if how == "gone":
        del groups[1]
    with pytest.raises(RuntimeError) as caught:
        groups[0].allreduce([torch.ones(3)]).wait()
    assert is_lost(caught.value), str(caught.value)
    assert not is_lost(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
