import base64
import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lab.report.figures.gallery import compute_all
from lab.report.html import page, page_table
from lab.report.text.translate import Translator, catalogue

DTYPES = {"f8": np.float64, "f4": np.float32, "i4": np.int32, "u1": np.uint8, "u2": np.uint16}


class Parts(HTMLParser):
    """What the tests look at: ids, links inside the page, loaded addresses, exact numbers, the block of data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.numbers: list[tuple[float, str]] = []
        self.headings: list[str] = []
        self._inside: tuple[str, dict[str, str | None]] = ("", {})
        self.block = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self._inside = (tag, given)
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given["href"])[1:]] if tag == "a" else []
        self.loaded += [str(given[name]) for name in ("src", "href") if name in given and tag != "a"]

    def handle_data(self, data: str) -> None:
        tag, given = self._inside
        if tag == "data":
            self.numbers.append((float(str(given["value"])), data))
        elif tag == "h2":
            self.headings.append(data)
        elif tag == "script" and given.get("id") == "report-data":
            self.block += data
        self._inside = ("", {}) if tag != "script" else self._inside


@pytest.fixture(scope="module")
def text(made_up: Path) -> str:
    return (made_up / "report" / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def parts(text: str) -> Parts:
    return Parts(text)


@pytest.fixture(scope="module")
def block(parts: Parts) -> dict:
    return json.loads(parts.block)


def decoded(array: dict) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(array["bdata"]), DTYPES[array["dtype"]])
    return values.reshape([int(size) for size in array["shape"].split(",")]) if "shape" in array else values


def columns_of(block: dict) -> pd.DataFrame:
    read = {}
    for column in block["table"]["columns"]:
        if "values" in column:
            read[column["name"]] = decoded(column["values"]).astype(np.float64)
            continue
        codes = decoded(column["codes"])
        if "words" in column:
            parts = np.split(codes, np.cumsum(decoded(column["sizes"]))[:-1])
            read[column["name"]] = [" ".join(column["words"][code] for code in part) for part in parts]
        else:
            read[column["name"]] = [column["levels"][code] for code in codes]
            if column["kind"] == "number":
                read[column["name"]] = np.array(read[column["name"]], np.float64)
    return pd.DataFrame(read)


def test_the_page_loads_nothing(parts: Parts, text: str) -> None:
    assert parts.loaded == ["data:,"]
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "http" not in policy[1]


def test_every_link_has_its_place_and_every_id_is_one(parts: Parts) -> None:
    assert set(parts.links) <= set(parts.ids)
    assert len(parts.ids) == len(set(parts.ids))
    assert len(parts.headings) == 9


def test_plotly_stands_in_the_page_once(text: str) -> None:
    assert text.count("plotly.js v") == 1
    assert len(text) < 5.5e6


def test_the_table_on_the_page_is_the_runs_own_records_digit_for_digit(made_up: Path, block: dict) -> None:
    shown = columns_of(block).set_index("path")
    names = ("train", "val", "test", "majority", "majority_val", "bayes")
    seen = 0
    for path in (made_up / "runs").glob("[0-9]*/run.json"):
        record, row = json.loads(path.read_text()), shown.loc[str(path.parent)]
        assert row["status"] == record["status"]
        assert row["command"] == record["command"]
        assert same(row["objective"], record["objective"]["value"])
        assert same(row["time_s"], record["timing_s"]["total"])
        majority = {f"majority{ending}": record["baselines"].get("majority", {}).get(split, {})
                    for ending, split in (("", "test"), ("_val", "val"))}  # fmt: skip
        scores = record["metrics"] | majority | {"bayes": record["reference"] or {}}
        for split in names:
            for metric, value in scores.get(split, {}).items():
                assert same(row[f"{split}/{metric}"], value), (path, split, metric)
                seen += 1
    assert len(shown) == 48
    assert seen > 1000


def same(shown: float, recorded: float | None) -> bool:
    return math.isnan(shown) if recorded is None else shown == recorded


def test_the_table_on_the_page_is_runs_csv(made_up: Path, block: dict) -> None:
    csv = pd.read_csv(made_up / "report" / "runs.csv", float_precision="round_trip")
    shown = columns_of(block)
    both = [name for name in shown if name in csv and pd.api.types.is_numeric_dtype(shown[name])]
    assert len(both) > 30
    csv, shown = csv.set_index(csv["run"].astype(str)), shown.set_index("run")
    for name in both:
        np.testing.assert_array_equal(shown[name], csv.loc[shown.index, name].astype(float), err_msg=name)


def test_the_order_is_the_leaderboards(block: dict) -> None:
    frame = columns_of(block)
    order = decoded(block["table"]["order"])
    values = frame["objective"].to_numpy()[order]
    known = values[np.isfinite(values)]
    assert (np.diff(known) <= 0).all()
    assert sorted(order) == list(range(48))


def test_every_number_that_is_read_keeps_its_digits(parts: Parts, made_up: Path) -> None:
    """Means of groups are those of stats_per_group.csv; what is shown is the exact value, rounded."""
    exact = {value for value, _ in parts.numbers}
    stats = pd.read_csv(made_up / "report" / "stats_per_group.csv", float_precision="round_trip")
    means = stats.loc[stats["number"] == "objective", "mean"].dropna()
    assert len(means) > 20
    shown = [value for value in means if value in exact]
    assert len(shown) >= len(means) - 10, "all but the groups beyond the first fifteen"
    for value, text in parts.numbers:
        if re.fullmatch(r"[+-]?\d\.\d{4}", text):
            assert abs(value - float(text)) <= 5.1e-5


def test_figures_show_the_runs_numbers(block: dict) -> None:
    frame = columns_of(block)
    figures = {figure["id"]: figure for figure in block["figures"]}
    assert {figure["id"] for figure in block["figures"]} == {
        "bars", "learning_curves", "accuracy_vs_lr", "accuracy_vs_batch", "front", "boxes", "metrics_comparison",
        "importance", "correlation_heatmap", "parallel", "scatter", "confusion", "reliability", "coverage",
    }  # fmt: skip
    for trace in figures["bars"]["panels"][0]["data"]:
        rows = decoded(trace["customdata"])
        np.testing.assert_allclose(decoded(trace["y"]), frame["objective"].to_numpy()[rows], rtol=1e-6)
    cloud = figures["accuracy_vs_lr"]["panels"][0]["data"][0]
    rows = decoded(cloud["customdata"])
    np.testing.assert_allclose(decoded(cloud["x"]), frame["optimizer.lr"].to_numpy()[rows], rtol=1e-6)
    assert sum(int(text or 0) for row in figures["confusion"]["panels"][0]["data"][0]["text"] for text in row) == 400


def test_a_folder_that_was_left_out_is_named(text: str) -> None:
    section = text[text.index('id="exclusions"') :]
    assert "foreign" in section[: section.index("</section>")]


def test_the_language_changes_the_page(made_up_report) -> None:
    spanish = Parts(page.page(made_up_report, compute_all(made_up_report), Translator("es")))
    assert [catalogue("es")[f"section.{name}"] for name in ("winner", "leaderboard")] == spanish.headings[:2]
    english = (text for key, text in catalogue("en").items() if key.startswith("caption."))
    assert not [text for text in english if "{" not in text and text in spanish.block]


def test_texts_cannot_break_out_of_the_page(tabled, tmp_path: Path) -> None:
    bad = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    report = tabled(objective=[0.5, 0.4], run=[bad, "b"], command=[bad, bad], **{"model.name": [bad, "tiny"]})
    made = page.page(report, compute_all(report), Translator("en"))
    assert bad not in made
    assert columns_of(json.loads(Parts(made).block))["run"][0] == bad


def test_columns_of_mixed_kinds_and_holes(tabled) -> None:
    table = page_table.table(
        tabled(
            objective=[0.5, None],
            **{"data.max_length": [40, "auto"], "model.dropout": [0.1, 0.2], "callbacks.curves.gif": [True, False]},
        )
    )
    columns = {column["name"]: column for column in table["columns"]}
    assert columns["data.max_length"]["levels"] == ["40", "auto"]
    assert decoded(columns["model.dropout"]["values"]).tolist() == [0.1, 0.2]
    assert columns["callbacks.curves.gif"]["levels"] == ["true", "false"]
    assert np.isnan(decoded(columns["objective"]["values"])[1])


def test_numbers_travel_small_and_whole(tabled) -> None:
    num = 300
    single = np.random.default_rng(0).random(num).astype(np.float32).astype(np.float64)
    report = tabled(
        objective=single.tolist(),
        time_s=(single + 1e-12).tolist(),
        peak_rss_gib=[0.1, None, 0.7] * (num // 3),
        command=[f"python train.py seed={row}" for row in range(num)],
    )
    table = page_table.table(report)
    columns = {column["name"]: column for column in table["columns"]}
    assert columns["objective"]["values"]["dtype"] == "f4"
    assert columns["time_s"]["values"]["dtype"] == "f8"
    assert columns["peak_rss_gib"]["levels"] == [0.1, 0.7, None]
    assert columns["command"]["words"][:2] == ["python", "train.py"]
    shown = columns_of({"table": table})
    for name in ("objective", "time_s", "peak_rss_gib"):
        np.testing.assert_array_equal(shown[name], report.runs.frame[name].astype(float))
    assert shown["command"].tolist() == report.runs.frame["command"].tolist()


def test_ten_thousand_runs_fit_into_the_page(tabled) -> None:
    """Plotly's script takes 4.8 MB of the 15; with 30 columns of full digits the table leaves room for the figures."""
    num, rng = 10_000, np.random.default_rng(0)
    scores = {f"test/score_{at}": rng.random(num) for at in range(30)}
    keys = {f"model.key_{at}": rng.choice([0.1, 0.2, 0.3, 0.4], num) for at in range(10)}
    command = [
        f"python train.py {' '.join(f'{key}={value[row]}' for key, value in keys.items())}" for row in range(num)
    ]
    table = page_table.table(tabled(objective=rng.random(num), command=command, **scores, **keys))
    assert len(json.dumps(table)) < 6e6


