"""What every data module must do: a spec, rows of a stage made once, splits that share no row, a state to resume from.

A plug-in's author subclasses `DataContract`, lists names in `members`, and replaces the fixture `make`, which gives a
data module for the member's name. `sources` names what the rows of a split were made of, so that leakage shows.
"""

import json
from collections.abc import Callable, Hashable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from lab.config.check import check
from lab.core.batches import spec_fields, spec_from_fields
from lab.core.errors import RequestError
from lab.core.record.run_folder import RunFolder
from lab.data.datamodule import DataModule
from lab.data.qa.datamodule import QuestionDataModule
from lab.data.series.datamodule import SeriesDataModule
from lab.data.text.datamodule import TextDataModule
from lab.training.tasks.select import load_data

from .contract import Contract

CONF = Path(__file__).parents[2] / "conf"
Make = Callable[[], DataModule[Any]]


def rows_of(loader: Any) -> list[int]:
    """Row numbers in the order of the batches."""
    return [row for batch in loader for row in batch.rows.tolist()]


class DataContract(Contract):
    """Members: names that the fixture `make` knows. Batches have `rows`, the place of each row in its split."""

    @pytest.fixture
    def make(self, member: str) -> Make:
        """make(): a new data module of the same data, on which `setup` was not called."""
        raise NotImplementedError

    @staticmethod
    def sources(data: DataModule[Any], split: str) -> list[Hashable]:
        """Name, for each row of a split, what it was made of."""
        raise NotImplementedError

    @classmethod
    def inputs(cls, data: DataModule[Any], split: str) -> set[Hashable]:
        """Everything of the source that the rows of a split were made of."""
        return set(cls.sources(data, split))

    def test_its_spec_is_there_before_any_row_and_is_read_back_from_json(self, make: Make) -> None:
        data = make()
        assert data.rows == {}
        fields = spec_fields(data.spec)
        assert spec_from_fields(json.loads(json.dumps(fields))) == data.spec

    def test_a_stage_makes_the_rows_of_its_splits_once(self, make: Make) -> None:
        data = make()
        data.setup("test")
        assert set(data.rows) == {"test"}
        data.setup("fit")
        made = dict(data.rows)
        assert set(made) == {"train", "val", "test"}
        for stage in ("fit", "validate", "test"):
            data.setup(stage)
        assert all(data.rows[split] is rows for split, rows in made.items())

    def test_facts_for_the_record_are_plain_and_its_summary_is_one_line(self, make: Make) -> None:
        data = make()
        data.setup("fit")
        assert json.loads(json.dumps(data.facts))
        assert data.summary().strip()
        assert "\n" not in data.summary()

    def test_every_row_comes_once_in_each_split(self, make: Make) -> None:
        data = make()
        data.setup("fit")
        data.setup("test")
        loaders = {"train": data.train_dataloader(), "val": data.val_dataloader(), "test": data.test_dataloader()}
        for split, loader in loaders.items():
            rows, counts = np.unique(rows_of(loader), return_counts=True)
            assert int(counts.sum()) == len(data.lengths(split)), split
            assert rows.tolist() == list(range(len(self.sources(data, split)))), split
        assert len(list(data.train_dataloader())) == data.num_batches()

    def test_splits_have_no_row_in_common(self, make: Make) -> None:
        data = make()
        data.setup("fit")
        data.setup("test")
        parts = {split: self.inputs(data, split) for split in ("train", "val", "test")}
        assert all(parts.values())
        assert not parts["train"] & parts["val"]
        assert not parts["train"] & parts["test"]
        assert not parts["val"] & parts["test"]

    def test_an_epoch_is_drawn_by_its_number_and_continues_from_a_state(self, make: Make) -> None:
        data = make()
        data.setup("fit")
        whole = data.train_dataloader()
        whole.draws.set_epoch(1)  # type: ignore[union-attr]
        expected = [batch.rows.tolist() for batch in whole]
        first = data.train_dataloader()
        first.draws.set_epoch(1)  # type: ignore[union-attr]
        begun = [batch.rows.tolist() for batch in islice(first, 2)]
        state = json.loads(json.dumps(first.state_dict()))
        again = make()
        again.setup("fit")
        rest = again.train_dataloader()
        rest.load_state_dict(state)
        rest.draws.set_epoch(1)  # type: ignore[union-attr]
        assert begun + [batch.rows.tolist() for batch in rest] == expected
        other = data.train_dataloader()
        other.draws.set_epoch(2)  # type: ignore[union-attr]
        assert rows_of(other) != [row for batch in expected for row in batch]

    def test_its_state_restores_the_batch_size_and_refuses_other_data(self, make: Make, tmp_path: Path) -> None:
        data, other = make(), make()
        assert other.fingerprint == data.fingerprint
        data.batch_size = 3
        torch.save(data.state_dict(), tmp_path / "state.ckpt")
        state = torch.load(tmp_path / "state.ckpt", weights_only=True)
        other.load_state_dict(state)
        assert other.batch_size == 3
        with pytest.raises(RequestError, match="other data"):
            other.load_state_dict(state | {"fingerprint": "of something else"})

    def test_the_longest_batch_and_a_sample_serve_the_finders(self, make: Make) -> None:
        data = make()
        data.setup("fit")
        assert len(data.longest(500)) == 500
        sample = data.sample(5).rows.tolist()
        assert len(sample) == 5
        assert data.sample(5).rows.tolist() == sample
        assert all(len(batch) <= data.batch_size for batch in data.whole_windows())


