"""Trials through any of Hydra's other launchers (joblib, submitit, ray), by the call that all of them have: `launch`.

It runs a batch and returns when the whole batch has ended. A batch has `max_concurrent_trials` trials; without that
limit it has all that remain, and the launcher decides how many run at once. Trials report into the study's storage
(`reporting/storage_reporter.py`). Where a launcher gives up a batch because a job died, each trial's own record shows
its state.
"""

import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from lab.core.errors import Mistake, RequestError, RunError
from lab.core.locks import is_locked
from lab.core.record.run_folder import StudyFolder
from lab.sweep.definition.plan import Plan
from lab.sweep.execution.job import Job, failed_return
from lab.sweep.execution.messages import StopRequest, TrialExit, TrialMessage
from lab.sweep.execution.recovery import recorded_outcome
from lab.sweep.reporting.reporter import TICKET, StoredReports, UnloggedMetric
from lab.sweep.reporting.storage_reporter import Ticket
from lab.sweep.search_space.samplers import ModelSampler
from lab.sweep.storage.optuna_storage import trial_id

log = logging.getLogger(__name__)
POLL_S = 0.5
"""Seconds between looks at a trial whose launcher has given it up while its process lives."""


def refuse_single_batch(launcher: str, plan: Plan) -> None:
    """Raises RequestError where a model-based sampler would have to sample all trials before the first report."""
    if isinstance(plan.sampler, ModelSampler) and plan.limits.max_concurrent_trials is None:
        problem = f"{launcher} runs trials in batches, and this sampler needs the size of a batch"
        raise RequestError(
            Mistake("sweep.limits.max_concurrent_trials", problem, "sweep.limits.max_concurrent_trials=4")
        )


