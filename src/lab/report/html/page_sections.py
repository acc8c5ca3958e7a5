"""The text sections of the page as HTML: summary, winner, diagnosis, what-if, exclusions, method.

A number is a `<data>` element that shows four digits and has all digits in its attribute `value`. Texts from records
and configs are escaped.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import pandas as pd

from lab.report.analysis.baselines import WARNINGS, baseline_name, shown_baselines
from lab.report.analysis.groups import value_text
from lab.report.findings import Finding, Report, WhatIf
from lab.report.text.translate import Translator

SHOWN_FINDINGS = 8
SHOWN_EXCLUSIONS = 100
SHOWN_ENDED = 20


def number(value: Any, digits: str = ".4f") -> str:
    """Return a number that keeps its exact value, or a dash if it is unknown."""
    if value is None or pd.isna(value):
        return "–"
    return f'<data value="{float(value)!r}">{float(value):{digits}}</data>'


def duration(seconds: Any, words: Translator) -> str:
    """Return a duration that keeps its exact seconds, or a dash if it is unknown."""
    if seconds is None or pd.isna(seconds):
        return "–"
    return f'<data value="{float(seconds)!r}">{escape(words.duration(float(seconds)))}</data>'


def code(text: str, words: Translator, label: str = "") -> str:
    """Return a line with a button that copies it."""
    head = f'<span class="code-label">{escape(label)}</span>' if label else ""
    button = f'<button type="button" class="copy" data-copy="{escape(text)}">{escape(words("copy"))}</button>'
    return f'<div class="code">{head}<code tabindex="0">{escape(text)}</code>{button}</div>'


def table_rows(cells: Iterable[Iterable[str]]) -> str:
    """Return HTML rows of cells that are HTML already."""
    return "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells)


def table(head: Sequence[str], body: str, caption: str = "") -> str:
    """Return a table in a frame that scrolls separately and is reachable by keyboard."""
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    label = escape(caption or head[0])
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{label}">'
        f"<table>{title}<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def summary(report: Report, words: Translator) -> str:
    """Return warnings, key numbers, counts by status as one bar, and the winner's sentences."""
    sentences = report.winner.sentences if report.winner else ()
    behind = [sentence for sentence in sentences if sentence.key in WARNINGS]
    lead = "".join(f"<p>{escape(words.say(sentence))}</p>" for sentence in sentences if sentence not in behind)
    lead = lead or f"<p>{escape(words('summary.no_winner'))}</p>"
    said = [*report.runs.warnings, *behind]
    warnings = "".join(f'<p class="warning">{escape(words.say(warning))}</p>' for warning in said)
    return warnings + _tiles(report, words) + _statuses(report, words) + f'<div class="lead">{lead}</div>'


def _tiles(report: Report, words: Translator) -> str:
    runs, tiles = report.runs, []
    frame = runs.frame
    if report.winner is not None:
        row = frame.iloc[report.winner.row]
        tiles.append((number(row["objective"]), words("tile.val", metric=runs.metric)))
        test = f"test/{runs.score}"
        if test in frame:
            tiles.append((number(row[test]), words("tile.test")))
        for name in shown_baselines(runs, report.winner.row):
            if f"{name}/{runs.score}" in frame:
                tiles.append((number(row[f"{name}/{runs.score}"]), baseline_name(name, words)))
    configurations = int(frame["configuration"].nunique())
    tiles.append((f'<data value="{configurations}">{configurations:,}</data>', words("tile.configurations")))
    tiles.append((duration(frame["time_s"].sum(), words), words("tile.time")))
    return (
        '<ul class="tiles">'
        + "".join(f"<li><b>{big}</b><span>{escape(small)}</span></li>" for big, small in tiles)
        + "</ul>"
    )


def _statuses(report: Report, words: Translator) -> str:
    names = ("completed", "early_stopped", "terminated", "failed", "running", "interrupted", "not_started")
    counts = {name: report.counts.get(name, 0) for name in names if report.counts.get(name, 0)}
    parts = "".join(f'<i class="bg-{name}" style="flex-grow:{count}"></i>' for name, count in counts.items())
    legend = "".join(
        f'<li><i class="dot bg-{name}"></i><data value="{count}">{count:,}</data> '
        f"{escape(words(f'statuses.{name}'))}</li>"
        for name, count in counts.items()
    )
    expected = report.counts.get("expected", len(report.runs.frame))
    title = words("summary.runs", shown=f"{len(report.runs.frame):,}", expected=f"{expected:,}")
    return (
        f'<div class="statuses"><strong>{escape(title)}</strong>'
        f'<div class="strip" aria-hidden="true">{parts}</div><ul>{legend}</ul></div>'
    )


def winner(report: Report, words: Translator) -> str:
    """Return the winner's settings, command lines to copy, and how it was chosen."""
    best = report.winner
    if best is None:
        return f"<p>{escape(words('summary.no_winner'))}</p>"
    lines = [code(best.command, words, words("winner.command"))] if best.command else []
    if best.retrain:
        lines.append(code(best.retrain, words, words("winner.retrain")))
    for name, line in best.options.items():
        label = words(f"winner.{name}") if name in ("train_val", "all_rows", "best_epochs") else name
        lines.append(code(line, words, label))
    row = report.runs.frame.iloc[best.row]
    keys = [(key, value_text(row[key])) for key in report.runs.varied]
    chips = "".join(f"<li><span>{escape(key)}</span> <b>{escape(value)}</b></li>" for key, value in keys)
    name, role = escape(words("winner.run", run=row["run"])), escape(words("winner.role"))
    head = f'<p class="run-name">{name}</p><ul class="chips">{chips}</ul>'
    return head + "".join(lines) + f'<p class="note">{role}</p>'