SMALL = ["data.batch_size=8", "data.eval_batch_size=8", "trainer.threads=1", "model.vocabulary_size=300"]
REQUESTS = {
    "maintenance": ["data.num_rows=300", *SMALL],
    "csv": ["data=csv", "data.text=[text]", "data.labels=[cause]", "data.leaks.action=off", *SMALL],
    "qa_demo": ["data=qa_demo", "data.num_contexts=40", "data.max_length=64", "data.stride=16", *SMALL],
    "rainfall": ["data=rainfall", "model=inception_time", "data.hours=800", "data.stations=2",
                 "data.window=48", *SMALL[:3]],
    "series_table": ["data=series_table", "model=inception_time", "data.time=day", "data.window=5", *SMALL[:3],
                     "data.label={feature: rain, horizon: 1, threshold: 1.0}"],
}  # fmt: skip


def write_files(folder: Path) -> dict[str, list[str]]:
    """Small files for the members that read one; the words that name them."""
    texts = folder / "notices.csv"
    texts.write_text(
        "text,cause\n" + "\n".join(f"fault number {n} of pump {n * 7},{'abc'[n % 3]}" for n in range(120)) + "\n"
    )
    table = folder / "rain.csv"
    days = np.arange("2024-01-01", "2025-01-01", dtype="datetime64[D]")
    table.write_text("day,rain,wind\n" + "\n".join(f"{day},{n % 4},{n % 9}" for n, day in enumerate(days)) + "\n")
    return {"csv": [f"data.path={texts}"], "series_table": [f"data.path={table}"]}


class TestDataModules(DataContract):
    members = tuple(REQUESTS)

    @pytest.fixture
    def make(self, member: str, tmp_path: Path) -> Make:
        files = write_files(tmp_path)
        words = [*REQUESTS[member], *files.get(member, []), f"cache.dir={tmp_path / 'cache'}", "logger=csv"]
        with initialize_config_dir(str(CONF)):
            config = check(compose("config", words))
        return lambda: load_data(config, RunFolder(tmp_path), pin_memory=False, fresh=True)

    @staticmethod
    def sources(data: DataModule[Any], split: str) -> list[Hashable]:
        """Rows of the file; contexts of the questions, by which they are split; the window's last time step."""
        if isinstance(data, TextDataModule):
            return list(data.corpus.splits[split].source_rows.tolist())
        if isinstance(data, QuestionDataModule):
            requested = data.corpus.splits[split]
            return [requested.contexts[question.context] for question in requested.questions]
        assert isinstance(data, SeriesDataModule)
        return list(data.series.splits[split].ends.tolist())

    @classmethod
    def inputs(cls, data: DataModule[Any], split: str) -> set[Hashable]:
        """All time steps of a split's windows, not only the last of each."""
        if not isinstance(data, SeriesDataModule):
            return super().inputs(data, split)
        cut = data.series.splits[split]
        windows = zip(cut.ends.tolist(), cut.lengths.tolist(), strict=True)
        return {step for end, length in windows for step in range(end - length + 1, end + 1)}
