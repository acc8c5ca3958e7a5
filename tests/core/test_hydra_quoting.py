"""What is proposed to type is read back as it was meant."""

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from lab.core.hydra_quoting import quoted


@pytest.mark.parametrize(
    "value",
    [
        "a", "/datos/r r", "/datos/space eq=ñ.csv", ["Modo de falla", "prioridad, x"], [" descripcion "], 'dice "hoy"',
        "it's", "back\\", 'b\\"c', "a\\b", "null", "True", "1e3", "007", "12", {"modo": 1},
        {"modo de falla": 0.5, "a,b": 2, "c:d": 1}, "", None, True, 3, 1e-5, ["a", "1"], "$x", "a;b", "a:b", "key:",
        "-m", "x#y", "a!b", "{x}", "[", "sqlite:///x.db", "año",
    ],
)  # fmt: skip
def test_what_is_proposed_is_read_back_by_the_shell_and_by_hydra(value: object) -> None:
    (word,) = shlex.split(quoted("data.key", value))
    override = OverridesParser.create().parse_override(word)
    assert override.key_or_group == "data.key"
    assert override.value() == value
    assert type(override.value()) is type(value)


def test_what_needs_no_quotes_has_none() -> None:
    assert quoted("data.path", "/datos/avisos-2.csv") == "data.path=/datos/avisos-2.csv"
    assert quoted("data.delimiter", ";") == "'data.delimiter=\";\"'"
    assert quoted("data.delimiter", "\t") == "$'data.delimiter=\"\\t\"'"
    assert quoted("data.text", ["descripcion"]) == "'data.text=[descripcion]'"
