"""What a trial reports, when it stops, and that both survive a resume."""

from types import SimpleNamespace
from typing import Any

from lab.callbacks.early_termination import EarlyTermination
from lab.sweep.reporting.reporter import Report


class Listener:
    """Ends a trial at its second report."""

    def __init__(self) -> None:
        self.heard: list[Report] = []
        self.missed: tuple[str, ...] = ()

    def report(self, report: Report) -> str | None:
        self.heard.append(report)
        return "bandit at interval 2" if report.interval == 2 else None

    def unlogged(self, metric: str, logged: tuple[str, ...]) -> None:
        self.missed = logged


def trainer(epoch: int, sanity: bool = False) -> Any:
    loop = SimpleNamespace(min_epochs=5, epoch_loop=SimpleNamespace(min_steps=9))
    state, logged = SimpleNamespace(fn="fit"), {"val/f1_macro": 0.1 * epoch, "train/loss": 1.0}
    return SimpleNamespace(
        sanity_checking=sanity, state=state, callback_metrics=logged, current_epoch=epoch, max_epochs=4,
        fit_loop=loop, should_stop=False,
    )  # fmt: skip


def test_intervals_count_from_one_without_the_sanity_check_and_a_reason_stops_the_fit() -> None:
    listener = Listener()
    callback = EarlyTermination(listener, "val/f1_macro")  # type: ignore[arg-type]
    callback.on_validation_end(trainer(0, sanity=True), None)  # type: ignore[arg-type]
    first, second = trainer(0), trainer(1)
    callback.on_validation_end(first, None)  # type: ignore[arg-type]
    assert (first.should_stop, first.fit_loop.min_epochs) == (False, 5)
    callback.on_validation_end(second, None)  # type: ignore[arg-type]
    assert (second.should_stop, second.fit_loop.min_epochs) == (True, 0)
    assert listener.heard == [Report(1, 0.0, 0, 4), Report(2, 0.1, 1, 4)]
    assert callback.reason == "bandit at interval 2"

    resumed, again = EarlyTermination(listener, "val/f1_macro"), trainer(2)  # type: ignore[arg-type]
    resumed.load_state_dict(callback.state_dict())
    resumed.on_train_start(again, None)  # type: ignore[arg-type]
    assert (resumed.interval, again.should_stop) == (2, True)


def test_a_metric_that_is_not_logged_is_reported_with_those_that_are() -> None:
    listener = Listener()
    callback = EarlyTermination(listener, "val/f1")  # type: ignore[arg-type]
    callback.on_validation_end(trainer(0), None)  # type: ignore[arg-type]
    assert listener.missed == ("val/f1_macro",)
    assert callback.interval == 0
