"""How long the ranks of a run wait for each other before they train, and what they say meanwhile.

Two limits hold. All processes must have connected `START_S` after rank 0 was there; from then on, the other ranks may
need `PREPARE_S` longer than rank 0 for their data and model. Inside a fit, torch's own limit holds (`meeting.SILENCE`).
"""

import logging
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab.core.errors import RunError
from lab.core.machine_faults import MachineError
from lab.core.processes.world import World

log = logging.getLogger(__name__)
START_S = 600.0
"""Seconds in which all processes of a run must have connected. torchrun's own limit is the same (`join_timeout`)."""
PREPARE_S = 1800.0
"""Seconds that the other ranks may need for data and model after rank 0 has its own."""
NOTICE_S = 20.0
"""Seconds of waiting after which a line says for whom, and for how long."""
PROBE_S = 0.25
"""Seconds between two attempts to reach rank 0."""
ANSWER_S = 5.0
"""Seconds in which an attempt to reach rank 0 must be answered."""


@dataclass(frozen=True)
class Missing:
    """Ranks that rank 0 waits for. absent: they have not connected; preparing: they have, and are not ready."""

    absent: tuple[int, ...] = ()
    preparing: tuple[int, ...] = ()


@dataclass
class Patience:
    """Rank 0's decision whether it waits on for other ranks.

    opened_s, since_s: when others could connect, and when rank 0 began to wait (seconds of `time.monotonic`).
    """

    world: World
    opened_s: float
    since_s: float
    _said: set[str] = field(default_factory=set)

    def notice(self, missing: Missing, now_s: float) -> str | None:
        """Return the line to print now, if one is due. Raises MachineError once a limit is over."""
        absent_until, ready_until = self.opened_s + START_S, self.since_s + PREPARE_S
        if missing.absent and now_s >= absent_until:
            raise MachineError(f"{self._absent(missing.absent)} within {START_S:g} s: {started_where(self.world)}")
        if missing.preparing and now_s >= ready_until:
            raise MachineError(
                f"{listed_ranks(missing.preparing)} connected, and had no data and model {PREPARE_S:g} s after rank 0: "
                "a process or a machine hangs, or its data are on a slow disk"
            )
        if now_s < self.since_s + NOTICE_S:
            return None
        if missing.absent and "absent" not in self._said:
            self._said.add("absent")
            return f"waiting: {self._absent(missing.absent)}; the run ends in {absent_until - now_s:.0f} s without it"
        if missing.preparing and not missing.absent and "preparing" not in self._said:
            self._said.add("preparing")
            most_s = ready_until - now_s
            return f"waiting for data and model of {listed_ranks(missing.preparing)}, for at most {most_s:.0f} s"
        return None

    def _absent(self, ranks: Sequence[int]) -> str:
        return f"{listed_ranks(ranks)} of {self.world.size} did not connect to {place(self.world)}"


def listed_ranks(ranks: Sequence[int]) -> str:
    """Return the ranks in words, with neighbours as a range.

    >>> listed_ranks([3]), listed_ranks([1, 2, 3, 7])
    ('rank 3', 'ranks 1-3, 7')
    """
    ranges: list[list[int]] = []
    for rank in sorted(ranks):
        if ranges and rank == ranges[-1][-1] + 1:
            ranges[-1][1:] = [rank]
        else:
            ranges.append([rank])
    return f"rank{'s' if len(ranks) > 1 else ''} {', '.join('-'.join(map(str, each)) for each in ranges)}"


def place(world: World) -> str:
    """Return where the ranks of a run meet."""
    return f"{world.address}:{world.port}"


def started_where(world: World) -> str:
    """Return what to look at where processes did not connect."""
    if world.starter == "lab":
        return "the processes did not get as far, look into rank_N.log of the run folder"
    nodes = world.num_nodes
    start = {"torchrun": f"torchrun --nnodes={nodes}", "slurm": f"srun --nodes={nodes}"}[world.starter]
    return (
        f"start the same line on each machine ({start} ...); there, MASTER_ADDR and MASTER_PORT must be "
        f"{world.address} and {world.port}, and a firewall must let them through"
    )


def reach(world: World) -> None:
    """Wait until something answers where the ranks meet. Raises RunError if nothing does within `START_S`.

    torch's own attempts print a C++ stack trace each time they fail.
    """
    began, was_said = time.monotonic(), False
    while True:
        try:
            socket.create_connection((world.address, world.port), timeout=ANSWER_S).close()
            return
        except OSError as error:
            waited_s, reason = time.monotonic() - began, error.strerror or str(error)
        if waited_s >= START_S:
            where = f"{place(world)} within {START_S:g} s ({reason})"
            raise RunError(f"rank {world.rank} could not connect to {where}: {rank_zero(world)}")
        if waited_s >= NOTICE_S and not was_said:
            was_said, most_s = True, START_S - waited_s
            log.warning(
                "rank %d waits for rank 0 at %s (%s), for at most %.0f s", world.rank, place(world), reason, most_s
            )
        time.sleep(PROBE_S)


def rank_zero(world: World) -> str:
    """Return what to look at where rank 0 cannot be reached."""
    if world.starter == "lab":
        return "rank 0 has ended, or its port is closed"
    return "look at what rank 0 printed, and whether MASTER_ADDR and MASTER_PORT are the same on each machine"
