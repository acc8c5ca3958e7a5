"""A trial that one of Hydra's other launchers runs, perhaps on another machine: it reports into the study's storage.

What the trial needs to know is on a ticket in the study's folder, which both machines see. Its environment names the
file, set by Hydra's `hydra.job.env_set`. No controller answers: the trial reads the other trials' reports and applies
the policy to itself. Each report costs one reading of the study, some 5 ms at 5,000 trials besides the storage's own
time, and the first report loads the study.
"""

import json
import logging
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from lab.core.errors import RunError
from lab.core.files import write_whole
from lab.early_termination.parsing import parse
from lab.early_termination.policies.base import Goal, best_of
from lab.sweep.reporting.reporter import TICKET, Report, Reporter, UnloggedMetric
from lab.sweep.storage.faults import storage_faults
from lab.sweep.storage.optuna_storage import open_storage, trial_id

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ticket:
    """The facts that a trial needs.

    number: of the trial; study: its name, None for a confirmation, which does not report; url, journal: the study's
    storage; policy: an `early_termination` block; attempt: an id of this start of the trial; timeout_s: of the trial;
    until: when the sweep's time is over, in seconds since 1970.
    """

    number: int
    study: str | None = None
    url: str | None = None
    journal: str = ""
    goal: Goal = "maximize"
    policy: Any = None
    attempt: str = ""
    timeout_s: float | None = None
    until: float | None = None

    def write(self, file: Path) -> None:
        """Write the ticket as JSON."""
        write_whole(file, lambda partial: partial.write_text(json.dumps(asdict(self)), encoding="utf-8"))


def ticket() -> Ticket:
    """Return the ticket of this process. Raises KeyError where it has none."""
    return Ticket(**json.loads(Path(os.environ[TICKET]).read_text(encoding="utf-8")))


def is_replaced(own: Ticket) -> bool:
    """Whether the study has started the trial of this ticket again, as it does after its launcher gave up a job that
    still waits in a scheduler's queue. Raises MachineError when the storage is lost."""
    if own.study is None:
        return False
    with storage_faults():
        storage = open_storage(own.url, Path(own.journal))
        stored = storage.get_trial(trial_id(storage, own.study, own.number))
    return bool(stored.user_attrs.get("attempt") != own.attempt)


class StorageReporter(Reporter):
    """Stores a trial's reports as the controller of local trials does."""

    def __init__(self, own: Ticket) -> None:
        assert own.study is not None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with storage_faults():
            self._open(own)

    def _open(self, own: Ticket) -> None:
        assert own.study is not None
        self.ticket, self.policy, self.began = own, parse(own.policy), time.monotonic()
        self.storage = open_storage(own.url, Path(own.journal))
        self.pruner = self.policy.pruner()
        self.study = optuna.load_study(study_name=own.study, storage=self.storage, pruner=self.pruner)
        self.trial_id = trial_id(self.storage, own.study, own.number)
        self.has_shown_obstacle = False
        self._store("began", own.attempt)

    def _exchange(self, message: object) -> object:
        """Store the message; return None to continue, or why the trial ends.

        Raises RunError when the trial's time is over, MachineError when the storage is lost, and KeyboardInterrupt when
        the sweep's time is over or another process has taken this trial: it is interrupted, and resumes with the study.
        """
        with storage_faults():
            return self._stored(message)

    def _stored(self, message: object) -> object:
        if isinstance(message, UnloggedMetric):
            self._store("unlogged", asdict(message))
            raise RunError(f"{message.metric} is not logged")
        assert isinstance(message, Report)
        self._check_time()
        trials = self.study.get_trials(deepcopy=False)
        own = trials[self.ticket.number]
        if own.user_attrs["attempt"] != self.ticket.attempt:
            raise KeyboardInterrupt("this trial was started again in another process")
        known = dict(own.intermediate_values)
        if message.interval not in known:
            self.storage.set_trial_intermediate_value(self.trial_id, message.interval, message.value)
            self._store("epochs", own.user_attrs.get("epochs", {}) | {str(message.interval): message.epoch})
        known[message.interval] = message.value
        reports = [known[interval] for interval in sorted(known) if interval <= message.interval]
        if best_of(self.ticket.goal, reports) not in (None, best_of(self.ticket.goal, reports[:-1])):
            self._store("best_value", message.value)
            self._store("best_epoch", message.epoch)
        reason = self._reason(trials, reports)
        if reason is not None or "termination_reason" in own.user_attrs:
            self._store("termination_reason", reason)
        return reason

    def _reason(self, trials: list[FrozenTrial], reports: list[float]) -> str | None:
        n = len(reports)
        if self.pruner is not None:
            own = self.study.get_trials(deepcopy=False)[self.ticket.number]
            return f"{self.policy.kind} at interval {n}" if self.pruner.prune(self.study, own) else None
        if not self.policy.applies(n):
            return None
        histories = {
            trial.number: [trial.intermediate_values[i] for i in sorted(trial.intermediate_values)] for trial in trials
        }
        histories[self.ticket.number] = reports
        if not self.has_shown_obstacle and (obstacle := self.policy.obstacle(self.ticket.goal, histories, n)):
            self.has_shown_obstacle = True
            log.info("%s", obstacle)
        finished = frozenset(trial.number for trial in trials if trial.state.is_finished())
        reason = self.policy.decide(self.ticket.goal, histories, self.ticket.number, finished)
        return None if reason is None else reason.text

    def _check_time(self) -> None:
        if self.ticket.timeout_s is not None and time.monotonic() - self.began > self.ticket.timeout_s:
            raise RunError("its time limit was over (trial_timeout)", "timeout")
        if self.ticket.until is not None and time.time() > self.ticket.until:
            raise KeyboardInterrupt("the sweep's time limit is over")

    def _store(self, name: str, value: Any) -> None:
        self.storage.set_trial_user_attr(self.trial_id, name, value)
