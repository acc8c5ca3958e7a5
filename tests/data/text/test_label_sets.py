"""Sets of labels are refused as classes, and become a column per label on request; what is no class is refused."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from lab.core.errors import Mistake, RequestError
from lab.data.label_encoder import LabelEncoder
from lab.data.readers.text_table import Table
from lab.data.text.corpus import Corpus, load
from lab.data.text.label_sets import as_list, labels_in, separator_of
from lab.data.text.label_survey import Columns, survey

Request = Callable[..., Any]
SETS = (["a"], ["a", "b"], ["b", "c"], [], ["c", "a"], None)
WORDS = ("bomba", "motor", "sello", "eje", "turbina", "válvula", "filtro", "correa", "aceite", "cable")


def texts(num: int = 60) -> list[str]:
    return [f"{WORDS[n % 10]} {WORDS[n // 10]} {WORDS[(n * 7) % 10]} nota {n}" for n in range(num)]


def written(folder: Path, kind: str, num: int = 60) -> Path:
    """The sets as `kind` writes them; a row without a set, None, is missing."""
    sets = [SETS[n % len(SETS)] for n in range(num)]
    path = folder / f"a.{kind.split()[0]}"
    if kind == "parquet":
        pq.write_table(pa.table({"texto": texts(num), "temas": pa.array(sets, pa.list_(pa.string()))}), path)
    elif kind == "jsonl":
        rows = [json.dumps({"texto": text, "temas": one}) for text, one in zip(texts(num), sets, strict=True)]
        path.write_text("\n".join(rows), encoding="utf-8")
    else:
        as_text = {"csv lists": lambda one: f'"{one}"', "csv bars": "|".join, "csv semicolons": "; ".join}[kind]
        cells = ["" if one is None or (one == [] and kind != "csv lists") else as_text(one) for one in sets]  # type: ignore[operator]
        rows = [f"{text},{cell}" for text, cell in zip(texts(num), cells, strict=True)]
        path.write_text("\n".join(["texto,temas", *rows]) + "\n", encoding="utf-8")
    return path


def loaded(data_request: Request, path: Path, **changes: Any) -> Corpus:
    requested = {"path": str(path), "text": ["texto"], "labels": ["temas"], "leaks": {"action": "off"}} | changes
    return load(data_request("csv", **requested), path.parent / "cache")


def refused(data_request: Request, path: Path, **changes: Any) -> list[Mistake]:
    with pytest.raises(RequestError) as caught:
        loaded(data_request, path, **changes)
    return list(caught.value.mistakes)


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv lists", "csv bars", "csv semicolons"])
def test_sets_of_labels_are_refused_and_the_remedy_makes_a_column_of_each_label(
    data_request: Request, tmp_path: Path, kind: str
) -> None:
    path = written(tmp_path, kind)
    (mistake,) = refused(data_request, path)
    assert (mistake.key, mistake.value) == ("data.labels", "temas")
    assert "label sets need a column per label" in mistake.problem
    typed = mistake.remedy.partition(", which")[0]
    overrides = OverridesParser.create().parse_overrides(shlex.split(typed))
    changes = {str(one.key_or_group).removeprefix("data."): one.value() for one in overrides}
    corpus = loaded(data_request, path, **changes)
    assert [head.name for head in corpus.heads] == ["temas_a", "temas_b", "temas_c"]
    assert {head.classes for head in corpus.heads} == {("0", "1")}
    known = 10 if kind in ("csv bars", "csv semicolons") else 0  # in text, an empty cell is not known
    assert sum(len(rows.texts) for rows in corpus.splits.values()) == 50 - known
    for rows in corpus.splits.values():
        for place, row in enumerate(rows.source_rows.tolist()):
            held = SETS[row % len(SETS)] or []
            assert [rows.labels[f"temas_{label}"][place] for label in "abc"] == [int(label in held) for label in "abc"]


def test_a_set_may_be_taken_as_a_class_on_request(data_request: Request, tmp_path: Path) -> None:
    for kind in ("csv bars", "parquet"):
        corpus = loaded(data_request, written(tmp_path, kind), split_labels=[])
        assert [head.name for head in corpus.heads] == ["temas"]
        assert corpus.heads[0].num_classes in (4, 5)


def test_rare_labels_become_no_column_and_are_named(
    data_request: Request, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, "csv bars")
    with path.open("a", encoding="utf-8") as file:
        file.write("otra cosa,a|rara\ny otra más,rara\n")
    corpus = loaded(data_request, path, split_labels=["temas"])
    assert [head.name for head in corpus.heads] == ["temas_a", "temas_b", "temas_c"]
    assert "temas: 1 labels in fewer than 3 rows do not become columns: rara" in caplog.text


def test_columns_that_clash_are_refused(data_request: Request, tmp_path: Path) -> None:
    rows = "".join(f"{text},{'a|b' if n % 2 else 'b'},x\n" for n, text in enumerate(texts()))
    path = tmp_path / "a.csv"
    path.write_text(f"texto,temas,temas_a\n{rows}", encoding="utf-8")
    (mistake,) = refused(data_request, path, split_labels=["temas"])
    assert (mistake.key, mistake.value) == ("data.split_labels", "temas")
    assert "already exist: temas_a" in mistake.problem


@pytest.mark.parametrize(
    ("names", "separator"),
    [
        (["a|b", "b|c", "c"], "|"),
        (["a|b", "b|a"], "|"),
        (["Eje", "Sello", "Eje, Sello"], ","),
        (["x;y", "x", "y", "otro"], ";"),
        (["Equipo|Bomba", "Equipo|Motor", "Sistema|Red"], None),
        (["Lima, Perú", "Cusco, Perú", "Perú"], None),
        (["Fuga, interna", "Fuga, externa", "Otro"], None),
        (["sí, seguro", "no, nunca", "no"], None),
        (["a", "b"], None),
        ([], None),
    ],
)
def test_sets_are_distinguished_from_names_with_the_separator(names: list[str], separator: str | None) -> None:
    assert separator_of(names) == separator


@pytest.mark.parametrize(
    "cell", ["[sin dato]", "[", "[" * 5000 + "]" * 5000, "[1, 2", "{'a': 1}", "a", "", "[__import__('os')]"]
)
def test_what_is_no_list_is_no_set(cell: str) -> None:
    assert as_list(cell) is None
    assert labels_in("['x', 'y', 'x']", "|") == ("x", "y")


def test_objects_are_no_labels(data_request: Request, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"texto": text, "modo": "AB"[n % 2] if n % 5 else {"id": n % 3}} for n, text in enumerate(texts())]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (mistake,) = refused(data_request, path, labels=["modo"])
    assert (mistake.key, mistake.value) == ("data.labels", "modo")
    assert 'contains JSON objects ({"id": "0"})' in mistake.problem
    path = tmp_path / "a.csv"
    cells = ['"{""a"": 1}"', "B"]
    path.write_text("texto,modo\n" + "".join(f"{text},{cells[n % 2]}\n" for n, text in enumerate(texts())))
    assert "contains JSON objects" in refused(data_request, path, labels=["modo"])[0].problem


def test_true_and_false_are_two_classes_and_no_others_beside_them(data_request: Request, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"texto": text, "modo": n % 3 == 0} for n, text in enumerate(texts())]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    corpus = loaded(data_request, path, labels=["modo"])
    assert corpus.heads[0].classes == ("false", "true")
    for other in ("spam", 1):
        rows[7]["modo"] = other  # type: ignore[assignment]
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        (mistake,) = refused(data_request, path, labels=["modo"])
        assert "contains true or false (line 1 of a.jsonl) as well as other values (line 8)" in mistake.problem


def test_half_a_character_in_json_lines_is_named_by_its_line(data_request: Request, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"texto": "uno", "temas": "a"}\n{"texto": "dos \\ud83d", "temas": "b"}\n', encoding="utf-8")
    (mistake,) = refused(data_request, path)
    assert "line 2 contains half of a character" in mistake.problem


@pytest.mark.parametrize("spaced", [False, True])
def test_header_rows_of_joined_files_are_left_out_and_counted(
    data_request: Request, tmp_path: Path, spaced: bool
) -> None:
    path, header = tmp_path / "a.csv", "texto,modo"
    again = " texto , modo" if spaced else header
    rows = [f"{text},{'AB'[n % 2]}" for n, text in enumerate(texts())]
    path.write_text("\n".join([header, *rows[:30], again, *rows[30:], again]) + "\n,\n,\n\n\n", encoding="utf-8")
    corpus = loaded(data_request, path, labels=["modo"])
    assert corpus.heads[0].classes == ("A", "B")
    assert sum(len(rows.texts) for rows in corpus.splits.values()) == 60
    assert "all: 2 rows repeat the header and are left out (were files joined?)" in corpus.notes
    assert corpus.facts["header_rows"] == {"all": 2}
    assert corpus.facts["dropped"] == {"all": {"no_text": 2, "no_label": 0}}
    places = sorted(row for rows in corpus.splits.values() for row in rows.source_rows.tolist())
    assert places == [*range(30), *range(31, 61)]  # places in the file stay those of the file


def test_a_text_that_is_its_columns_name_is_no_header() -> None:
    table = Table(pa.table({"texto": ["texto", "uno"], "modo": ["A", "B"]}))
    result = survey(table, Columns(("texto",), ("modo",)), {"modo": LabelEncoder()})
    assert (result.headers, len(result)) == (0, 2)


def test_groups_that_differ_in_blanks_alone_are_one() -> None:
    table = Table(pa.table({"texto": ["a", "b", "c"], "modo": ["A", "B", "A"], "sitio": ["Lima", "Lima ", "\tLima"]}))
    result = survey(table, Columns(("texto",), ("modo",), "sitio"), {"modo": LabelEncoder()})
    assert result.groups is not None
    assert len(set(result.groups.tolist())) == 1
