"""Signals are counted while the controller runs its trials, and raise again afterwards."""

import os
import signal
import threading

import pytest

from lab.sweep.study.interrupts import Interrupts


def test_ctrl_c_counts_one_and_sigterm_two() -> None:
    interrupts, before = Interrupts(), signal.getsignal(signal.SIGTERM)
    with interrupts.counting():
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.count == 1
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.count == 3
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_outside_the_main_thread_nothing_is_counted() -> None:
    counted: list[int] = []

    def work() -> None:
        with Interrupts().counting():
            counted.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert counted == [1]


def test_requests_that_stop_a_sweep_and_those_that_stop_its_trials() -> None:
    interrupts = Interrupts(1000)
    assert interrupts.requested() is None
    interrupts.count = 1
    assert interrupts.requested() == ("stopped by Ctrl-C", False)
    interrupts.count = 2
    assert interrupts.requested() == ("stopped by a second Ctrl-C or SIGTERM", True)
    interrupts.deadline = 0.0
    assert interrupts.requested() == ("its time limit of 1000 s is over", True)
    assert Interrupts().requested() is None
