"""A stop from outside waits for the end of a training step, and for nothing else."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from lab.callbacks.stop_signals import StopSignals


class Stopped(Exception):
    """What the handler of before raises."""


@pytest.fixture(autouse=True)
def before() -> Iterator[None]:
    """Handlers of before, as train.py has them."""

    def stop(number: int, _: object) -> None:
        raise Stopped(number)

    kept = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    taken = StopSignals()
    taken.install()
    yield taken
    taken.uninstall()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_a_step_waits_for_its_end(signals: StopSignals, number: int) -> None:
    signals.wait_for_step(True)
    os.kill(os.getpid(), number)
    assert signals.requested == number
    with pytest.raises(Stopped, match=str(int(number))):
        signals.act()


def test_a_second_one_acts_at_once(signals: StopSignals) -> None:
    signals.wait_for_step(True)
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Stopped):
        os.kill(os.getpid(), signal.SIGTERM)


def test_between_epochs_and_after_the_last_batch_it_acts_at_once(signals: StopSignals) -> None:
    with pytest.raises(Stopped):
        os.kill(os.getpid(), signal.SIGTERM)
    signals.install()
    signals.wait_for_step(True)
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Stopped):
        signals.wait_for_step(False)


def test_nothing_happens_where_none_came(signals: StopSignals) -> None:
    signals.wait_for_step(True)
    signals.act()
    signals.wait_for_step(False)


def test_the_handlers_of_before_are_back_afterwards() -> None:
    handler = signal.getsignal(signal.SIGTERM)
    taken = StopSignals()
    taken.install()
    assert signal.getsignal(signal.SIGTERM) != handler
    taken.uninstall()
    assert signal.getsignal(signal.SIGTERM) is handler


def test_a_thread_takes_no_signals() -> None:
    handler = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=StopSignals().install)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is handler
