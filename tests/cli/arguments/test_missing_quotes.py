"""Bare words get the quotes that Hydra needs, and nothing that Hydra can read changes."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from lab.cli.arguments.missing_quotes import with_quotes
from lab.cli.sweep_overrides import values_of


def read(word: str) -> object:
    (quoted,) = with_quotes(["train.py", word])[1:]
    return OverridesParser.create().parse_override(quoted).value()


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("data.labels=[TextoCódProblem]", ["TextoCódProblem"]),
        ("data.text=Descripción larga", "Descripción larga"),
        ("data.labels=[Código, Causa raíz ,b]", ["Código", "Causa raíz", "b"]),
        ("data.labels=[Año.Mes,'ya ñ',\"é, í\"]", ["Año.Mes", "ya ñ", "é, í"]),
        ("data.path=datos/avisos (1).csv", "datos/avisos (1).csv"),
        ("data.path=avisos[1].csv", "avisos[1].csv"),
        ("data.path=O'Brien & Söhne.csv", "O'Brien & Söhne.csv"),
        ("data.train=[O'Brien ñ.csv, b.csv]", ["O'Brien ñ.csv", "b.csv"]),
        ("name=¿qué?", "¿qué?"),
        ("loss.class_weights={causa: ñandú}", {"causa": "ñandú"}),
        ("data.time=日付", "日付"),
        ("data.path=${oc.env:HOME}/año", "${oc.env:HOME}/año"),
        ("data.missing_markers=[#N/D,n/d,—]", ["#N/D", "n/d", "—"]),
        ("data.encoding=utf–8", "utf–8"),
        ('name=Ñ "x"', 'Ñ "x"'),
        ("++name=ñ", "ñ"),
    ],
)
def test_a_word_that_only_lacks_quotes_is_read_as_it_stands(word: str, value: object) -> None:
    assert read(word) == value


@pytest.mark.parametrize(("word", "values"), [
    ("data.text=año,mes", ["año", "mes"]), ("data.text=choice(año, mes)", ["año", "mes"]),
    ("data.labels=[año],[mes,día]", [["año"], ["mes", "día"]]),
])  # fmt: skip
def test_values_to_try_stay_values_to_try(word: str, values: list[object]) -> None:
    (quoted,) = with_quotes(["train.py", word])[1:]
    assert values_of(OverridesParser.create().parse_override(quoted)) == values


@pytest.mark.parametrize(
    "word",
    [
        "data.labels=[código",
        "data.text='año",
        'data.text=["año, mes]',
        "ñ=3",
        "data.ñ=ó",
        "word ñ",
        "--config-dir=ñ",
        "resume=outputs/año",
        "loss.head_weights={raíz: 2}",
        "name=(ñ",
    ],
)
def test_a_slip_is_left_alone(word: str) -> None:
    assert with_quotes(["train.py", word]) == ["train.py", word]


def test_the_value_of_a_flag_is_no_override() -> None:
    assert with_quotes(["train.py", "-cn", "a=ñ", "name=ñ"]) == ["train.py", "-cn", "a=ñ", 'name="ñ"']


@given(st.text(alphabet=st.sampled_from("aZ9.,:=[]{}()'\"\\ $-_ñé\t#|*"), max_size=20))
def test_what_hydra_can_read_is_never_changed(value: str) -> None:
    word = f"name={value}"
    (result,) = with_quotes(["train.py", word])[1:]
    try:
        OverridesParser.create().parse_override(word)
    except Exception:  # noqa: BLE001 (whatever Hydra makes of it, it does not read it)
        return
    assert result == word


@given(st.text(min_size=1).filter(lambda text: not set(text) & set("[]{}()'\",\\=:$") and text == text.strip()))
def test_any_other_text_is_read_as_text(text: str) -> None:
    word = f"name=ñ{text}"
    assert read(word) == f"ñ{text}"
