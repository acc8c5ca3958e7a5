"""Every link from the page of a report leads to a page of docs/ and a heading that it has."""

import re
from pathlib import Path

import pytest

from lab.report.html import doc_links
from lab.report.html.page import SECTIONS
from lab.report.text.translate import Translator

DOCS = Path(__file__).parents[3] / "docs"


def slugs(page: str) -> set[str]:
    """Anchors of the headings of a page, as MkDocs makes them."""
    slugify = pytest.importorskip("markdown.extensions.toc").slugify
    text = re.sub(r"^```.*?^```", "", (DOCS / f"{page}.md").read_text(encoding="utf-8"), flags=re.M | re.S)
    return {slugify(heading.replace("`", ""), "-") for heading in re.findall(r"^#+ (.+)$", text, re.M)}


@pytest.mark.parametrize(("page", "anchor"), sorted({*doc_links.TARGETS.values(), *doc_links.SPANISH.values()}))
def test_a_target_is_there(page: str, anchor: str) -> None:
    assert not anchor or anchor in slugs(page)


def test_links_are_of_sections() -> None:
    assert {*doc_links.TARGETS} <= {*SECTIONS}
    assert {*doc_links.SPANISH} <= {*doc_links.TARGETS}


def test_a_report_in_the_repository_links_to_its_pages() -> None:
    folder = doc_links.REPOSITORY / "outputs" / "report"
    found = doc_links.link("winner", folder, None, Translator("en"))
    assert found == ' <a class="docs" href="../../docs/doubt.md">read more</a>'


def test_a_report_elsewhere_names_no_path_of_the_machine(tmp_path: Path) -> None:
    assert doc_links.link("winner", tmp_path, None, Translator("en")) == ""


def test_an_address_is_linked_to_in_the_language_of_the_report(tmp_path: Path) -> None:
    found = doc_links.link("what_if", tmp_path, "https://docs.example.org/lab/", Translator("es"))
    assert 'href="https://docs.example.org/lab/es/recipes/azure/#las-politicas-en-un-dibujo">leer más<' in found
    assert doc_links.link("exclusions", tmp_path, "https://docs.example.org/lab/", Translator("es")) == ""
