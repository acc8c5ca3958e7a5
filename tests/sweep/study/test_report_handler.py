"""The report handler: a stored reason ends a trial again where it ended it before."""

from types import SimpleNamespace
from unittest.mock import MagicMock

from lab.early_termination.incremental import IncrementalState
from lab.early_termination.policies.median_stopping import MedianStopping
from lab.sweep.reporting.reporter import Report
from lab.sweep.storage.controllers import SoleController
from lab.sweep.study.report_handler import ReportHandler, RunningTrial


def test_a_reason_outlives_earlier_reports() -> None:
    """A trial that a policy ended at interval 3 and that starts again in another process reports 1 and 2 again."""
    trial, progress = MagicMock(), MagicMock()
    state = IncrementalState(MedianStopping(), "maximize")
    plan = SimpleNamespace(policy=MedianStopping(), goal="maximize")
    report_handler = ReportHandler(plan, state, SoleController(MagicMock(), MagicMock()), progress, {})  # type: ignore[arg-type]
    values = {1: 0.5, 2: 0.6, 3: 0.1}
    for value in values.values():
        state.report(0, value)
    running = RunningTrial(trial, dict(values), reason="median at interval 3")
    reasons = [
        report_handler.handle(0, running, Report(interval, value, interval - 1, 5))
        for interval, value in values.items()
    ]
    assert reasons == [None, None, "median at interval 3"]
