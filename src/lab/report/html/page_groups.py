"""Groups and comparisons on the page: a table a key, with each mean and its interval drawn on one common scale.

The drawings are inline SVG: they need no script, print well, and their numbers stand beside them.
"""

from html import escape

import numpy as np

from lab.report.findings import Comparison, Group, Groups, Interval, Report, Stat
from lab.report.html.page_sections import duration, number, rows_of, table
from lab.report.text.translate import Translator

SHOWN_GROUPS = 15
SAID_PAIRS, SHOWN_PAIRS = 5, 30
"""So many comparisons in words at first; so many on the page."""
WIDTH = 180
LONG_LABEL = 40


def groups(report: Report, words: Translator) -> str:
    """Seeds of one configuration first, then each key."""
    parts = [_groups(report.configurations, words("groups.configurations"), report, words, opened=True)]
    for at, one in enumerate(report.groups):
        title = words("groups.by", key=", ".join(one.by))
        parts.append(_groups(one, title, report, words, opened=at < 2))
    return "".join(parts) if report.groups else "".join(parts) + f"<p>{escape(words('groups.none'))}</p>"


def _groups(found: Groups, title: str, report: Report, words: Translator, opened: bool) -> str:
    shown = found.groups[:SHOWN_GROUPS]
    test = f"test/{report.runs.score}"
    scale = _scale([group.stats["objective"] for group in shown if "objective" in group.stats])
    names = ("group", "count", "mean", "picture", "interval", "sd", "low", "high")
    head = [words(f"groups.{name}") for name in names] + [test, words("groups.time")]
    body = rows_of(_row(group, scale, test, words) for group in shown)
    left = len(found.groups) - len(shown)
    more = f"<p class='note'>{escape(words('groups.more', count=left))}</p>" if left > 0 else ""
    badge = f'<span class="badge">{len(found.groups):,}</span>'
    return (
        f'<details class="card"{" open" if opened else ""}><summary>{escape(title)}{badge}</summary>'
        f"{table(head, body, f'{title}: {report.runs.metric}')}{more}</details>"
    )


def _row(group: Group, scale: tuple[float, float], test: str, words: Translator) -> list[str]:
    stat, tested, time = (group.stats.get(name) for name in ("objective", test, "time_s"))
    failed = f"<small>{escape(words('groups.failed', count=len(group.failed)))}</small>" if group.failed else ""
    label = f"{_label(group.label)} {failed}"
    mean_test = number(tested.mean) if tested else "–"
    mean_time = duration(time.mean, words) if time else "–"
    if stat is None:
        return [label, str(len(group.rows)), *["–"] * 6, mean_test, mean_time]
    return [
        label, f'<data value="{stat.num}">{stat.num}</data>', number(stat.mean), _picture(stat, scale, words),
        _ends(stat.interval), number(stat.sd), number(stat.low), number(stat.high), mean_test, mean_time,
    ]  # fmt: skip


def _label(text: str) -> str:
    long = " long" if len(text) > LONG_LABEL else ""
    return f'<span class="group-label{long}">{escape(text)}</span>'


def _ends(interval: Interval | None, digits: str = ".4f") -> str:
    return "–" if interval is None else f"{number(interval.low, digits)} – {number(interval.high, digits)}"


def _scale(stats: list[Stat]) -> tuple[float, float]:
    """Ends of the common scale: all means, intervals and extremes."""
    ends = [value for stat in stats for value in (stat.low, stat.high, *(stat.interval or ()))]
    known = [value for value in ends if np.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _picture(stat: Stat, scale: tuple[float, float], words: Translator) -> str:
    """Extremes as a thin line, the interval as a thick one, the mean as a dot."""

    def at(value: float) -> float:
        return 6 + (WIDTH - 12) * (min(max(value, scale[0]), scale[1]) - scale[0]) / (scale[1] - scale[0])

    thick = ""
    if stat.interval is not None:
        thick = (
            f'<line class="interval" x1="{at(stat.interval.low):.1f}" x2="{at(stat.interval.high):.1f}" y1="9" y2="9"/>'
        )
    return (
        f'<svg class="whisker" viewBox="0 0 {WIDTH} 18" width="{WIDTH}" height="18" role="img" '
        f'aria-label="{escape(words("groups.picture"))} {stat.mean:.4f}">'
        f'<line class="extremes" x1="{at(stat.low):.1f}" x2="{at(stat.high):.1f}" y1="9" y2="9"/>{thick}'
        f'<circle cx="{at(stat.mean):.1f}" cy="9" r="4"/></svg>'
    )


def comparison(report: Report, words: Translator) -> str:
    """Sentences first, numbers below."""
    found = report.comparison
    if found.baseline is None or not found.pairs:
        reason = words.say(found.reason) if found.reason is not None else words("comparison.none")
        return f"<p>{escape(reason)}</p>"
    about = escape(words("comparison.against", baseline=found.baseline, metric=found.metric))
    if found.averaged is not None:
        about += f" {escape(words.say(found.averaged))}"
    said = [
        f'<li class="{"apart" if pair.apart else "same"}">{escape(words.say(pair.sentence))}</li>'
        for pair in found.pairs[:SHOWN_PAIRS]
    ]
    first, rest = (f'<ul class="verdicts">{"".join(some)}</ul>' for some in (said[:SAID_PAIRS], said[SAID_PAIRS:]))
    title = escape(words("comparison.more", count=len(said) - SAID_PAIRS))
    folded = f'<details class="card"><summary>{title}</summary>{rest}</details>' if len(said) > SAID_PAIRS else ""
    left = len(found.pairs) - SHOWN_PAIRS
    more = f"<p class='note'>{escape(words('comparison.left', count=left))}</p>" if left > 0 else ""
    return f'<p class="note">{about}</p>{first}{folded}{_pairs(found, words)}{more}'


def _pairs(found: Comparison, words: Translator) -> str:
    head = [words("groups.group"), *(words(f"comparison.{name}") for name in ("pairs", "difference")),
            words("groups.interval"), words("comparison.p"), words("comparison.effect"), ""]  # fmt: skip
    body = rows_of(
        (
            _label(pair.group), str(pair.num_pairs), number(pair.difference, "+.4f"),
            _ends(pair.interval, "+.4f"),
            number(pair.p_holm, ".3g"), number(pair.effect, "+.2f"),
            escape(words("comparison.apart" if pair.apart else "comparison.not_apart")),
        )
        for pair in found.pairs[:SHOWN_PAIRS]
    )  # fmt: skip
    return table(head, body, words("section.comparison"))
