"""Inputs for comparisons: real rows first, of several lengths and sizes; otherwise random ones."""

from collections.abc import Callable
from pathlib import Path

from lab.core.record.run_folder import RunFolder
from lab.export.samples import samples_of
from lab.export.source import read_source

Trained = Callable[[str], Path]


def test_test_texts_are_read_from_the_run(trained: Trained) -> None:
    samples = samples_of(read_source(RunFolder(trained("ngram")), "best"))
    assert samples.origin == "test texts of the run"
    assert [len(batch) for batch in samples.batches] == [1, 3, 8]
    assert all(set(batch.labels) == {"cause", "state"} for batch in samples.batches)
    assert len({batch.ids.shape[1] for batch in samples.batches}) > 1


def test_without_data_inputs_are_random(trained: Trained) -> None:
    samples = samples_of(read_source(RunFolder(trained("net")), "best"))
    assert samples.origin.startswith("random inputs")
    channels = 7 + 1  # the last one is the class of each past step (data.past_labels)
    assert [batch.values.shape for batch in samples.batches] == [(size, 24, channels) for size in (1, 3, 16)]
    assert all(not batch.observed.all() for batch in samples.batches)


def test_generated_questions_are_read_again(trained: Trained) -> None:
    samples = samples_of(read_source(RunFolder(trained("questions")), "best"))
    assert samples.origin == "test rows of the run's data"
    assert [len(batch) for batch in samples.batches][:2] == [1, 3]
