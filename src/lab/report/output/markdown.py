"""report.md: the report's main results as Markdown, with four digits."""

import math
from collections.abc import Iterator, Sequence

from lab.core.files import write_whole
from lab.report.analysis.baselines import best_baseline, standing
from lab.report.analysis.comparison import conclusions
from lab.report.analysis.drift import drift_verdict
from lab.report.findings import COSTS, Group, Groups, Report
from lab.report.sources.record_columns import STANDING
from lab.report.text.translate import Translator

MAX_LINES_OF_LIST = 50
"""A list of report.md has at most this many lines."""


def write(report: Report, words: Translator) -> None:
    """Write report.md into the report's folder. Raises OSError if that fails."""
    text = "\n".join(lines(report, words)) + "\n"
    write_whole(report.folder / "report.md", lambda aside: aside.write_text(text, encoding="utf-8"))


def lines(report: Report, words: Translator) -> Iterator[str]:
    """Yield report.md line by line."""
    runs, frame = report.runs, report.runs.frame
    counts = words.statuses(report.counts)
    yield from (f"# {words('md_title')}", "", f"`{report.command}`, {report.made}", "")
    yield words("md_runs", shown=len(frame), expected=report.counts["expected"], counts=counts) + "."
    yield from (f"\n{words.say(warning)}" for warning in runs.warnings)
    yield from ("", f"## {words('md_winner')}", "", *_winner(report, words))
    yield from ("", f"## {words('md_leaderboard')}", "", *_leaderboard(report, words))
    yield from ("", f"## {words('md_configurations')}", "", *_groups(report.configurations, report.top_k, words))
    for groups in report.groups:
        title = words("md_groups", keys=", ".join(groups.by))
        yield from ("", f"## {title}", "", *_groups(groups, report.top_k, words))
    yield from _list([words.say(sentence) for sentence in conclusions(report.comparison)], "md_comparison", words)
    names = frame["run"].tolist()
    findings = [
        f"{names[finding.row]}: {words.say(finding.sentence)}"
        + (f" {words('md_try')} `{finding.override}`" if finding.override else "")
        for finding in report.findings
    ]
    yield from _list(findings, "md_diagnosis", words)
    yield from _list([drift_verdict(each, words) for each in report.drift], "section.drift", words)
    if report.what_if:
        yield from ("", f"## {words('md_what_if')}", "", *_what_if(report, words))
    exclusions = [f"{exclusion.path}: {words.say(exclusion.reason)}" for exclusion in runs.exclusions]
    yield from _list(exclusions, "md_exclusions", words)


def _list(items: Sequence[str], title: str, words: Translator) -> Iterator[str]:
    if items:
        yield from ("", f"## {words(title)}", "", *(f"- {item}" for item in items[:MAX_LINES_OF_LIST]))
        if len(items) > MAX_LINES_OF_LIST:
            yield f"- {words('md_more', num=len(items) - MAX_LINES_OF_LIST)}"


def _winner(report: Report, words: Translator) -> Iterator[str]:
    winner = report.winner
    if winner is None:
        yield words("md_no_winner")
        return
    yield from (f"- {words.say(sentence)}" for sentence in winner.sentences)
    commands = [line for line in (winner.command, winner.retrain, *winner.options.values()) if line]
    yield from ("", "```", *commands, "```")


def _leaderboard(report: Report, words: Translator) -> Iterator[str]:
    frame, score = report.runs.frame, f"test/{report.runs.score}"
    costs = [name for name in COSTS if frame[name].notna().any()]
    beside = None if report.winner is None else best_baseline(report.runs, report.winner.row)
    names = [name for name in ("objective", score, f"{beside}/{report.runs.score}", *costs) if name in frame]
    titles = [report.runs.metric if name == "objective" else name for name in names]
    verdicts = f"{STANDING}/verdict" in frame
    yield from _head([words("md_run"), words("md_status"), *titles, *([words("md_standing")] if verdicts else [])])
    for place in report.leaderboard[: report.top_k]:
        row = frame.iloc[place]
        own = standing(row)
        last = [] if not verdicts else [""] if own is None else [words(f"verdict.{own.verdict}", name=own.baseline)]
        yield _row([row["run"], words(f"status.{row['status']}"), *(_number(row[name]) for name in names), *last])


def _groups(groups: Groups, limit: int, words: Translator) -> Iterator[str]:
    yield from _head([words(f"md_{name}") for name in ("group", "num", "failed", "mean", "sd", "interval")])
    yield from (_row(_group(group)) for group in groups.groups[:limit])


def _group(group: Group) -> list[str]:
    stat = group.stats["objective"]
    interval = "" if stat.interval is None else f"{stat.interval.low:.4f} – {stat.interval.high:.4f}"
    return [group.label, str(stat.num), str(len(group.failed)), _number(stat.mean), _number(stat.sd), interval]


def _what_if(report: Report, words: Translator) -> Iterator[str]:
    yield from _head([words(f"md_{name}") for name in ("study", "policy", "num", "ended", "saved", "regret")])
    for effect in report.what_if:
        saved = f"{effect.epochs_saved} ({effect.share_saved:.0%})"
        yield _row(
            [effect.study, effect.policy, str(effect.num_trials), str(len(effect.ended)), saved, _number(effect.regret)]
        )


def _head(names: Sequence[str]) -> tuple[str, str]:
    return _row(names), _row(["---"] * len(names))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 10 else f"{value:.4f}"
