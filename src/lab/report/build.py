"""Builds a report: read, rank, group, compare, diagnose, replay, choose; then files, page, log and registry.

All analysis happens before anything is written, so that a wrong request leaves no partial report.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from lab.config.schema.report import ReportRequest
from lab.core.errors import Mistake, RequestError, RunError
from lab.core.files import Unreadable, write_whole
from lab.core.record.run_folder import RunFolder
from lab.report.analysis import groups
from lab.report.analysis.comparison import compare
from lab.report.analysis.diagnosis import diagnose
from lab.report.analysis.run_table import build_run_table
from lab.report.analysis.what_if import replay_policies
from lab.report.analysis.winner import choose_winner, describe_winner, leaderboard
from lab.report.findings import Groups, Report, Runs
from lab.report.html import page
from lab.report.output import csv_tables, experiments_log, markdown, model_registry
from lab.report.sources.drift import read_drift
from lab.report.sources.select import read_requested
from lab.report.text.translate import Translator

log = logging.getLogger(__name__)
MARK = ".report"
"""The first file of a report. A report may be written again into a folder with this file, also after an
interruption. Other folders that are not empty are refused."""


def build(request: ReportRequest, command: str) -> Report:
    """Write the report and return its contents. command: the command line as typed.

    Raises RequestError for a wrong request, RunError if the report cannot be written or registered.
    """
    output, words = Path(request.output), Translator(request.lang)
    _refuse_other_folder(output)
    drift = read_drift(request.drift)
    source = read_requested(request)
    runs = build_run_table(source, request.objective, request.allow_mixed, request.statistics.repeats)
    configurations = groups.configurations(runs, request.statistics)
    groups_by_key = groups.groups_by_keys(runs, request.group_by, request.statistics)
    compared: Groups = groups_by_key[0] if request.group_by else configurations
    comparison = compare(runs, compared, request.baseline, request.statistics)
    board = leaderboard(runs)
    findings = diagnose(runs, configurations, request.diagnosis)
    what_if = replay_policies(runs, request.what_if)
    winner_row = choose_winner(runs, configurations, board)
    best = RunFolder(Path(runs.frame["path"].iloc[winner_row])) if winner_row is not None else None
    if request.register_in is not None:
        model_registry.refuse_early(request, best)
    try:
        _claim(output)
        report = Report(
            runs=runs,
            leaderboard=board,
            top_k=request.top_k,
            configurations=configurations,
            groups=groups_by_key,
            comparison=comparison,
            findings=findings,
            what_if=what_if,
            winner=describe_winner(runs, configurations, board, output, request.source == "lab"),
            counts=count_by_status(runs),
            command=command,
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            folder=output,
            drift=drift,
            docs=request.docs,
        )
        _write_winner(output, best)
        csv_tables.write(report)
        markdown.write(report, words)
        page.write(report, words)
        registered = None
        if request.register_in is not None and best is not None:
            registered = model_registry.register(report, request, best)
            log.info("registered in %s", registered)
        if request.log is not None:
            experiments_log.append(Path(request.log), report, request.aim, registered, words)
    except (OSError, Unreadable) as error:
        raise RunError(f"the report cannot be written: {error}") from error
    return report


def _claim(output: Path) -> None:
    """Mark the folder as a report's and remove partial files of an interrupted report."""
    output.mkdir(parents=True, exist_ok=True)
    (output / MARK).touch()
    for partial in output.rglob(".*.part"):
        partial.unlink(missing_ok=True)


def _write_winner(output: Path, best: RunFolder | None) -> None:
    """Write the place of the winner's run, which `predict.py run=REPORT` reads; null without a winner."""
    text = json.dumps({"path": None if best is None else str(best.path.absolute())}, ensure_ascii=False) + "\n"
    write_whole(output / "winner.json", lambda aside: aside.write_text(text, encoding="utf-8"))


def _refuse_other_folder(output: Path) -> None:
    if output.is_dir() and any(output.iterdir()) and not (output / MARK).is_file():
        problem = "is not empty and is not a report, so nothing is written into it"
        raise RequestError(Mistake("output", problem, f"output={output}/report", str(output)))
    if output.exists() and not output.is_dir():
        raise RequestError(Mistake("output", "is a file", "output=report", str(output)))


HAS_RECORD = ("excluded_half_written", "excluded_unreadable", "excluded_foreign", "excluded_version")


def count_by_status(runs: Runs) -> Mapping[str, int]:
    """Return the number of runs by status, of `excluded` records, of `not_started` cells, and the sum, `expected`."""
    counts = {str(status): int(num) for status, num in runs.frame["status"].value_counts().items()}
    excluded = sum(exclusion.reason.key in HAS_RECORD for exclusion in runs.exclusions)
    not_started = sum(max(0, sweep.expected - sweep.started) for sweep in runs.sweeps)
    counts |= {"excluded": excluded, "not_started": not_started}
    return counts | {"expected": len(runs.frame) + excluded + not_started}


def summary(report: Report, lang: str) -> Iterator[str]:
    """Yield the lines that the terminal shows at the end."""
    words = Translator(lang)
    counts = words.statuses(report.counts)
    yield words("md_runs", shown=len(report.runs.frame), expected=report.counts["expected"], counts=counts)
    yield from (words.say(warning) for warning in report.runs.warnings)
    yield from (
        [words("md_no_winner")]
        if report.winner is None
        else [words.say(sentence) for sentence in report.winner.sentences]
    )
    if report.winner is not None:
        yield from (f"  {line}" for line in (report.winner.command, report.winner.retrain) if line)
    yield str(report.folder / "index.html")
