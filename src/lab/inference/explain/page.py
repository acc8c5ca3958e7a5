"""The page of explanations: one self-contained HTML file, a row per text and a line per head with shaded words.

It loads nothing, runs no script, and everything that comes from data is escaped. The page is written under another name
and renamed at its end. Only the first `PAGE_ROWS` rows are on it, because a browser must be able to show it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import IO

from lab.inference.explain.interface import Explanation

PAGE_ROWS = 1000
"""Rows on a page."""
LEVELS = 8
"""Steps of a shade; a word below half a step is not shaded."""
SHOWN = 4
"""Strongest words that are also written in a line of their own."""
NONE = "(no answer)"
"""Shown for an empty label."""
FOR, AGAINST = "37,99,235", "234,88,12"
"""Red, green and blue of words that speak for and against a label."""

STYLE = (
    "body{font:15px/1.6 system-ui,sans-serif;color:#16181d;background:#fff;margin:2rem auto;max-width:70rem;"
    "padding:0 1rem}h1{font-size:1.4rem;margin:0 0 .5rem}p{margin:.3rem 0}.how{color:#444b57}"
    "table{border-collapse:collapse;width:100%;margin-top:1rem}"
    "th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;border-top:1px solid #e3e6eb}"
    "tbody tr:not(:first-child)>td{border-top:0}.row{color:#68707d;font-weight:400}"
    ".head{white-space:nowrap}.label{font-weight:600;white-space:normal}.text{white-space:pre-wrap;"
    "overflow-wrap:anywhere}.top{color:#68707d;font-size:.85rem}mark{color:inherit;background:none;border-radius:3px;"
    "padding:.1em 0}.bad{background:#fff4c2;border:1px solid #d9b300;border-radius:3px;padding:0 .3em;font-size:.85rem}"
    ".wide{overflow-x:auto}.grid{margin:0;width:auto;font-size:.75rem}.grid th,.grid td{padding:.1rem .2rem;border:0;"
    "white-space:nowrap;font-weight:400;text-align:right}.grid th:first-child{text-align:left}"
    "@media print{mark{print-color-adjust:exact;-webkit-print-color-adjust:exact}}"
    + "".join(
        f"mark.{sign}{level}{{background:rgba({colour},{0.75 * level / LEVELS:.2f})}}"
        for sign, colour in (("p", FOR), ("n", AGAINST))
        for level in range(1, LEVELS + 1)
    )
)
"""The style sheet of a page; `shaded` needs its rules for `mark`."""


def shaded(explanation: Explanation) -> str:
    """Return the text of an explanation as HTML, each word in a `mark` whose class says its shade (`STYLE`).

    >>> shaded(Explanation("cause", "leak", (("it", 0.0), ("drips", 2.0)), 0.0, "it drips"))
    'it <mark class="p8" title="+2">drips</mark>'
    """
    largest = _largest(explanation)
    text = explanation.text or " ".join(word for word, _ in explanation.words)
    parts, done = list[str](), 0
    for word, value in explanation.words:
        start = text.index(word, done)
        mark, end = _shade(value, largest)
        parts += [_safe(text[done:start]), mark, _safe(word), end]
        done = start + len(word)
    return "".join([*parts, _safe(text[done:])])


def _shown(explanation: Explanation) -> str:
    if explanation.num_times:
        return _grid(explanation)
    return f'<div class="text" dir="auto">{shaded(explanation)}</div>'


def _grid(explanation: Explanation) -> str:
    """A window as a table: a line per channel, a shaded cell per part of time."""
    num, largest = explanation.num_times, _largest(explanation)
    times = (word.rpartition(" ")[2] for word, _ in explanation.words[:num])
    lines = ["<tr><th>step</th>", *(f"<th>{_safe(time)}</th>" for time in times), "</tr>"]
    for start in range(0, len(explanation.words), num):
        lines.append(f"<tr><th>{_safe(explanation.words[start][0].rpartition(' ')[0])}</th>")
        for _, value in explanation.words[start : start + num]:
            mark, end = _shade(value, largest)
            lines.append(f"<td>{mark}{value:+.2f}{end}</td>")
        lines.append("</tr>")
    return f'<div class="wide"><table class="grid">{"".join(lines)}</table></div>'


def _largest(explanation: Explanation) -> float:
    return max((abs(value) for _, value in explanation.words), default=0.0)


def _shade(value: float, largest: float) -> tuple[str, str]:
    """The tags around a word of an attribution; empty where it is too small to be seen."""
    level = round(LEVELS * abs(value) / largest) if largest else 0
    if not level:
        return "", ""
    return f'<mark class="{"p" if value > 0 else "n"}{level}" title="{value:+.3g}">', "</mark>"


class Page:
    """A page that is being written. title: of the page; method: as `Explainer.method`.

    Raises OSError where nothing can be written; then nothing is left."""

    def __init__(self, path: Path, title: str, method: str) -> None:
        self.path, self.title, self.method = path, title, method
        self.num = self.left_out = 0
        self._aside = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._file: IO[str] = self._aside.open("w", encoding="utf-8", errors="replace")
        try:
            self._file.writelines(_head(title, method))
            self._file.flush()
        except OSError:
            self.abandon()
            raise

    def add(self, place: str, explanations: Sequence[Explanation]) -> None:
        """Append a row. place: where the row is from ("new.csv, row 3")."""
        if self.num == PAGE_ROWS:
            self.left_out += 1
            return
        self.num += 1
        self._file.writelines(_row(place, explanations))

    def finish(self) -> None:
        """Put the complete page in its place. Raises OSError where that fails; then nothing is left."""
        more = f"<p>{self.left_out:,} further rows are only in the output.</p>" if self.left_out else ""
        try:
            self._file.write(f"</table>{more}</body></html>\n")
            self._file.close()
            self._aside.replace(self.path)
        except OSError:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Remove what was written."""
        with suppress(OSError):  # closing writes what is left, which a full disk refuses
            self._file.close()
        self._aside.unlink(missing_ok=True)


