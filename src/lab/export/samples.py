"""Inputs that an exported graph is compared on: real rows of the run where they can be had, random ones otherwise.

Test texts are in the run folder. Questions and series are read again from the run's data, if these are still there and
unchanged. Shapes: B rows, L tokens, T time steps, C channels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow
import pyarrow.parquet
import torch

from lab.core.batches import MISSING, QuestionBatch, QuestionSpec, SeriesBatch, SeriesSpec, TextBatch, TextSpec
from lab.core.errors import RequestError
from lab.core.files import regular
from lab.export.source import Source
from lab.training.tasks.select import load_data, task_of

SIZES = (1, 3, 16)
"""Rows of the batches, in turn."""
MOST_ROWS = 512
LENGTHS = (1, 2, 7, 30)
"""Tokens or time steps of random inputs, as far as the model takes them."""


@dataclass(frozen=True)
class Samples:
    """Batches on the CPU, with labels where these are known. origin: where the rows come from, in words."""

    batches: list[Any]
    origin: str

    @property
    def num_rows(self) -> int:
        """Number of rows of all batches."""
        return sum(len(batch) for batch in self.batches)


def samples_of(source: Source) -> Samples:
    """Return inputs of a run's model, of several lengths and batch sizes where its inputs have them."""
    if isinstance(source.spec, TextSpec):
        batches, origin = _test_texts(source, source.spec), "test texts of the run"
    else:
        batches, origin = _from_data(source), "test rows of the run's data"
    if not batches:
        batches, origin = _random(source), "random inputs, because the run's rows are not there any more"
    return Samples(batches, origin)


def _test_texts(source: Source, spec: TextSpec) -> list[TextBatch]:
    try:
        table = pyarrow.parquet.read_table(regular(source.run.predictions)).slice(0, MOST_ROWS)
        texts = [str(text) for text in table.column("text").to_pylist()]
        labels = {head.name: table.column(head.name).to_pylist() for head in spec.heads}
    except (OSError, ValueError, KeyError, pyarrow.ArrowException):
        return []
    assert source.tokenizer is not None, "texts without a tokenizer"
    ids = source.tokenizer.encode(texts, spec.max_length)
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    codes = {head.name: {name: code for code, name in enumerate(head.classes)} for head in spec.heads}
    batches = []
    for rows in _in_sizes(order):
        known = {name: [codes[name].get(labels[name][row], MISSING) for row in rows] for name in labels}
        batches.append(_text_batch([ids[row] for row in rows], known, spec.pad_id))
    return batches


def _in_sizes(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    start, turn = 0, 0
    while start < len(rows):
        size = SIZES[turn % len(SIZES)]
        yield rows[start : start + size]
        start, turn = start + size, turn + 1


def _text_batch(ids: Sequence[Sequence[int]], labels: dict[str, list[int]], pad_id: int) -> TextBatch:
    width = max(1, max(map(len, ids)))
    padded = torch.tensor([[*row, *[pad_id] * (width - len(row))] for row in ids])
    mask = torch.arange(width) < torch.tensor([[len(row)] for row in ids])
    known = {name: torch.tensor(codes) for name, codes in labels.items()}
    return TextBatch(padded, mask, known, torch.arange(len(ids)), {})


def _from_data(source: Source) -> list[Any]:
    """Batches of the run's test rows; empty if the data are gone or have changed."""
    try:
        data = load_data(source.config, source.run, False, fresh=False)
        expected = (source.record.get("data") or {}).get("fingerprint")
        if task_of(source.config).fingerprint(source.config, data) != expected:
            return []
        data.setup("test")
        batches, num_rows = [], 0
        for batch in islice(data.test_dataloader(), MOST_ROWS):
            batches.append(batch)
            num_rows += len(batch)
            if num_rows >= MOST_ROWS:
                break
    except (RequestError, OSError):
        return []
    first = batches[0]
    return [*(_head(first, size) for size in SIZES if size < len(first)), *batches]


def _head(batch: Any, size: int) -> Any:
    """The first rows of a batch."""
    num = len(batch)
    return batch._each(lambda tensor: tensor[:size] if tensor.ndim and len(tensor) == num else tensor)


def _random(source: Source) -> list[Any]:
    spec, generator = source.spec, torch.Generator().manual_seed(0)
    if isinstance(spec, SeriesSpec):
        return [_random_windows((size, spec.length, len(spec.channels)), generator) for size in SIZES]
    assert isinstance(spec, TextSpec | QuestionSpec), f"a {type(spec).__name__}"
    shapes = [(size, length) for size in SIZES for length in (*LENGTHS, spec.max_length) if length <= spec.max_length]
    return [_random_tokens(shape, spec, generator) for shape in shapes]


def _random_windows(shape: tuple[int, int, int], generator: torch.Generator) -> SeriesBatch:
    observed = torch.ones(shape, dtype=torch.bool)
    observed[0, : shape[1] // 4] = False
    values = torch.randn(shape, generator=generator) * observed
    return SeriesBatch(values, observed, {}, torch.arange(shape[0]), {})


def _random_tokens(shape: tuple[int, int], spec: TextSpec | QuestionSpec, generator: torch.Generator) -> Any:
    ids = torch.randint(0, spec.vocabulary_size, shape, generator=generator)
    lengths = torch.randint(1, shape[1] + 1, (shape[0], 1), generator=generator)
    mask, rows = torch.arange(shape[1]) < lengths, torch.arange(shape[0])
    ids = ids.masked_fill(~mask, spec.pad_id)
    if isinstance(spec, TextSpec):
        return TextBatch(ids, mask, {}, rows, {})
    places = torch.where(mask, torch.arange(shape[1]), -1).unsqueeze(-1).expand(-1, -1, 2).contiguous()
    spans = torch.zeros(shape[0], 2, dtype=torch.long)
    return QuestionBatch(ids, mask, torch.zeros_like(ids), places, spans, rows, torch.tensor(shape[0]))
