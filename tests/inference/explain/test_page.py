"""The page of explanations: complete, escaped, without anything loaded from outside."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lab.inference.explain import page as module
from lab.inference.explain.interface import Explanation
from lab.inference.explain.page import Page, shaded

HOSTILE = '<script>alert("x")</script> & \x00 \'"><img src=http://x>'


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags, self.text, self.attributes = list[str](), "", list[tuple[str, str | None]]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def _explanation(text: str, error: float | None = 0.0) -> Explanation:
    words = tuple((word, float(number - 1)) for number, word in enumerate(text.split()))
    return Explanation(HOSTILE, HOSTILE, words, error, text)


def _parsed(path: Path) -> _Seen:
    seen = _Seen()
    seen.feed(path.read_text(encoding="utf-8"))
    return seen


def test_a_page_has_every_row_and_nothing_of_a_text_is_markup(tmp_path: Path) -> None:
    page = Page(tmp_path / "p.html", HOSTILE, HOSTILE)
    page.add(HOSTILE, [_explanation(HOSTILE), _explanation("a bit \ud800 leak", 0.5)])
    assert not (tmp_path / "p.html").exists()
    page.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["p.html"]
    seen = _parsed(tmp_path / "p.html")
    assert not {"script", "img", "link", "iframe", "svg"} & set(seen.tags)
    assert not {name for name, _ in seen.attributes} & {"src", "href", "onerror", "style"}
    assert HOSTILE.replace("\x00", "\ufffd") in seen.text
    assert "default-src 'none'" in next(str(value) for name, value in seen.attributes if name == "content")
    assert "incomplete: the numbers miss the score by 50.0%" in seen.text
    assert not re.search(r"url\(|@import", module.STYLE)


def test_the_strongest_word_has_the_strongest_shade() -> None:
    text = "pump  drips,\nbut holds"
    words = (("pump", 0.01), ("drips", 2.0), (",", 0.0), ("but", 0.0), ("holds", -1.0))
    html = shaded(Explanation("cause", "leak", words, 0.0, text))
    assert re.sub("<[^>]*>", "", html) == text
    assert re.findall(r'class="(\w+)"[^>]*>(\w+)', html) == [("p8", "drips"), ("n4", "holds")]
    assert shaded(Explanation("cause", "leak", (("a", 0.0), ("b", 0.0)), 0.0)) == "a b"


def test_a_page_has_a_bounded_number_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_ROWS", 2)
    page = Page(tmp_path / "p.html", "t", "m")
    for number in range(5):
        page.add(f"row {number}", [_explanation("a b c")])
    page.finish()
    text = _parsed(tmp_path / "p.html").text
    assert "row 1" in text
    assert "row 2" not in text
    assert "3 further rows are only in the output." in text


def test_a_window_is_a_table_of_channels_and_times(tmp_path: Path) -> None:
    words = (("wind a -1..-1", 1.0), ("wind a 0..0", 0.0), ("rain -1..-1", -0.5), ("rain 0..0", 0.01))
    page = Page(tmp_path / "p.html", "t", "m")
    page.add("row 1", [Explanation("state", "wet", words, None, num_times=2)])
    page.finish()
    html = (tmp_path / "p.html").read_text()
    assert "<tr><th>step</th><th>-1..-1</th><th>0..0</th></tr>" in html
    assert '<tr><th>wind a</th><td><mark class="p8" title="+1">+1.00</mark></td><td>+0.00</td></tr>' in html
    assert '<tr><th>rain</th><td><mark class="n4" title="-0.5">-0.50</mark></td>' in html
