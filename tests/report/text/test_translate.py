"""Both catalogues are complete, say the same values, and hold nothing that the code does not use."""

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from lab.report.findings import Sentence
from lab.report.text.translate import LANGUAGES, Translator, catalogue, translate

SOURCE = Path(__file__).parents[3] / "src" / "lab" / "report"
ENGLISH, SPANISH = catalogue("en"), catalogue("es")


def fields(text: str) -> list[tuple[str, str]]:
    return sorted((name, spec or "") for _, name, spec, _ in Formatter().parse(text) if name)


def test_every_language_has_the_same_keys_in_the_same_order() -> None:
    assert LANGUAGES == ("en", "es")
    assert list(ENGLISH) == list(SPANISH)


@pytest.mark.parametrize("key", ENGLISH)
def test_both_languages_say_the_same_values(key: str) -> None:
    english, spanish = ENGLISH[key], SPANISH[key]
    assert english.strip()
    assert spanish.strip()
    assert fields(english) == fields(spanish)
    assert "{" not in english or english != spanish or len(english) < 40


def used() -> tuple[set[str], set[str], set[str]]:
    """Keys that are translated by name, all other texts of the code, and beginnings that data completes."""
    named, texts, prefixes = set[str](), set[str](), set[str]()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                prefixes.add(str(node.values[0].value))
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("words", "Absent", "Sentence"):
                named |= {arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    for path in SOURCE.rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'say\("([\w.]+)"', text))
        texts |= set(re.findall(r'"([\w.]+)"', text))
        prefixes |= set(re.findall(r"(?:say\(|WORDS\[)`([\w.]+)\$", text))
    return named, texts, {start for start in prefixes if re.fullmatch(r"[a-z_]+[._]", start)}


def test_what_the_code_says_is_in_the_catalogue() -> None:
    named, _, prefixes = used()
    assert len(named) > 100
    assert named <= set(ENGLISH)
    assert [start for start in ("figure.", "status.", "rule.", "md_", "section.") if start not in prefixes] == []


def test_no_text_is_left_that_the_code_does_not_use() -> None:
    named, texts, prefixes = used()
    assert [key for key in ENGLISH if key not in named | texts and not key.startswith(tuple(prefixes))] == []


def test_a_missing_key_and_an_unknown_language_are_errors() -> None:
    with pytest.raises(KeyError):
        Translator("en")("no.such.word")
    with pytest.raises(KeyError):
        Translator("en")("table.details")
    with pytest.raises(ValueError, match="no language 'fr'"):
        Translator("fr")


def test_the_language_changes_the_words() -> None:
    assert Translator("es")("section.winner") == "Ganadora"
    counts = {"completed": 5, "failed": 0, "not_started": 2, "excluded": 1, "expected": 8}
    assert Translator("es").statuses(counts) == "5 completadas, 2 nunca empezaron, 1 excluidas"
    assert Translator("en").statuses(counts) == "5 completed, 2 never started, 1 excluded"
    assert Translator("en").duration(90.0) == "1.5 min"
    assert Translator("en").duration(5.0) == "5.0 s"
    assert Translator("en").duration(7200.0) == "2.0 h"


def test_an_unknown_value_is_a_dash() -> None:
    sentence = Sentence("winner_tested", {"score": "f1", "value": float("nan")})
    assert translate(sentence, "en").endswith("f1 –.")
    assert translate(sentence, "es").endswith("f1 –.")
