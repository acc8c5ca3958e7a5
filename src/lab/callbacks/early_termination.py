"""Reports the objective to the sweep at each validation and ends the run when the sweep says so.

An interval is one report, counted from 1 without the sanity check. The count is in the checkpoint, so it survives a
resume. The fit stops after the validation, with its best checkpoint written; then the run is tested and closed.
"""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from lab.callbacks.loop.agreement import any_rank
from lab.sweep.reporting.reporter import Report, Reporter


class EarlyTermination(Callback):
    """Ends the fit if the sweep gives a reason. After the fit, `reason` is None or says why the run was ended.

    reporter: None in a rank that another one reports for, and ends with; metric: the objective as logged,
    `val/f1_macro`.
    """

    def __init__(self, reporter: Reporter | None, metric: str) -> None:
        self.reporter, self.metric = reporter, metric
        self.interval = 0
        self.reason: str | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.reason is not None:  # killed after the sweep had ended it
            self._stop(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        logged = trainer.callback_metrics
        if self.metric not in logged:
            if self.reporter is not None:
                self.reporter.unlogged(self.metric, tuple(sorted(name for name in logged if name.startswith("val/"))))
            return
        self.interval += 1
        if self.reporter is not None:
            report = Report(self.interval, float(logged[self.metric]), trainer.current_epoch, trainer.max_epochs or 0)
            self.reason = self.reporter.report(report)
        (ends,) = any_rank(self.reason is not None)
        if ends:
            self.reason = self.reason or "ended with rank 0"
            self._stop(trainer)

    def _stop(self, trainer: Trainer) -> None:
        trainer.fit_loop.min_epochs, trainer.fit_loop.epoch_loop.min_steps = 0, None
        trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {"interval": self.interval, "reason": self.reason}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.interval, self.reason = state_dict["interval"], state_dict["reason"]
