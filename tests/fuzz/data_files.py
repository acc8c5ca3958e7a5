"""Data files as strangers bring them, broken at random: hypothesis strategies of `fuzz_data.py`.

Each file is a sound one (texts with labels as CSV, TSV, JSON lines or Parquet, questions as SQuAD JSON, long tables as
CSV or XLSX, cases as .ts) with a few faults: of its rows, of its cells, of its bytes.
"""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

TEXT = ("data=csv", "model=ngram", "model.buckets=256", "model.dimension=4", "data.text=[text]", "data.labels=[cause]")
QUESTIONS = ("data=squad", "model=tiny", "data.max_length=64", "data.stride=16", "data.batch_size=4")
WINDOWS = (
    "data=series_table", "model=minirocket", "model.num_features=84", "data.time=time", "data.window=10",
    "data.batch_size=8", "data.label={feature: rain, horizon: 1, threshold: 1.0}", "data.group=station",
)  # fmt: skip
CASES = ("data=ucr", "data.name=Toy", "model=minirocket", "model.num_features=84", "data.batch_size=8")
ODD_CELLS = (
    "", " ", '"', '""', "'", '"a\nb"', "a\r\nb", "\x00", "\ufeff", "\x85", "\u2028", "nan", "NaN", "null", "?", "-",
    "1,5", "1.234,5", "1e400", "-inf", "99.99", "-999", "007", "true", "[1, 2]", "a|b", '{"a": 1}', "=1+1", "\ud83d",
    "x" * 5000, "ñ́", "текст", "text", "cause", "2024-02-30", "20240101", "1704067200", "24:00", "[/x]", "%s",
    "${oc.env:HOME}",
)  # fmt: skip
ODD_BYTES = (
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\r",
    b"\n",
    b'"',
    b"\\",
    b",",
    b";",
    b"\t",
    b"\xf1",
    b"\xe2\x80\xa8",
    b"",
)
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252")


@dataclass(frozen=True)
class Fuzzed:
    """One broken file. words: the overrides that read it; faults: what was done to it."""

    name: str
    content: bytes
    words: tuple[str, ...]
    faults: tuple[str, ...]


Rows = list[list[str]]


def text_rows(num_rows: int) -> Rows:
    words = ("fuga", "aceite", "ruido", "motor", "bomba", "presión", "válvula", "trabada")
    rows = [
        [f"{words[i % 8]} {words[(i * 3 + i // 8) % 8]} equipo {i}", "abc"[(i * i) % 3], f"planta {i % 4}"]
        for i in range(num_rows)
    ]
    return [["text", "cause", "place"], *rows]


def series_rows(num_rows: int) -> Rows:
    rows = []
    for station in ("norte", "sur"):
        for day in range(num_rows // 2):
            date = np.datetime64("2024-01-01") + day
            rain = max(0.0, round(4 * np.sin(day) + (day * 7) % 5 - 2, 2))
            rows.append([str(date), station, str(rain), str(15 + (day * 5) % 11)])
    return [["time", "station", "rain", "temperature"], *rows]


def _break_rows(draw: Any, rows: Rows, faults: list[str]) -> Rows:
    """Up to three faults of rows and cells."""
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2, 3)))):
        place, other = draw(st.integers(0, len(rows) - 1)), draw(st.integers(0, len(rows) - 1))
        column = draw(st.integers(0, len(rows[0]) - 1))
        kind = draw(
            st.sampled_from(("cell", "column", "swap", "repeat", "drop", "header", "short", "long", "blank", "cut"))
        )
        faults.append(f"{kind} {place} {column}")
        if kind == "cell" and column < len(rows[place]):
            rows[place][column] = draw(st.sampled_from(ODD_CELLS))
        elif kind == "column":
            cell = draw(st.sampled_from(ODD_CELLS))
            rows = [[*row[:column], cell, *row[column + 1 :]] if i % 2 else row for i, row in enumerate(rows)]
        elif kind == "swap":
            rows[place], rows[other] = rows[other], rows[place]
        elif kind == "repeat":
            rows[place:place] = [list(rows[other])] * draw(st.integers(1, 3))
        elif kind == "drop" and len(rows) > 1:
            del rows[place]
        elif kind == "header":
            rows.insert(place, list(rows[0]))
        elif kind == "short":
            rows[place] = rows[place][:column]
        elif kind == "long":
            rows[place] = [*rows[place], "more"]
        elif kind == "blank":
            rows[place:place] = [[""] * len(rows[0])] * 2
        elif kind == "cut" and place > 1:
            rows = rows[:place]
        if not rows or not rows[0]:
            return [["text"]]
    return rows


