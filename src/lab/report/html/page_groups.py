"""Groups and comparisons on the page: one table per key, with each mean and its interval drawn on a common scale.

The drawings are inline SVG: they need no script, they print well, and their numbers are beside them.
"""

from html import escape

import numpy as np

from lab.report.findings import Comparison, Group, Groups, Interval, Report, Stat
from lab.report.html.page_sections import duration, number, table, table_rows
from lab.report.text.translate import Translator

SHOWN_GROUPS = 15
FIRST_SENTENCES, SHOWN_PAIRS = 5, 30
"""Number of comparisons whose sentences are shown at once, and number of all comparisons on the page."""
WIDTH = 180
LONG_LABEL = 40


def groups(report: Report, words: Translator) -> str:
    """Return the configurations first, then the groups by each key."""
    parts = [_groups(report.configurations, words("groups.configurations"), report, words, is_open=True)]
    for at, by_key in enumerate(report.groups):
        title = words("groups.by", key=", ".join(by_key.by))
        parts.append(_groups(by_key, title, report, words, is_open=at < 2))
    return "".join(parts) if report.groups else "".join(parts) + f"<p>{escape(words('groups.none'))}</p>"


def _groups(groups: Groups, title: str, report: Report, words: Translator, is_open: bool) -> str:
    shown = groups.groups[:SHOWN_GROUPS]
    test = f"test/{report.runs.score}"
    scale = _scale([group.stats["objective"] for group in shown if "objective" in group.stats])
    names = ("group", "count", "mean", "picture", "interval", "sd", "low", "high")
    head = [words(f"groups.{name}") for name in names] + [test, words("groups.time")]
    body = table_rows(_row(group, scale, test, words) for group in shown)
    left = len(groups.groups) - len(shown)
    more = f"<p class='note'>{escape(words('groups.more', count=left))}</p>" if left > 0 else ""
    badge = f'<span class="badge">{len(groups.groups):,}</span>'
    return (
        f'<details class="card"{" open" if is_open else ""}><summary>{escape(title)}{badge}</summary>'
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
    """Return the ends of the common scale, which holds all means, intervals and extremes."""
    ends = [value for stat in stats for value in (stat.low, stat.high, *(stat.interval or ()))]
    finite = [value for value in ends if np.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _picture(stat: Stat, scale: tuple[float, float], words: Translator) -> str:
    """Return the extremes as a thin line, the interval as a thick line, the mean as a dot."""

    def at(value: float) -> float:
        return 6 + (WIDTH - 12) * (min(max(value, scale[0]), scale[1]) - scale[0]) / (scale[1] - scale[0])

    interval = ""
    if stat.interval is not None:
        interval = (
            f'<line class="interval" x1="{at(stat.interval.low):.1f}" x2="{at(stat.interval.high):.1f}" y1="9" y2="9"/>'
        )
    return (
        f'<svg class="whisker" viewBox="0 0 {WIDTH} 18" width="{WIDTH}" height="18" role="img" '
        f'aria-label="{escape(words("groups.picture"))} {stat.mean:.4f}">'
        f'<line class="extremes" x1="{at(stat.low):.1f}" x2="{at(stat.high):.1f}" y1="9" y2="9"/>{interval}'
        f'<circle cx="{at(stat.mean):.1f}" cy="9" r="4"/></svg>'
    )


def comparison(report: Report, words: Translator) -> str:
    """Return the comparison as sentences, with a table of its numbers below."""
    compared = report.comparison
    if compared.baseline is None or not compared.pairs:
        reason = words.say(compared.reason) if compared.reason is not None else words("comparison.none")
        return f"<p>{escape(reason)}</p>"
    about = escape(words("comparison.against", baseline=compared.baseline, metric=compared.metric))
    if compared.averaged is not None:
        about += f" {escape(words.say(compared.averaged))}"
    sentences = [
        f'<li class="{"apart" if pair.apart else "same"}">{escape(words.say(pair.sentence))}</li>'
        for pair in compared.pairs[:SHOWN_PAIRS]
    ]
    first, rest = (
        f'<ul class="verdicts">{"".join(some)}</ul>'
        for some in (sentences[:FIRST_SENTENCES], sentences[FIRST_SENTENCES:])
    )
    title = escape(words("comparison.more", count=len(sentences) - FIRST_SENTENCES))
    folded = (
        f'<details class="card"><summary>{title}</summary>{rest}</details>' if len(sentences) > FIRST_SENTENCES else ""
    )
    left = len(compared.pairs) - SHOWN_PAIRS
    more = f"<p class='note'>{escape(words('comparison.left', count=left))}</p>" if left > 0 else ""
    return f'<p class="note">{about}</p>{first}{folded}{_pairs(compared, words)}{more}'


def _pairs(comparison: Comparison, words: Translator) -> str:
    head = [words("groups.group"), *(words(f"comparison.{name}") for name in ("pairs", "difference")),
            words("groups.interval"), words("comparison.p"), words("comparison.effect"), ""]  # fmt: skip
    body = table_rows(
        (
            _label(pair.group), str(pair.num_pairs), number(pair.difference, "+.4f"),
            _ends(pair.interval, "+.4f"),
            number(pair.p_holm, ".3g"), number(pair.effect, "+.2f"),
            escape(words("comparison.apart" if pair.apart else "comparison.not_apart")),
        )
        for pair in comparison.pairs[:SHOWN_PAIRS]
    )  # fmt: skip
    return table(head, body, words("section.comparison"))
