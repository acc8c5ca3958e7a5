"""A study of Optuna that looks for queued trials only where there may be some.

`Study.ask` reads all trials of the study to find a queued one. A reading costs about a millisecond for each trial that
runs (docs/scale.md), and controllers start trials one at a time. Trials are queued only where one was interrupted or
taken over, which the controller sees in its other readings.
"""

import optuna


class SharedStudy(optuna.Study):
    """has_waiting: whether a queued trial may be there; without one, `ask` makes a new trial."""

    has_waiting = True

    def _pop_waiting_trial_id(self) -> int | None:  # Optuna's; under another name it would be called as before
        return super()._pop_waiting_trial_id() if self.has_waiting else None
