import ast
import re
import string
from pathlib import Path

import pytest

from lab.report.text.language import LANGUAGES, Words, catalogue

SOURCE = Path(__file__).parents[3] / "src" / "lab" / "report"


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(catalogue()))
def test_every_word_is_there_in_every_language_with_the_same_gaps(key: str) -> None:
    texts = catalogue()[key]
    assert set(texts) == set(LANGUAGES)
    assert all(text.strip() for text in texts.values())
    assert fields(texts["en"]) == fields(texts["es"])


def asked() -> tuple[dict[str, str], set[str]]:
    """Keys that stand as literals where words are asked for, with the file; and beginnings that data completes."""
    found: dict[str, str] = {}
    begun: set[str] = set()
    for path in SOURCE.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "lab.report.text.language" not in text and not path.name.startswith("plots"):
            continue  # `words` of the sentences
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("words", "Absent") and node.args:
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.JoinedStr) and isinstance(part.values[0], ast.Constant):
                        begun |= {start for start in [str(part.values[0].value)] if "." in start}
                    elif isinstance(part, ast.Constant) and "." in str(part.value) and part.value not in begun:
                        found[str(part.value)] = path.name
    for path in SOURCE.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        found |= dict.fromkeys(re.findall(r'say\("([\w.]+)"', text), path.name)
        begun |= set(re.findall(r"(?:say\(|WORDS\[)`([\w.]+)\$", text))
    return found, begun


def test_what_is_asked_for_is_in_the_catalogue() -> None:
    wanted, begun = asked()
    assert len(wanted) > 60
    assert {key: where for key, where in wanted.items() if key not in catalogue() and key not in begun} == {}
    assert [start for start in begun if not any(key.startswith(start) for key in catalogue())] == []


def test_no_word_is_left_that_nobody_asks_for() -> None:
    wanted, begun = asked()
    single = ("title", "skip", "nav", "made", "copy", "copied", "copy.failed")
    assert [key for key in catalogue() if not (key in wanted or key in single or key.startswith(tuple(begun)))] == []


def test_a_missing_word_and_an_unknown_language_are_errors() -> None:
    with pytest.raises(KeyError):
        Words("en")("no.such.word")
    with pytest.raises(ValueError, match="no language 'fr'"):
        Words("fr")


def test_the_language_changes_the_words() -> None:
    assert Words("es")("section.winner") == "Ganador"
    counts = {"completed": 5, "failed": 0, "not_started": 2, "excluded": 1, "expected": 8}
    assert Words("es").statuses(counts) == "5 completadas, 2 nunca empezaron, 1 excluidas"
    assert Words("en").statuses(counts) == "5 completed, 2 never started, 1 left out"
    assert Words("en").duration(90.0) == "1.5 min"
    assert Words("en").duration(5.0) == "5.0 s"
    assert Words("en").duration(7200.0) == "2.0 h"
