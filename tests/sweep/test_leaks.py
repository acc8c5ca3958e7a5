"""500 trials in one study: memory and file descriptors of its controller and of the fork server stay flat."""

import threading
import time
from pathlib import Path

import psutil
import pytest

from ..growth import Sampler, growth
from .conftest import SWEEP, Toy

TRIALS = 500
MOST_KIB = {"controller": 20.0, "fork server": 2.0}
"""Growth per trial. The controller keeps each trial, as its policies and the table at the end need them: 7 KiB."""


@pytest.mark.slow
def test_500_trials_leave_memory_and_descriptors_flat(toy: Toy) -> None:
    toy.write(SWEEP.replace("max_total_trials: 5", f"max_total_trials: {TRIALS}").replace("trials: 1}", "trials: 2}"))
    process = toy.begin("trainer.max_epochs=1", epoch_s=0)
    output: list[str] = []
    reader = threading.Thread(target=lambda: output.append(process.communicate()[0]))
    reader.start()

    def done() -> int:
        return sum(1 for _ in Path(toy.folder).glob("*/run.json"))

    samplers = {"controller": Sampler(process.pid, done)}
    samplers["controller"].start()
    while process.poll() is None and "fork server" not in samplers:
        time.sleep(0.2)
        if done() > 1:  # of its children, the server is the oldest
            oldest = min(psutil.Process(process.pid).children(), key=psutil.Process.create_time)
            samplers["fork server"] = Sampler(oldest.pid, done)
            samplers["fork server"].start()
    reader.join()
    assert process.returncode == 0, output
    for name, sampler in samplers.items():
        grown = growth(sampler.samples, TRIALS)
        assert grown.fds == 0, (name, grown)
        assert grown.rss_kib < MOST_KIB[name], (name, grown)