@dataclass
class LauncherPool:
    """The same methods as a `Pool` of processes; a started trial waits until its batch is complete."""

    launcher: Launcher
    plan: Plan
    folder: StudyFolder
    storage: BaseStorage
    running: dict[int, Job] = field(default_factory=dict)
    left_behind: dict[int, Job] = field(default_factory=dict)
    """Trials that the launcher gave up while their process lives."""
    waits_for_them: bool = True
    """False once the sweep is to stop."""

    def __post_init__(self) -> None:
        limits = self.plan.limits
        self.slots = min(limits.max_concurrent_trials or self.plan.total, self.plan.total)
        self.until = None if limits.timeout is None else time.time() + limits.timeout

    def open(self) -> None:
        """Nothing to do: the launcher starts what it needs."""

    def free(self) -> int:
        """Return the number of trials that the next batch still takes."""
        return 0 if self.left_behind else self.slots - len(self.running)

    def start(self, number: int, job: Job, timeout_s: float | None = None) -> None:  # noqa: ARG002  the plan has it
        """Add a trial to the next batch."""
        self.running[number] = job

    def wait(self) -> list[TrialMessage | TrialExit]:
        """Run the batch and return how its trials ended. Raises RunError when the launcher can start none of them."""
        if self.left_behind:
            return self._check_left_behind()
        jobs, problem = dict(self.running), "its launcher lost it"
        returns: Sequence[JobReturn | None] = [None] * len(jobs)
        try:
            returns = self.launcher.launch([self._overrides(job) for job in jobs.values()], 0)
        except (Exception, KeyboardInterrupt) as error:
            problem = f"lost by its launcher: {type(error).__name__} {error}".strip()
            log.warning("the launcher gave up on a batch: %s", problem)
            if isinstance(error, Exception) and not any(self._has_started(job) for job in jobs.values()):
                raise RunError(f"no trial could be started: {error}") from error
        events: list[TrialMessage | TrialExit] = []
        for (number, job), returned in zip(jobs.items(), returns, strict=True):
            if returned is None and self._is_alive(job):
                self.left_behind[number] = job
            else:
                del self.running[number]
                events += self._end_events(number, job, returned, problem)
        return events

    def answer(self, number: int, reply: object) -> None:
        """Nothing to do: no trial waits for an answer."""

    def stop(self, number: int, how: StopRequest) -> None:  # noqa: ARG002
        """Stop waiting for a trial that the launcher has given up; a launcher has no call to stop one."""
        if number in self.left_behind:
            self.waits_for_them = False
            log.warning("trial %d keeps running; it stops at its next report after the study has resumed", number)

    def close(self) -> None:
        """Nothing to do: nothing is kept between batches."""

    def _check_left_behind(self) -> list[TrialMessage | TrialExit]:
        time.sleep(POLL_S)
        ended = [
            number for number, job in self.left_behind.items() if not (self.waits_for_them and self._is_alive(job))
        ]
        events: list[TrialMessage | TrialExit] = []
        for number in ended:
            del self.left_behind[number]
            events += self._end_events(number, self.running.pop(number), None, "lost by its launcher")
        return events

    def _overrides(self, job: Job) -> list[str]:
        """Return the job's overrides with its folder and its ticket."""
        assert job.folder is not None
        attempt, limits = uuid.uuid4().hex, self.plan.limits
        ticket = Ticket(job.number)
        if self._is_trial(job):
            journal = str(self.folder.journal.absolute())
            block = self.plan.blocks["early_termination"]
            ticket = Ticket(
                job.number, self.plan.study, self.plan.storage, journal, self.plan.goal, block, attempt,
                limits.trial_timeout, self.until,
            )  # fmt: skip
            self.storage.set_trial_user_attr(self._id(job.number), "attempt", attempt)
        settings = {"hydra.sweep.dir": str(self.plan.folder), "hydra.sweep.subdir": job.folder}
        # A file for each attempt: a job that was given up may still wait in a scheduler's queue, and reads its own.
        file = self.folder.path / ".tickets" / f"{job.folder.replace('/', '-')}-{attempt[:8]}.json"
        ticket.write(file)
        settings[f"++hydra.job.env_set.{TICKET}"] = str(file.absolute())
        return [
            *job.overrides,
            *(f"{key}={QuotedString(text, Quote.single).with_quotes()}" for key, text in settings.items()),
        ]

    def _end_events(
        self, number: int, job: Job, returned: JobReturn | None, problem: str
    ) -> list[TrialMessage | TrialExit]:
        """Return the stored reports and the exit of an ended job."""
        if not self._is_trial(job):
            return [TrialExit(number, returned, problem, None, "outside")]
        trial = self._trial(number)
        attributes = trial.user_attrs
        events: list[TrialMessage | TrialExit] = []
        if (unlogged := attributes.get("unlogged")) is not None:
            events.append(TrialMessage(number, UnloggedMetric(unlogged["metric"], tuple(unlogged["logged"]))))
        epochs = {int(interval): epoch for interval, epoch in attributes.get("epochs", {}).items()}
        stored = StoredReports(dict(trial.intermediate_values), epochs, attributes.get("termination_reason"))
        events.append(TrialMessage(number, stored))
        result = returned or self._recorded(job)
        requested: StopRequest | None = "stop" if result is None and not self._has_started(job) else None
        return [*events, TrialExit(number, result, problem, requested, "outside")]

    def _recorded(self, job: Job) -> JobReturn | None:
        """Return the end that the trial recorded itself; None without one."""
        ended = recorded_outcome(self.folder.trial(job.number))
        if ended is None:
            return None
        if ended.status == "failed":
            return failed_return(job, RunError(ended.reason, ended.failure or "error"))
        completed = JobReturn(overrides=list(job.overrides), status=JobStatus.COMPLETED)
        completed.return_value = None
        return completed

    def _is_alive(self, job: Job) -> bool:
        """Whether the trial's process is still running, on any machine."""
        assert job.folder is not None
        return self._has_started(job) and is_locked(self.folder.trial(job.folder).lock)

    def _has_started(self, job: Job) -> bool:
        if not self._is_trial(job):
            return (self.folder.path / str(job.folder)).exists()
        attributes = self._trial(job.number).user_attrs
        return "attempt" in attributes and attributes.get("began") == attributes["attempt"]

    def _is_trial(self, job: Job) -> bool:
        return job.folder == str(job.number)

    def _id(self, number: int) -> int:
        return trial_id(self.storage, self.plan.study, number)

    def _trial(self, number: int) -> FrozenTrial:
        return self.storage.get_trial(self._id(number))
