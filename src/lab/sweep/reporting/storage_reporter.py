"""A trial that one of Hydra's other launchers runs, perhaps on another machine: it reports into the study's storage.

What the trial has to know stands on a ticket in the study's folder, which both see; its environment names the file, set
by Hydra's `hydra.job.env_set`. Nobody answers it: it reads what the other trials have reported and decides about itself,
by the same policy. Each report costs one reading of the study, some 5 ms at 5,000 trials besides what the storage takes,
and the first one its loading.
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
from lab.sweep.storage.optuna_storage import open_storage, trial_id

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ticket:
    """number: of the trial; url, journal: the study's storage; policy: an `early_termination` block; attempt: which
    start of this trial it is; timeout_s: of the trial; until: when the sweep's time is over, seconds since 1970.

    study is None for a run that reports to nobody, a confirmation.
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
        write_whole(file, lambda aside: aside.write_text(json.dumps(asdict(self)), encoding="utf-8"))


def ticket() -> Ticket:
    """Of this process. Raises KeyError where it has none."""
    return Ticket(**json.loads(Path(os.environ[TICKET]).read_text(encoding="utf-8")))


class StorageReporter(Reporter):
    """A trial's reports, kept in the study's storage as the controller of local trials keeps them."""

    def __init__(self, mine: Ticket) -> None:
        assert mine.study is not None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.mine, self.policy, self.began = mine, parse(mine.policy), time.monotonic()
        self.storage = open_storage(mine.url, Path(mine.journal))
        self.pruner = self.policy.pruner()
        self.study = optuna.load_study(study_name=mine.study, storage=self.storage, pruner=self.pruner)
        self.trial_id = trial_id(self.storage, mine.study, mine.number)
        self.said = False
        self._note("began", mine.attempt)

    def _ask(self, message: object) -> object:
        """Keep the message; None to go on, else why the trial ends.

        Raises RunError when the trial's time is over, KeyboardInterrupt when the sweep's is or another process has
        this trial now: it was cut, and goes on with the study.
        """
        if isinstance(message, UnloggedMetric):
            self._note("unlogged", asdict(message))
            raise RunError(f"{message.metric} is not logged")
        assert isinstance(message, Report)
        self._look_at_the_clock()
        trials = self.study.get_trials(deepcopy=False)
        own = trials[self.mine.number]
        if own.user_attrs["attempt"] != self.mine.attempt:
            raise KeyboardInterrupt("this trial was started anew elsewhere")
        known = dict(own.intermediate_values)
        if message.interval not in known:
            self.storage.set_trial_intermediate_value(self.trial_id, message.interval, message.value)
            self._note("epochs", own.user_attrs.get("epochs", {}) | {str(message.interval): message.epoch})
        known[message.interval] = message.value
        reports = [known[interval] for interval in sorted(known) if interval <= message.interval]
        if best_of(self.mine.goal, reports) not in (None, best_of(self.mine.goal, reports[:-1])):
            self._note("best_value", message.value)
            self._note("best_epoch", message.epoch)
        told = self._decided(trials, reports)
        if told is not None or "told" in own.user_attrs:
            self._note("told", told)
        return told

    def _decided(self, trials: list[FrozenTrial], reports: list[float]) -> str | None:
        n = len(reports)
        if self.pruner is not None:
            own = self.study.get_trials(deepcopy=False)[self.mine.number]
            return f"{self.policy.kind} at interval {n}" if self.pruner.prune(self.study, own) else None
        if not self.policy.applies(n):
            return None
        histories = {
            one.number: [one.intermediate_values[i] for i in sorted(one.intermediate_values)] for one in trials
        }
        histories[self.mine.number] = reports
        if not self.said and (why := self.policy.obstacle(self.mine.goal, histories, n)):
            self.said = True
            log.info("%s", why)
        finished = frozenset(one.number for one in trials if one.state.is_finished())
        reason = self.policy.decide(self.mine.goal, histories, self.mine.number, finished)
        return None if reason is None else reason.text

    def _look_at_the_clock(self) -> None:
        if self.mine.timeout_s is not None and time.monotonic() - self.began > self.mine.timeout_s:
            raise RunError("its time was over (trial_timeout)", "timeout")
        if self.mine.until is not None and time.time() > self.mine.until:
            raise KeyboardInterrupt("the sweep's time is over")

    def _note(self, name: str, value: Any) -> None:
        self.storage.set_trial_user_attr(self.trial_id, name, value)
