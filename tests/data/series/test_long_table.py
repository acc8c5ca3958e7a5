"""A long table becomes a panel, or all of its mistakes are reported at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Table
from lab.core.batches import MISSING
from lab.core.errors import RequestError
from lab.data.series.long_table import read_panel

CONF = Path(__file__).parents[3] / "conf"
RULE = {"feature": "rain", "horizon": 1, "threshold": 1.0}


def frame(days: int = 12) -> pd.DataFrame:
    """Two stations, one row a day and station, the stations in turns."""
    random = np.random.default_rng(0)
    day = pd.date_range("2024-01-01", periods=days).strftime("%Y-%m-%d")
    return pd.DataFrame({
        "date": np.repeat(day, 2), "station": ["Norte", "Sur"] * days, "rain": random.gamma(1, 2, 2 * days),
        "wind": random.random(2 * days), "kind": random.choice(["wet", "dry"], 2 * days), "code": [1.0, 3.0] * days,
    })  # fmt: skip


@pytest.fixture(scope="module")
def base() -> Table:
    with initialize_config_dir(str(CONF)):
        typed = ["data=series_table", "model=inception_time", "data.path=a", "data.time=date", "data.group=station",
                 "data.label={feature: rain, horizon: 1, threshold: 1.0}", "data.features=[rain,wind]"]  # fmt: skip
        data = check(compose("config", typed)).data
    assert isinstance(data, Table)
    return data


@pytest.fixture
def read(base: Table, tmp_path: Path) -> Callable[..., Any]:
    def act(table: pd.DataFrame, name: str = "meteo.csv", **changes: Any) -> Any:
        path = tmp_path / name
        if name.endswith(".parquet"):
            table.to_parquet(path, index=False)
        elif name.endswith(".xlsx"):
            pytest.importorskip("openpyxl")
            table.to_excel(path, index=False)
        else:
            table.to_csv(path, index=False)
        return read_panel(Table.model_validate(base.model_dump() | {"path": str(path)} | changes))[1]

    return act


def test_a_row_counter_that_nobody_named_is_no_input(base: Table, tmp_path: Path) -> None:
    path = tmp_path / "meteo.csv"
    frame().to_csv(path)
    columns = read_panel(Table.model_validate(base.model_dump() | {"path": str(path), "features": None}))[1].columns
    assert columns == ("rain", "wind", "code")


def test_offsets_that_change_with_the_season_are_read(read: Any) -> None:
    hours = pd.date_range("2024-03-31", periods=8, freq="h", tz="Europe/Madrid")
    table = frame(4).assign(date=[moment.isoformat() for moment in hours], station="Norte")
    panel = read(table)
    assert panel.step == np.timedelta64(3600, "s")
    assert panel.first[0] == np.datetime64("2024-03-30T23:00:00")


def test_the_step_is_not_read_across_groups(read: Any) -> None:
    table = frame()
    panel = read(table.drop(index=[index for index in table.index if table.station[index] == "Norte"][1:]))
    assert panel.step == np.timedelta64(86_400, "s")


def test_a_parquet_file_is_read_a_row_group_at_a_time(base: Table, tmp_path: Path) -> None:
    path = tmp_path / "meteo.parquet"
    table = frame()
    table.to_parquet(path, index=False)
    whole = read_panel(Table.model_validate(base.model_dump() | {"path": str(path)}))[1]
    table.to_parquet(path, index=False, row_group_size=5)
    pieces = read_panel(Table.model_validate(base.model_dump() | {"path": str(path)}))[1]
    assert np.array_equal(whole.values, pieces.values)
    table.loc[17, "wind"] = np.inf
    table["rain"] = table["rain"].astype(str)
    table.loc[[3, 19], "rain"] = ["much", "more"]
    table.to_parquet(path, index=False, row_group_size=5)
    with pytest.raises(RequestError) as caught:
        read_panel(Table.model_validate(base.model_dump() | {"path": str(path)}))
    text = str(caught.value)
    assert "column 'rain' contains 'much' in rows 3, 19" in text
    assert "column 'wind' is infinite in rows 17" in text


@pytest.mark.parametrize("name", ["meteo.csv", "meteo.tsv.gz", "meteo.parquet", "meteo.xlsx"])
def test_every_kind_of_file_gives_the_same_panel(read: Any, name: str) -> None:
    table = frame()
    if name.startswith("meteo.tsv"):
        with pytest.raises(RequestError, match="has one column"):
            read(table, name)  # commas in a file of tabs
        return
    panel = read(table, name)
    assert panel.groups == ("Norte", "Sur")
    assert panel.starts.tolist() == [0, 12, 24]
    assert np.allclose(panel.values[12:, 1], table["wind"][1::2])
    assert panel.times(np.array([0, 23])).astype("datetime64[D]").astype(str).tolist() == ["2024-01-01", "2024-01-12"]


def test_every_column_of_numbers_is_read_where_none_is_named(read: Any) -> None:
    assert read(frame().drop(columns="code"), features=None).columns == ("rain", "wind")


def test_a_column_of_labels_becomes_classes_in_their_order(read: Any) -> None:
    table = frame()
    table.loc[2, "kind"] = None
    panel = read(table, label="kind")
    assert panel.classes == ("dry", "wet")
    assert panel.codes[1] == MISSING
    assert [("dry", "wet")[code] for code in panel.codes[12:]] == table["kind"][1::2].tolist()
    assert read(table, label="code", features=("rain", "wind")).classes == ("1", "3")


def broken(change: Callable[[pd.DataFrame], object]) -> pd.DataFrame:
    table = frame()
    change(table)
    return table


def put(column: str, rows: Any, value: Any) -> Callable[[pd.DataFrame], object]:
    def act(table: pd.DataFrame) -> None:
        table[column] = table[column].astype(object)
        table.loc[rows, column] = value

    return act


@pytest.mark.parametrize(
    ("change", "settings", "words"),
    [
        (put("date", 4, "2024-01-02"), {}, ["time stamps occur twice", "group 'Norte', 2024-01-02"]),
        (put("date", 4, "2023-01-02"), {}, ["goes back", "row 4 (2023-01-02 after 2024-01-02)", "data.sort=true"]),
        (put("date", 22, "2024-01-15"), {}, ["1 days except 1", "4 days before 2024-01-15", "data.resample=1D"]),
        (put("date", 4, "soon"), {}, ["no date of ISO 8601 in rows 4: 'soon'"]),
        (put("station", 4, None), {}, ["'station' is empty in rows 4"]),
        (put("wind", [4, 5], "calm"), {}, ["column 'wind' contains 'calm' in rows 4, 5"]),
        (put("wind", 4, np.inf), {}, ["column 'wind' is infinite in rows 4"]),
        (put("wind", slice(None), 3.0), {}, ["column wind has one value in all rows", "data.features=[rain]"]),
        (put("wind", slice(None), np.nan), {}, ["column wind contains no value at all"]),
        (lambda table: table.insert(0, "again", table["rain"]), {"features": ("rain", "wind", "again")},
         ["column again (of rain) is a copy"]),
        (lambda table: None, {"time": "data"}, ["data.time=data: no column of this name", "data.time=date"]),
        (lambda table: None, {"time": "code"}, ["contains numbers, not time stamps"]),
        (lambda table: None, {"features": ("rian", "wind", "snow")}, ["data.features=rian", "data.features=snow"]),
        (lambda table: None, {"features": ("wind",)}, ["data.label.feature=rain: is not among the input columns"]),
        (lambda table: None, {"label": "wind"}, ["a model that reads its label learns nothing"]),
        (lambda table: None, {"resample": "often"}, ["data.resample=often: is neither a length of time nor"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(read: Any, change: Any, settings: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(RequestError) as error:
        read(broken(change), **settings)
    assert all(word in str(error.value) for word in words), str(error.value)


def test_several_mistakes_are_reported_at_once(read: Any) -> None:
    def change(table: pd.DataFrame) -> None:
        put("wind", slice(None), 3.0)(table)
        put("date", 22, "2024-01-15")(table)
        put("date", 5, "2024-01-02")(table)

    with pytest.raises(RequestError) as error:
        read(broken(change))
    assert len(error.value.mistakes) == 3


@pytest.mark.parametrize("name", ["gone.csv", "meteo.doc", "torn.parquet", "torn.xlsx"])
def test_a_file_that_cannot_be_read_is_named(base: Table, tmp_path: Path, name: str) -> None:
    (tmp_path / "meteo.doc").write_text("x")
    (tmp_path / "torn.parquet").write_text("x")
    (tmp_path / "torn.xlsx").write_text("x")
    with pytest.raises(RequestError, match=r"data\.path"):
        read_panel(base.model_copy(update={"path": str(tmp_path / name)}))


def test_rows_are_sorted_on_request(read: Any) -> None:
    table = frame()
    mixed = table.sample(frac=1.0, random_state=1)
    assert np.array_equal(read(mixed, sort=True).values[:12, 0], read(table).values[:12, 0])


def test_resampling_takes_means_and_leaves_gaps(read: Any) -> None:
    table = frame()
    table = pd.concat([table.drop(index=[8, 9]), table.iloc[[0]].assign(rain=0.0)])
    panel = read(table, sort=True, resample="1D")
    assert panel.values.shape == (24, 2)
    assert panel.values[0, 0] == pytest.approx(table["rain"].iloc[0] / 2)
    assert np.isnan(panel.values[[4, 16]]).all()
    assert not np.isnan(panel.values[[3, 15]]).any()
    assert panel.step == np.timedelta64(86_400, "s")


@pytest.mark.parametrize("name", ["meteo.csv", "meteo.xlsx"])
def test_a_group_may_be_called_na_and_a_missing_class_is_logged(
    read: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    table = frame().replace({"station": {"Norte": "NA"}, "kind": {"wet": "None"}})
    table["wind"] = table["wind"].astype(object)
    table.loc[4, "wind"] = "NA"
    panel = read(table, name, label="kind")
    assert panel.groups == ("NA", "Sur")
    assert panel.classes == ("dry",)
    assert "cells contain None and are read as missing; rename a class of this name" in caplog.text
    assert int(np.isnan(panel.values).sum()) == 1


def test_among_numbers_such_a_word_is_a_gap(read: Any) -> None:
    table = frame()
    table["kind"] = ["0", "NA"] * 6 + ["1", "NULL"] * 6
    panel = read(table, label="kind")
    assert panel.classes == ("0", "1")
    assert (panel.codes == MISSING).sum() == 12
    with pytest.raises(RequestError, match="is empty in rows 1, 3"):
        read(table, group="kind", label="station")


def test_a_logger_that_writes_down_its_own_delay_keeps_its_step(read: Any) -> None:
    table = frame()
    late = np.random.default_rng(1).integers(0, 90, 12)
    moments = pd.date_range("2024-01-01", periods=12, freq="h") + pd.to_timedelta(late, unit="ms")
    panel = read(table.assign(date=np.repeat(moments.strftime("%Y-%m-%dT%H:%M:%S.%f"), 2)))
    assert panel.step == np.timedelta64(3600, "s")
    thirtieth = pd.to_datetime([number * 10**9 // 30 for number in range(12)])
    panel = read(table.assign(date=np.repeat(thirtieth.strftime("%Y-%m-%dT%H:%M:%S.%f"), 2)))
    assert panel.step == np.timedelta64(33333, "us")


def test_steps_below_a_second(read: Any) -> None:
    table = frame()
    moments = pd.date_range("2024-01-01", periods=12, freq="20ms").strftime("%Y-%m-%dT%H:%M:%S.%f")
    table["date"] = np.repeat(moments, 2)
    panel = read(table)
    assert panel.step == np.timedelta64(20, "ms")
    assert panel.times(np.array([13]))[0] == np.datetime64("2024-01-01T00:00:00.020")
    coarse = read(table, resample="60ms")
    assert coarse.values.shape == (8, 2)
    assert coarse.values[0, 0] == pytest.approx(table["rain"].iloc[[0, 2, 4]].mean(), rel=1e-5)
    assert read(table, resample="1500us").step == np.timedelta64(1500, "us")
    with pytest.raises(RequestError, match=r"data\.resample=20ms"):
        read(table.drop(index=[4, 5]))


def test_jitter_to_both_sides_and_steps_of_no_whole_seconds_are_equal_steps(read: Any) -> None:
    """Cut off to whole seconds, -3 ms would be the second before, and 1.5 s would be 1 and 2 in turns."""
    jitter = pd.to_timedelta(np.random.default_rng(1).integers(-3, 4, 12), unit="ms")
    moments = pd.date_range("2024-01-01 00:01", periods=12, freq="min") + jitter
    panel = read(frame().assign(date=np.repeat(moments.strftime("%Y-%m-%dT%H:%M:%S.%f"), 2)))
    assert panel.step == np.timedelta64(60, "s")
    moments = pd.date_range("2024-01-01", periods=12, freq="1500ms")
    panel = read(frame().assign(date=np.repeat(moments.strftime("%Y-%m-%dT%H:%M:%S.%f"), 2)))
    assert panel.step == np.timedelta64(1500, "ms")


def text(table: pd.DataFrame, path: Path, **how: Any) -> dict[str, Any]:
    table.to_csv(path, index=False, **how)
    return {"path": str(path)}


def test_a_spanish_table_is_read_as_it_is_written(base: Table, tmp_path: Path) -> None:
    table = frame().rename(columns={"station": "estación"})
    table["date"] = pd.to_datetime(table["date"]).dt.strftime("%d/%m/%Y")
    written = text(table, tmp_path / "a.csv", sep=";", decimal=",", encoding="latin-1")
    requested = base.model_dump() | written | {"group": "estación"}

    def panel(**changes: Any) -> Any:
        return read_panel(Table.model_validate(requested | changes))[1]

    with pytest.raises(RequestError, match=r"data\.encoding=utf-8: .*\n? *try: data\.encoding=latin-1|latin-1"):
        panel()
    with pytest.raises(RequestError, match=r"has one column"):
        panel(encoding="latin-1")
    with pytest.raises(RequestError, match=r'the numbers of rain, wind, code with a comma\n +try: .data\.decimal=","'):
        panel(encoding="latin-1", delimiter=";")
    form = {"encoding": "latin-1", "delimiter": ";", "decimal": ","}
    with pytest.raises(RequestError, match=r"no date of ISO 8601 .*'01/01/2024'"):
        panel(**form)
    with pytest.raises(RequestError, match=r"the numbers of rain, wind, code with a point\n +try: data\.decimal=\."):
        panel(**text(frame(), tmp_path / "b.csv"), decimal=",", group="station")
    result = panel(**form, time_format="%d/%m/%Y")
    expected = read_panel(Table.model_validate(base.model_dump() | text(frame(), tmp_path / "b.csv")))[1]
    np.testing.assert_array_equal(result.values, expected.values)
    assert result.first.tolist() == expected.first.tolist()


@pytest.mark.parametrize(
    ("name", "settings", "key"),
    [("a.csv", {"sheet": "one"}, "data.sheet"), ("a.parquet", {"decimal": ",", "encoding": "latin-1"}, "data.decimal")],
)
def test_settings_of_another_kind_of_file_are_refused(read: Any, name: str, settings: Any, key: str) -> None:
    with pytest.raises(RequestError, match=key) as caught:
        read(frame(), name, **settings)
    assert len(caught.value.mistakes) == len(settings)


def test_columns_of_one_name_and_rows_longer_than_the_header_are_refused(base: Table, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    requested = Table.model_validate(base.model_dump() | {"path": str(path), "group": None})
    path.write_text("date,rain,rain\n2024-01-01,1,2\n2024-01-02,2,3\n")
    with pytest.raises(RequestError, match="several columns of the name rain"):
        read_panel(requested)
    path.write_text("date,rain,wind\n2024-01-01,1,2,3\n2024-01-02,2,3,4\n")
    with pytest.raises(RequestError, match="rows have more fields than the header"):
        read_panel(requested)


def test_a_column_has_one_kind_however_long_the_file_is(base: Table, tmp_path: Path) -> None:
    """Read in pieces, one whose cells are all numbers would call the group 1 what others call '001'."""
    num = 1_200_000
    path = tmp_path / "a.csv"
    station = np.where(np.arange(num) < num - 10, "001", "A01")
    hours = pd.date_range("1900-01-01", periods=num, freq="h").strftime("%Y-%m-%dT%H:%M")
    pd.DataFrame({"date": hours, "station": station, "rain": np.arange(num) % 7, "wind": np.arange(num) % 5}).to_csv(
        path, index=False
    )
    panel = read_panel(Table.model_validate(base.model_dump() | {"path": str(path)}))[1]
    assert panel.groups == ("001", "A01")


def test_a_mistyped_year_is_named_before_it_takes_all_memory(read: Any) -> None:
    table = frame()
    table.loc[0, "date"] = "1024-01-01"
    with pytest.raises(RequestError, match=r"data\.resample=1s: makes .* from 1024-01-01 to 2024-01-12"):
        read(table, resample="1s")


def test_cells_of_lists_and_damaged_pages_are_named(base: Table, read: Any, tmp_path: Path) -> None:
    table = frame()
    table["station"] = [[name] for name in table["station"]]
    with pytest.raises(RequestError, match=r"column 'station' contains lists"):
        read(table, "a.parquet")
    path = tmp_path / "b.parquet"
    frame(2000).to_parquet(path, index=False)
    content = bytearray(path.read_bytes())
    content[200:4000] = bytes(3800)
    path.write_bytes(content)
    with pytest.raises(RequestError, match="cannot be read"):
        read_panel(Table.model_validate(base.model_dump() | {"path": str(path)}))


def test_a_column_of_numbers_with_a_few_words_is_not_left_out_in_silence(
    base: Table, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.csv"
    requested = Table.model_validate(base.model_dump() | {"path": str(path), "features": None})
    table = frame().assign(open=[True, False] * 12)
    table["wind"] = table["wind"].astype(object)
    table.loc[5, "wind"] = "falla"
    table.to_csv(path, index=False)
    with pytest.raises(
        RequestError, match=r"column 'wind' contains 'falla' in row 5 .*\n.*'data\.features=\[rain,code,open\]'"
    ):
        read_panel(requested)
    table.assign(wind=1.5 * np.arange(24)).to_csv(path, index=False)
    with caplog.at_level("INFO"):
        assert read_panel(requested)[1].columns == ("rain", "wind", "code", "open")
    assert "not inputs, since they do not hold numbers: kind" in caplog.text


def test_measurements_are_no_classes(read: Any) -> None:
    with pytest.raises(RequestError, match=r"measurements, not classes: 24 values .*\n.*feature: wind, horizon: 1"):
        read(frame(), features=["rain"], label="wind")


def test_a_sheet_that_is_not_there_is_named_beside_those_that_are(read: Any) -> None:
    with pytest.raises(RequestError, match=r"data\.sheet=Hoja1: no sheet of this name; the workbook has Sheet1"):
        read(frame(), "a.xlsx", sheet="Hoja1")
    assert read(frame(), "a.xlsx", sheet="Sheet1").values.shape == (24, 2)


def test_several_series_without_a_group_are_taken_for_what_they_are(read: Any) -> None:
    table = frame()
    with pytest.raises(RequestError, match=r"their column in data\.group if these are several series"):
        read(table.sort_values(["station", "date"]), group=None)
    with pytest.raises(RequestError, match=r"their column in data\.group if these are several series"):
        read(table, group=None)


def test_text_with_decimal_commas_in_a_sheet_is_read_by_the_setting(read: Any) -> None:
    """What the refusal says to type was itself refused for XLSX."""
    table = frame()
    table["wind"] = [f"{value:.3f}".replace(".", ",") for value in table["wind"]]
    with pytest.raises(RequestError, match=r"the numbers of wind with a comma"):
        read(table, "a.xlsx")
    result = read(table, "a.xlsx", decimal=",")
    np.testing.assert_allclose(result.values[:, 1], read(frame()).values[:, 1], atol=1e-3)
