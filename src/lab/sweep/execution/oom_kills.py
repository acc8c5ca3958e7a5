"""The number of processes that the kernel killed because memory ran out.

Such a kill and one by a person are both a SIGKILL; the count distinguishes them. It is that of this process's control
group (version 2, then 1), which other containers of the machine do not change, else the machine's in /proc/vmstat.
"""

from pathlib import Path


def oom_kills(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the count so far; 0 where no counter exists."""
    for path in _counters(proc, groups):
        count = _count(path)
        if count is not None:
            return count
    return 0


def _counters(proc: Path, groups: Path) -> list[Path]:
    own = proc / "self" / "cgroup"
    lines = own.read_text().splitlines() if own.is_file() else []
    mine = {controllers: path.lstrip("/") for _, controllers, path in (line.split(":", 2) for line in lines)}
    paths = [proc / "vmstat"]
    if "memory" in mine:
        paths.insert(0, groups / "memory" / mine["memory"] / "memory.oom_control")
    if "" in mine:
        paths.insert(0, groups / mine[""] / "memory.events")
    return paths


def _count(path: Path) -> int | None:
    if not path.is_file():
        return None
    counts = dict(line.split(maxsplit=1) for line in path.read_text().splitlines() if " " in line)
    return int(counts["oom_kill"]) if "oom_kill" in counts else None