def _break_bytes(draw: Any, content: bytes, faults: list[str]) -> bytes:
    for _ in range(draw(st.sampled_from((0, 0, 0, 0, 0, 1, 1, 2)))):
        place = len(content) * draw(st.integers(0, 9999)) // 10_000  # a workbook's length changes with the clock
        odd = draw(st.sampled_from(ODD_BYTES))
        kind = draw(st.sampled_from(("insert", "replace", "truncate", "zeros")))
        faults.append(f"{kind} {odd!r} at byte {place}")
        if kind == "insert":
            content = content[:place] + odd + content[place:]
        elif kind == "replace":
            content = content[:place] + odd + content[place + len(odd) :]
        elif kind == "truncate":
            content = content[:place]
        else:
            content = content[:place] + bytes(min(64, len(content) - place)) + content[place + 64 :]
    return content


def _encoded(draw: Any, text: str, faults: list[str]) -> bytes:
    encoding = draw(st.sampled_from(ENCODINGS))
    if encoding != "utf-8":
        faults.append(encoding)
    return text.encode(encoding, "replace" if encoding in ("latin-1", "cp1252") else "surrogatepass")


def _as_csv(draw: Any, rows: Rows, delimiter: str) -> str:
    file = io.StringIO()
    ending = draw(st.sampled_from(("\n", "\n", "\n", "\r\n", "\r")))
    quoting = draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL, None)))
    if quoting is None:  # quotes as they stand, as hand-made files have them
        return ending.join(delimiter.join(row) for row in rows) + ending
    csv.writer(file, delimiter=delimiter, lineterminator=ending, quoting=quoting).writerows(rows)
    return draw(st.sampled_from(("", "", "", f"sep={delimiter}\n"))) + file.getvalue()


def as_text(rows: Rows) -> bytes:
    """Rows as plain CSV."""
    return "\n".join(",".join(row) for row in rows).encode()


@st.composite
def text_files(draw: Any) -> Fuzzed:
    """Texts with labels."""
    faults: list[str] = []
    rows = _break_rows(draw, text_rows(60), faults)
    kind = draw(st.sampled_from(("csv", "csv", "csv", "tsv", "jsonl", "parquet")))
    words = TEXT
    if kind == "jsonl":
        text = (
            "\n".join(json.dumps(dict(zip(rows[0], row, strict=False)), ensure_ascii=False) for row in rows[1:]) + "\n"
        )
        content = _encoded(draw, text, faults)
    elif kind == "parquet":
        content = _as_parquet(rows)
    else:
        delimiter = draw(st.sampled_from((",", ",", ",", ";"))) if kind == "csv" else "\t"
        if delimiter == ";" and draw(st.booleans()):
            words += ('data.delimiter=";"',)
        content = _encoded(draw, _as_csv(draw, rows, delimiter), faults)
    return Fuzzed(f"notices.{kind}", _break_bytes(draw, content, faults), words, tuple(faults))


def _as_parquet(rows: Rows) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet

    width = len(rows[0])
    cells = [[(row[place] if place < len(row) else None) for row in rows[1:]] for place in range(width)]
    cells = [
        [cell if cell is None else cell.encode("utf-8", "replace").decode() for cell in column] for column in cells
    ]
    names = [f"{name}_{place}" if rows[0].index(name) != place else name for place, name in enumerate(rows[0])]
    file = io.BytesIO()
    arrays = [pa.array(column, pa.string()) for column in cells]
    pyarrow.parquet.write_table(pa.Table.from_arrays(arrays, names=names), file)
    return file.getvalue()