def _head(title: str, method: str) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{_safe(title)}</title><style>{STYLE}</style></head><body><h1>{_safe(title)}</h1>"
    yield f'<p class="how">Method: {_safe(method)}. <mark class="p5">&nbsp;blue&nbsp;</mark> speaks for the label, '
    yield '<mark class="n5">&nbsp;orange&nbsp;</mark> against it; the stronger, the more. Shades are relative to the '
    yield "strongest word of a line. The number of a word is its part of the label's score, in logits.</p><table>"
    yield "<thead><tr><th>row</th><th>prediction</th><th>text</th></tr></thead>\n"


def _row(place: str, explanations: Sequence[Explanation]) -> Iterator[str]:
    yield "<tbody>"
    for number, each in enumerate(explanations):
        where = f'<th class="row" rowspan="{len(explanations)}">{_safe(place)}</th>' if number == 0 else ""
        yield f'<tr>{where}<td class="head">{_safe(each.head)}<br>'
        yield f'<span class="label">{_safe(each.label or NONE)}</span>'
        yield f"</td><td>{_shown(each)}{_strongest(each)}{_mark(each)}</td></tr>"
    yield "</tbody>\n"


def _strongest(explanation: Explanation) -> str:
    best = sorted((word for word in explanation.words if word[1]), key=lambda word: -abs(word[1]))[:SHOWN]
    listed = ", ".join(f"&ldquo;{_safe(word)}&rdquo;&nbsp;{value:+.2f}" for word, value in best)
    return f'<div class="top">{listed}</div>' if listed else ""


def _mark(explanation: Explanation) -> str:
    marks = ["first window only: the label is that of all windows of the text"] if explanation.is_first_window else []
    if not explanation.is_complete:
        marks.append(f"incomplete: the numbers miss the score by {explanation.completeness_error:.1%}")
    return "".join(f'<span class="bad">{mark}</span>' for mark in marks)


def _safe(text: str) -> str:
    """Text of data as HTML; control characters, which HTML does not allow, become the replacement character."""
    plain = "".join("\ufffd" if ord(char) < 32 and char not in "\t\n\r" else char for char in text)
    return escape(plain)
