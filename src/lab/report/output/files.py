"""The report's files beside the page: runs.csv, best_per_group.csv, stats_per_group.csv, comparison.csv, report.md.

Numbers in the CSV files have all their digits; report.md has four.
"""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.core.files import write_whole
from lab.report.analysis.comparison import told
from lab.report.findings import COSTS, OUTCOME, Group, Groups, Report, Sentence
from lab.report.text.language import Words
from lab.report.text.sentences import say

LONGEST_LIST = 50
"""Lines of one list of report.md."""


def write(report: Report, lang: str) -> None:
    """Raises OSError where they cannot be written."""
    folder = report.folder
    frame = report.runs.frame
    write_whole(folder / "runs.csv", lambda aside: frame.to_csv(aside, index=False, lineterminator="\n"))
    _write_rows(folder / "best_per_group.csv", best_per_group(report))
    _write_rows(folder / "stats_per_group.csv", stats_per_group(report))
    _write_rows(folder / "comparison.csv", (comparison_row(pair) for pair in report.comparison.pairs))
    text = "\n".join(markdown(report, lang)) + "\n"
    write_whole(folder / "report.md", lambda aside: aside.write_text(text, encoding="utf-8"))


def _write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Columns are those of the first row: all rows of a table have the same."""

    def fill(aside: Path) -> None:
        with aside.open("w", encoding="utf-8", newline="") as file:
            writer: csv.DictWriter[str] | None = None
            for row in rows:
                if writer is None:
                    writer = csv.DictWriter(file, list(row), lineterminator="\n")
                    writer.writeheader()
                writer.writerow(row)

    write_whole(path, fill)


def _all_groups(report: Report) -> Iterator[tuple[str, Groups]]:
    yield from ((" ".join(groups.by), groups) for groups in report.groups)
    yield "configuration", report.configurations


def best_per_group(report: Report) -> Iterator[dict[str, Any]]:
    """The best run of every group that has one."""
    frame = report.runs.frame
    scores = [name for name in frame.columns if name.startswith("test/") and name.count("/") == 1]
    names = ["run", "status", *OUTCOME, *scores, *COSTS, "path", "command"]
    columns = {name: frame[name].tolist() for name in names}
    for by, groups in _all_groups(report):
        for group in groups.groups:
            if group.best is not None:
                yield {"by": by, "group": group.label} | {name: columns[name][group.best] for name in names}


def stats_per_group(report: Report) -> Iterator[dict[str, Any]]:
    """Every number of every group; of configurations those of all heads together, or the file would be huge."""
    for by, groups in _all_groups(report):
        for group in groups.groups:
            for name, stat in group.stats.items():
                if stat.num and (by != "configuration" or name.count("/") < 2):
                    low, high = stat.interval if stat.interval is not None else ("", "")
                    yield {
                        "by": by, "group": group.label, "number": name, "count": stat.num, "mean": stat.mean,
                        "sd": _cell(stat.sd), "min": stat.low, "max": stat.high, "interval_low": low,
                        "interval_high": high, "without_result": len(group.failed),
                    }  # fmt: skip


def comparison_row(pair: Any) -> dict[str, Any]:
    """One pair, its sentence left out."""
    row = {name: value for name, value in pair._asdict().items() if name not in ("sentence", "interval")}
    low, high = pair.interval if pair.interval is not None else ("", "")
    cells = {name: _cell(value) for name, value in row.items()}
    return cells | {"interval_low": low, "interval_high": high}


def _cell(value: Any) -> Any:
    return "" if isinstance(value, float) and math.isnan(value) else value


def markdown(report: Report, lang: str) -> Iterator[str]:
    """report.md, line by line."""

    def words(key: str, **values: Any) -> str:
        return say(Sentence(key, values), lang)

    def listed(lines: Sequence[str], key: str) -> Iterator[str]:
        if lines:
            yield from ("", f"## {words(key)}", "", *(f"- {line}" for line in lines[:LONGEST_LIST]))
            if len(lines) > LONGEST_LIST:
                yield f"- {words('md_more', num=len(lines) - LONGEST_LIST)}"

    runs, frame = report.runs, report.runs.frame
    counts = Words(lang).statuses(report.counts)
    yield from (f"# {words('md_title')}", "", f"`{report.command}`, {report.made}", "")
    yield words("md_runs", shown=len(frame), expected=report.counts["expected"], counts=counts) + "."
    yield from (f"\n{say(warning, lang)}" for warning in runs.warnings)
    yield from ("", f"## {words('md_winner')}", "", *_winner(report, lang, words("md_no_winner")))
    yield from ("", f"## {words('md_leaderboard')}", "", *_leaderboard(report, lang))
    head = [words(f"md_{name}") for name in ("group", "num", "failed", "mean", "sd", "interval")]
    yield from ("", f"## {words('md_configurations')}", "", *_groups(report.configurations, head, report.top_k))
    for groups in report.groups:
        yield from ("", f"## {words('md_groups', keys=', '.join(groups.by))}", "", *_groups(groups, head, report.top_k))
    yield from listed([say(one, lang) for one in told(report.comparison)], "md_comparison")
    names = frame["run"].tolist()
    found = [
        f"{names[one.row]}: {say(one.sentence, lang)}"
        + (f" {words('md_try')} `{one.override}`" if one.override else "")
        for one in report.findings
    ]
    yield from listed(found, "md_diagnosis")
    if report.what_if:
        head = [words(f"md_{name}") for name in ("study", "policy", "num", "ended", "saved", "regret")]
        yield from ("", f"## {words('md_what_if')}", "", *_what_if(report, head))
    yield from listed([f"{one.path}: {say(one.reason, lang)}" for one in runs.exclusions], "md_exclusions")


def _winner(report: Report, lang: str, none: str) -> Iterator[str]:
    one = report.winner
    if one is None:
        yield none
        return
    yield from (f"- {say(sentence, lang)}" for sentence in one.sentences)
    lines = [line for line in (one.command, one.retrain, *one.options.values()) if line]
    yield from ("", "```", *lines, "```")


def _leaderboard(report: Report, lang: str) -> Iterator[str]:
    frame, score = report.runs.frame, f"test/{report.runs.score}"
    costs = [name for name in COSTS if frame[name].notna().any()]
    names = [name for name in ("objective", score, *costs) if name in frame]
    titles = [report.runs.metric if name == "objective" else name for name in names]
    words = Words(lang)
    yield _row([*(say(Sentence(key), lang) for key in ("md_run", "md_status")), *titles])
    yield _row(["---"] * (len(names) + 2))
    for place in report.leaderboard[: report.top_k]:
        row = frame.iloc[place]
        yield _row([row["run"], words(f"status.{row['status']}"), *(_number(row[name]) for name in names)])


def _groups(groups: Groups, head: Sequence[str], most: int) -> Iterator[str]:
    yield _row(head)
    yield _row(["---"] * len(head))
    yield from (_row(_group(group)) for group in groups.groups[:most])


def _group(group: Group) -> list[str]:
    stat = group.stats["objective"]
    between = "" if stat.interval is None else f"{stat.interval.low:.4f} – {stat.interval.high:.4f}"
    return [group.label, str(stat.num), str(len(group.failed)), _number(stat.mean), _number(stat.sd), between]


def _what_if(report: Report, head: Sequence[str]) -> Iterator[str]:
    yield _row(head)
    yield _row(["---"] * len(head))
    for one in report.what_if:
        saved = f"{one.epochs_saved} ({one.share_saved:.0%})"
        yield _row([one.study, one.policy, str(one.num_trials), str(len(one.ended)), saved, _number(one.regret)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 10 else f"{value:.4f}"
