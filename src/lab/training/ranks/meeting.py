"""Where the ranks of a run meet: messages of rank 0 to the others, reports to rank 0, and the group for a fit.

All of it goes over one TCP store of torch, which rank 0 opens, or torchrun's agent has opened already. Messages are
JSON; nothing is pickled. The process group of a fit is made on the same store, so that a run needs one port.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import torch
from torch import distributed
from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]  # it has no __all__

from lab.core.errors import RunError
from lab.core.processes.world import World
from lab.training.ranks.arrival import Missing, place, reach

LOOK_S = 0.05
"""Seconds between two looks for a message, and at the other processes meanwhile."""
ANSWER = timedelta(minutes=1)
"""Time in which a store that can be reached must accept a connection."""
SILENCE = timedelta(minutes=30)
"""Longest wait of a rank for the others inside a fit."""
LOST = ("Connection closed by peer", "Connection reset by peer", "Timed out waiting", "NCCL")
"""In the message of a RuntimeError of torch's reductions, whose other end is gone or silent."""


def share_weights(model: torch.nn.Module) -> None:
    """Give all ranks the weights of rank 0. All ranks call it at the same place inside a group."""
    for tensor in model.state_dict().values():
        if isinstance(tensor, torch.Tensor):
            distributed.broadcast(tensor, 0)


def is_lost(error: BaseException) -> bool:
    """Return whether a reduction failed because another rank is gone, or was silent for `SILENCE`.

    >>> is_lost(RuntimeError("[pair.cc:547] Connection closed by peer [10.0.0.2]:4242")), is_lost(ValueError("NCCL"))
    (True, False)
    """
    return isinstance(error, RuntimeError) and any(words in str(error) for words in LOST)


class Meeting:
    """This process's connection to the store of its run. Raises RunError if there is none within `arrival.START_S`."""

    def __init__(self, world: World) -> None:
        agent = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        is_host = world.rank == 0 and not (world.starter == "torchrun" and agent)
        if not is_host:
            reach(world)
        try:
            store = TCPStore(world.address, world.port, is_master=is_host, timeout=ANSWER, wait_for_workers=False)
            self._store: Store = PrefixStore("lab", store)
            if world.rank > 0:
                self._store.set(f"connected/{world.rank}", "1")
        except RuntimeError as error:
            raise RunError(f"rank {world.rank} cannot connect to rank 0 at {place(world)}: {error}") from error
        self.world = replace(world, port=store.port)
        self._sent = self._read = 0
        self.opened_s = time.monotonic()

    def send(self, message: Mapping[str, Any]) -> int:
        """Send the next message of rank 0 to all other ranks; return its number."""
        self._sent += 1
        self._store.set(f"message/{self._sent}", json.dumps(message))
        return self._sent

    def receive(self) -> dict[str, Any]:
        """Wait for the next message of rank 0 and return it. Raises RunError if rank 0 has ended.

        There is no other limit: rank 0 may read data, or test, for hours, and its end closes the connection.
        """
        self._read += 1
        while not self._has(f"message/{self._read}"):
            time.sleep(LOOK_S)
        message: dict[str, Any] = json.loads(self._store.get(f"message/{self._read}"))
        return message | {"number": self._read}

    def ready(self, number: int) -> None:
        """Say that this rank has done what message `number` needs before the group is made."""
        self._store.set(f"ready/{number}/{self.world.rank}", "1")

    def await_ready(self, number: int, look: Callable[[Missing], None]) -> None:
        """Wait until all other ranks are ready for message `number`. look: called meanwhile with those that are not;
        it raises to give up."""
        while waiting := [rank for rank in range(1, self.world.size) if not self._has(f"ready/{number}/{rank}")]:
            connected = {rank: self._has(f"connected/{rank}") for rank in waiting}
            absent, preparing = (tuple(rank for rank in waiting if connected[rank] is which) for which in (False, True))
            look(Missing(absent, preparing))
            time.sleep(LOOK_S)

    def report(self, failure: Mapping[str, str]) -> None:
        """Tell rank 0 why this rank fails, unless rank 0 has ended."""
        with suppress(distributed.DistNetworkError):
            self._store.set(f"failure/{self.world.rank}", json.dumps(failure))

    def failures(self) -> dict[int, dict[str, str]]:
        """Return what other ranks have reported, by rank."""
        names = {rank: f"failure/{rank}" for rank in range(1, self.world.size)}
        return {rank: json.loads(self._store.get(name)) for rank, name in names.items() if self._store.check([name])}

    @contextmanager
    def group(self, number: int, on_gpu: bool) -> Iterator[None]:
        """The process group of the fit that message `number` began, for the duration of the block.

        With GPUs, of which each rank has set its own, tensors on the CPU have a group besides.
        """
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
            store=PrefixStore(f"group/{number}", self._store),
            rank=self.world.rank,
            world_size=self.world.size,
            timeout=SILENCE,
            device_id=torch.device("cuda", torch.cuda.current_device()) if on_gpu else None,
        )
        try:
            yield
        finally:
            distributed.destroy_process_group()

    def _has(self, key: str) -> bool:
        """Whether the store has a key: torch's own wait writes lines about each time-out, and cannot look elsewhere."""
        try:
            return bool(self._store.check([key]))
        except distributed.DistNetworkError as error:
            raise RunError("rank 0 has ended") from error