def diagnosis(report: Report, words: Translator) -> str:
    """Return the findings by rule, the most frequent first; within a rule the best runs first."""
    place = {row: at for at, row in enumerate(report.leaderboard)}
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for finding in sorted(report.findings, key=lambda finding: place[finding.row]):
        by_rule[finding.rule].append(finding)
    parts: list[str] = []
    for rule, findings in sorted(by_rule.items(), key=lambda item: -len(item[1])):
        count = len({finding.row for finding in findings})
        badge = words("diagnosis.run") if count == 1 else words("diagnosis.runs", count=count)
        items = "".join(_finding(report, finding, words) for finding in findings[:SHOWN_FINDINGS])
        left = len(findings) - SHOWN_FINDINGS
        more = f"<p class='note'>{escape(words('diagnosis.more', count=left))}</p>" if left > 0 else ""
        is_open = " open" if len(parts) < 2 else ""
        title = escape(words(f"rule.{rule}"))
        parts.append(
            f'<details class="card"{is_open}><summary>{title}<span class="badge">{badge}</span></summary>'
            f"<ul class='findings'>{items}</ul>{more}</details>"
        )
    return "".join(parts) or f"<p>{escape(words('diagnosis.none'))}</p>"


def _finding(report: Report, finding: Finding, words: Translator) -> str:
    run = escape(str(report.runs.frame["run"].iloc[finding.row]))
    advice = code(finding.override, words, words("diagnosis.try")) if finding.override else ""
    return f"<li><b>{run}</b> {escape(words.say(finding.sentence))}{advice}</li>"


def what_if(report: Report, words: Translator) -> str:
    """Return the effect of each policy as a table, and lists of the trials it would have terminated."""
    if not report.what_if:
        return f"<p>{escape(words('what_if.none'))}</p>"
    head = [words(f"what_if.{name}") for name in ("policy", "study", "ended", "saved", "share", "regret")]
    body = table_rows(
        (
            escape(effect.policy), escape(effect.study), f"{len(effect.ended)} / {effect.num_trials}",
            f"{effect.epochs_saved:,}", number(effect.share_saved, ".0%"), number(effect.regret),
        )
        for effect in report.what_if
    )  # fmt: skip
    lists = "".join(_ended(report, effect, words) for effect in report.what_if if effect.ended)
    about = escape(words("what_if.about"))
    return f"<p class='note'>{about}</p>" + table(head, body, words("section.what_if")) + lists


def _ended(report: Report, effect: WhatIf, words: Translator) -> str:
    names = report.runs.frame["run"].to_numpy()
    items = "".join(
        f"<li><b>{escape(str(names[end.row]))}</b> {escape(words('what_if.interval', interval=end.interval))}: "
        f"{escape(words.say(end.reason))}</li>"
        for end in effect.ended[:SHOWN_ENDED]
    )
    left = len(effect.ended) - SHOWN_ENDED
    more = f"<p class='note'>{escape(words('diagnosis.more', count=left))}</p>" if left > 0 else ""
    title = f"{escape(effect.policy)} · {escape(effect.study)}: {escape(words('what_if.which'))}"
    return f'<details class="card"><summary>{title}</summary><ul class="findings">{items}</ul>{more}</details>'


def exclusions(report: Report, words: Translator) -> str:
    """Return the excluded folders with their reasons; of many, the number of each reason."""
    excluded = report.runs.exclusions
    if not excluded:
        return f"<p>{escape(words('exclusions.none'))}</p>"
    reasons = Counter(words.say(exclusion.reason) for exclusion in excluded)
    body = table_rows(
        (f"<code>{escape(exclusion.path)}</code>", escape(words.say(exclusion.reason)))
        for exclusion in excluded[:SHOWN_EXCLUSIONS]
    )
    head = [words("exclusions.path"), words("exclusions.reason")]
    left = len(excluded) - SHOWN_EXCLUSIONS
    counts = "".join(f"<li>{count} × {escape(reason)}</li>" for reason, count in reasons.most_common(10))
    more = f"<p class='note'>{escape(words('diagnosis.more', count=left))}</p><ul>{counts}</ul>" if left > 0 else ""
    return table(head, body, words("section.exclusions")) + more


def method(report: Report, words: Translator) -> str:
    """Return how the numbers were made, and the settings that all runs share."""
    lines = [
        words("method.records"), words("method.rank", metric=report.runs.metric), words("method.interval"),
        words("method.cost"), words("method.precision"),
    ]  # fmt: skip
    notes = "".join(f"<li>{escape(line)}</li>" for line in lines)
    constant = report.runs.constant
    items = "".join(
        f"<tr><th scope='row'><code>{escape(key)}</code></th><td><code>{escape(str(value))}</code></td></tr>"
        for key, value in sorted(constant.items())
    )
    title = escape(words("method.constant", count=len(constant)))
    same = f'<details class="card"><summary>{title}</summary><table class="plain">{items}</table></details>'
    return f"<ul>{notes}</ul>" + (same if constant else "")
