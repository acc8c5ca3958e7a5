"""What every source of labelled texts must do: tables of rows with its columns, equal each time, and refusals by key.

A plug-in's author subclasses `SourceContract`, lists kinds in `members`, and gives their settings by `settings`.
"""

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.config.schema import Columned, Labelled
from lab.core.errors import RequestError
from lab.core.registry import TEXT_SOURCES
from lab.data.readers.text_table import Table
from lab.data.text.source import open_source, shared_sources
from lab.data.text.sources.base import ALL

from .contract import Contract

CONF = Path(__file__).parents[2] / "conf"


def rows_of(table: Table, columns: list[str]) -> dict[str, list[str | None]]:
    """The cells of each column."""
    return {name: cells.to_pylist() for name, cells in table.narrow(columns).read(slice(0, len(table))).items()}


class SourceContract(Contract):
    """Members: kinds that `TEXT_SOURCES` has, as the fixture `settings` knows them."""

    @pytest.fixture
    def settings(self, member: str, tmp_path: Path) -> Labelled:
        """The settings of some small data of that kind."""
        raise NotImplementedError

    def test_it_is_registered_under_the_kind_of_its_settings(self, settings: Labelled) -> None:
        assert settings.kind in TEXT_SOURCES

    def test_its_tables_have_its_columns_and_are_the_same_each_time(self, settings: Labelled, tmp_path: Path) -> None:
        first, again = (open_source(settings, tmp_path / "cache") for _ in range(2))
        assert first.name
        assert ALL in first.tables or "train" in first.tables
        assert list(first.tables) == list(again.tables)
        columns = [*first.columns.text, *first.columns.labels]
        for split, table in first.tables.items():
            assert len(table) > 0
            cells = rows_of(table, columns)
            assert {name: len(column) for name, column in cells.items()} == dict.fromkeys(columns, len(table))
            assert rows_of(again.tables[split], columns) == cells
            for label, classes in first.classes.items():
                assert set(cells[label]) - {None} <= set(classes)

    def test_splits_of_one_request_share_no_file(self, settings: Labelled) -> None:
        assert shared_sources(settings) == []

    def test_a_column_that_it_does_not_have_is_refused_by_its_name(self, settings: Labelled, tmp_path: Path) -> None:
        if not isinstance(settings, Columned):
            return
        with pytest.raises(RequestError, match="colour_of_the_sky"):
            open_source(settings.model_copy(update={"labels": ("colour_of_the_sky",)}), tmp_path / "cache")


class TestSources(SourceContract):
    members = ("files", "maintenance")

    @pytest.fixture
    def settings(self, member: str, tmp_path: Path) -> Any:
        path = tmp_path / "rows.csv"
        path.write_text("text,label\n" + "".join(f"report {n},{'ab'[n % 2]}\n" for n in range(40)))
        typed = {
            "files": ["data=csv", f"data.path={path}", "data.text=[text]", "data.labels=[label]"],
            "maintenance": ["data=maintenance", "data.num_rows=200"],
        }
        with initialize_config_dir(str(CONF)):
            return check(compose("config", ["model=ngram", *typed[member]])).data
