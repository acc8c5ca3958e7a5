"""A trial's end of the pipe: messages out, answers in, and the end of the controller as an interrupt."""

from multiprocessing import Pipe

import pytest

from lab.sweep.reporting.reporter import Report, Reporter, UnloggedMetric


def test_a_report_is_one_message_and_its_answer_continues_or_ends_the_trial() -> None:
    ours, theirs = Pipe()
    report = Report(3, 0.5, epoch=1, num_epochs=4)
    for answer, expected in ((None, None), ("0.5 is below 0.7", "0.5 is below 0.7")):
        theirs.send(answer)
        assert Reporter(ours).report(report) == expected
        assert theirs.recv() == ("message", report)
    theirs.send(None)
    Reporter(ours).unlogged("val/f1", ("val/loss",))
    assert theirs.recv() == ("message", UnloggedMetric("val/f1", ("val/loss",)))


def test_a_trial_whose_controller_has_ended_is_interrupted() -> None:
    ours, theirs = Pipe()
    theirs.close()
    with pytest.raises(KeyboardInterrupt, match="controller has ended"):
        Reporter(ours).report(Report(1, 0.5, 0, 1))


def test_the_share_of_the_epochs() -> None:
    assert Report(1, 0.5, epoch=1, num_epochs=4).share == 0.5
    assert Report(1, 0.5, epoch=0, num_epochs=0).share == 1
