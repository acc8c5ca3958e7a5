"""Appends an entry to the experiment log: aim, varied keys, results, conclusion, and a checklist.

Earlier entries stay unchanged: people edit this file.
"""

from collections.abc import Iterator
from pathlib import Path

from lab.core.errors import Mistake, RequestError
from lab.core.files import read_text, write_whole
from lab.report.analysis.comparison import conclusions
from lab.report.analysis.groups import column_of, value_text
from lab.report.findings import Report, Runs
from lab.report.text.translate import Translator

MAX_VALUES = 8
"""At most this many values of a key are listed."""
ENCODER_KEYS = ("model.name", "model.path", "model.kind")


def append(path: Path, report: Report, aim: str | None, registered: str | None, words: Translator) -> None:
    """Append the entry to the file and create it if it is missing. registered: where the model was registered.

    Raises RequestError if the path is a folder, OSError if it cannot be written.
    """
    if path.is_dir():
        raise RequestError(Mistake("log", "is a folder", f"log={path}/EXPERIMENTS.md", str(path)))
    before = read_text(path) if path.exists() else ""
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    text = before + gap + "\n".join(entry(report, aim, registered, words)) + "\n"
    write_whole(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def entry(report: Report, aim: str | None, registered: str | None, words: Translator) -> Iterator[str]:
    """Yield the entry line by line, in Markdown."""
    runs = report.runs
    yield from (f"## {report.made[:10]}: {aim or report.folder.name}", "")
    yield f"**{words('log_aim')}**: {aim or words('log_unsaid')}"
    varied = "; ".join(_values(runs, key) for key in runs.varied)
    yield f"\n**{words('log_varied')}**: {varied or words('log_nothing')}"
    counts = words.statuses(report.counts)
    shown_runs = words("md_runs", shown=len(runs.frame), expected=report.counts["expected"], counts=counts)
    yield f"\n**{words('log_results')}**: {shown_runs}."
    winner = [] if report.winner is None else [words.say(sentence) for sentence in report.winner.sentences]
    yield from (f"- {line}" for line in winner or [words("md_no_winner")])
    if report.winner is not None and report.winner.command:
        yield f"- `{report.winner.command}`"
    yield f"\n**{words('log_conclusion')}**:"
    yield from (f"- {words.say(sentence)}" for sentence in conclusions(report.comparison)[: report.top_k])
    yield f"\n**{words('log_open')}**:"
    for key, done in checklist(report, registered).items():
        note = f": {registered}" if key == "check_registered" and registered else ""
        yield f"- [{'x' if done else ' '}] {words(key)}{note}"


def _values(runs: Runs, key: str) -> str:
    values = sorted(dict.fromkeys(value_text(value) for value in column_of(runs, key)))
    more = f", ... ({len(values)})" if len(values) > MAX_VALUES else ""
    return f"{key} = {', '.join(values[:MAX_VALUES])}{more}"


def checklist(report: Report, registered: str | None) -> dict[str, bool]:
    """Return which boxes of the checklist are ticked, each derived from the table.

    A baseline is the result of another model on the test rows: the majority class in the winner's record.
    """
    runs, frame, winner = report.runs, report.runs.frame, report.winner
    row = winner.row if winner is not None else None
    own = frame.iloc[row] if row is not None else None
    majority, test = f"majority/{runs.score}", f"test/{runs.score}"
    has_baseline = own is not None and majority in frame and bool(own[[majority]].notna().all())
    overfits = any(finding.row == row and finding.rule == "overfitting" for finding in report.findings)
    tested = own is not None and test in frame and bool(own[[test]].notna().all())
    leaks = any(finding.row == row and finding.rule == "leak_suspected" for finding in report.findings)
    encoders = max((_num_values(runs, key) for key in ENCODER_KEYS), default=0)
    return {
        "check_baseline": has_baseline,
        "check_rates": _num_values(runs, "optimizer.lr") >= 3,
        "check_overfitting": own is not None and not overfits,
        "check_encoders": encoders >= 2,
        "check_test": tested and not leaks,
        "check_registered": registered is not None,
    }


def _num_values(runs: Runs, key: str) -> int:
    if key in runs.frame:
        return int(runs.frame[key].nunique())
    return 1 if key in runs.constant else 0