def question_documents() -> list[dict[str, Any]]:
    """Twelve documents of one paragraph and three questions."""
    documents: list[dict[str, Any]] = []
    for place in range(12):
        context = (
            f"La bomba número {place} vibra desde el martes. El operador {place % 5} vio una fuga de aceite, señaló."
        )
        answers = [{"text": "fuga de aceite", "answer_start": context.index("fuga")}]
        questions = [{"id": f"q{place}-{n}", "question": f"¿Qué vio {n}?", "answers": answers} for n in range(3)]
        documents.append({"title": f"t{place}", "paragraphs": [{"context": context, "qas": questions}]})
    return documents


def question_file() -> bytes:
    return json.dumps({"version": "1.1", "data": question_documents()}).encode()


@st.composite
def question_files(draw: Any) -> Fuzzed:
    """Questions in SQuAD's format."""
    faults: list[str] = []
    odd: list[Any] = [None, "", " ", 5, -1, 1.5, "15", [], {}, True, "\x00", "x" * 3000, "\u2028", "é́", "\ud83d"]
    documents = question_documents()
    for _ in range(draw(st.sampled_from((0, 1, 1, 1, 2)))):
        node: Any = documents
        path = []
        while isinstance(node, list | dict) and node and (len(path) < 2 or draw(st.integers(0, 4))):
            step = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
            path.append(step)
            parent, node = node, node[step]
        value = draw(st.sampled_from(odd))
        faults.append(f"{path} = {value!r:.20}")
        if draw(st.integers(0, 3)) or not isinstance(parent, dict):
            parent[path[-1]] = value
        else:
            del parent[path[-1]]
    text = json.dumps({"version": "1.1", "data": documents}, ensure_ascii=draw(st.booleans()))
    content = _break_bytes(draw, _encoded(draw, text, faults), faults)
    return Fuzzed("questions.json", content, QUESTIONS, tuple(faults))


@st.composite
def tables(draw: Any) -> Fuzzed:
    """Long tables, one row per time step and station."""
    faults: list[str] = []
    rows = _break_rows(draw, series_rows(320), faults)
    gaps = draw(st.sampled_from(("interpolate", "ffill", "drop", "mask")))
    words = (*WINDOWS, f"data.missing_values={gaps}", f"data.sort={str(draw(st.booleans())).lower()}")
    if draw(st.integers(0, 5)) == 0:
        return Fuzzed("weather.xlsx", _break_bytes(draw, as_xlsx(rows), faults), words, tuple(faults))
    content = _encoded(draw, _as_csv(draw, rows, ","), faults)
    return Fuzzed("weather.csv", _break_bytes(draw, content, faults), words, tuple(faults))


def as_xlsx(rows: Rows) -> bytes:
    import openpyxl
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append([ILLEGAL_CHARACTERS_RE.sub("", cell.encode("utf-8", "replace").decode()) for cell in row])
    book.save(file)
    return file.getvalue()


def case_lines() -> list[str]:
    """Twenty cases of two classes in the format of the UCR archive."""
    flags = (
        "problemName Toy",
        "timeStamps false",
        "univariate true",
        "equalLength true",
        "classLabel true a b",
        "data",
    )
    values = [",".join(str(round(np.sin(i + t / 3), 3)) for t in range(20)) for i in range(20)]
    return [*(f"@{flag}" for flag in flags), *(f"{case}:{'ab'[i % 2]}" for i, case in enumerate(values))]


def case_file() -> bytes:
    return "\n".join(case_lines()).encode()


@st.composite
def cases(draw: Any) -> Fuzzed:
    """A training file of the UCR archive; the test file is its copy."""
    faults: list[str] = []
    lines = case_lines()
    for _ in range(draw(st.sampled_from((0, 1, 1, 2)))):
        place = draw(st.integers(0, len(lines) - 1))
        odd = draw(
            st.sampled_from(("", ":", "?", "nan:a", "1,2:c", "1:2:a", "@data", "x,y:a", "1e400,1:b", "(0,1):a", "#"))
        )
        faults.append(f"line {place} = {odd}")
        lines[place] = odd
    return Fuzzed(
        "Toy_TRAIN.ts", _break_bytes(draw, _encoded(draw, "\n".join(lines), faults), faults), CASES, tuple(faults)
    )


FILES = {"texts": text_files(), "questions": question_files(), "tables": tables(), "cases": cases()}
