"""The kernel's count of out-of-memory kills is read where this system keeps it."""

from pathlib import Path

from lab.sweep.execution.oom_kills import oom_kills


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_own_group_counts_before_the_machine(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    assert oom_kills(proc, groups) == 0
    write(proc / "vmstat", "nr_free_pages 17\noom_kill 5\n")
    assert oom_kills(proc, groups) == 5
    write(proc / "self" / "cgroup", "4:memory:/job\n0::/user.slice/job:1\n")
    assert oom_kills(proc, groups) == 5
    write(groups / "memory" / "job" / "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    assert oom_kills(proc, groups) == 3
    write(groups / "user.slice" / "job:1" / "memory.events", "low 0\nhigh 0\nmax 8\noom 2\noom_kill 1\n")
    assert oom_kills(proc, groups) == 1


def test_this_machine_has_a_counter() -> None:
    assert oom_kills() >= 0