def test_figures_are_files_too(made_up: Path) -> None:
    folder = made_up / "report" / "figures"
    names = {path.stem for path in folder.glob("*.png")}
    assert names >= {
        "accuracy_vs_lr", "accuracy_vs_batch", "bars", "confusion", "correlation_heatmap", "coverage", "front",
        "importance", "learning_curves", "metrics_comparison", "parallel", "reliability", "scatter_2d",
        "scatter_3d",
    }  # fmt: skip
    assert sum(name.startswith("boxes_") for name in names) == 3
    assert {path.stem for path in folder.glob("*.svg")} == names
    assert all(path.stat().st_size > 2000 for path in folder.iterdir())


def test_no_torch_is_imported(made_up: Path, tmp_path: Path) -> None:
    code = f"""
import runpy, sys
sys.argv = ["report.py", "runs={made_up / "runs" / "0"}", "output={tmp_path / "report"}"]
try:
    runpy.run_path("report.py", run_name="__main__")
except SystemExit as ended:
    code = ended.code
heavy = [name for name in ("torch", "lightning", "transformers", "plotly.graph_objs") if name in sys.modules]
sys.exit(f"{{code}} {{heavy}}" if code or heavy else 0)
"""
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    absent = [figure["absent"] for figure in json.loads(Parts(text).block)["figures"] if "absent" in figure]
    assert len(absent) >= 6, "one run alone: figures say why they are not drawn"
