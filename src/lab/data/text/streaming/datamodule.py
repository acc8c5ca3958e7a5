"""Streamed training rows beside val, test and a sample of train in memory, as the data module of any text model.

Everything but training itself works on the sample: the tokenizer, lengths, finders, novelty and baselines.
"""

from lab.config.schema import Files
from lab.core.batches import Tokenizer
from lab.data.dataloader import Width
from lab.data.text.datamodule import TextDataModule
from lab.data.text.streaming.batches import Encoding, Plan, StreamLoader
from lab.data.text.streaming.scan import Stream


class StreamedTextDataModule(TextDataModule):
    """A `TextDataModule` of a corpus with a stream."""

    tokenizer: Tokenizer

    @property
    def stream(self) -> Stream:
        """The shards."""
        assert self.corpus.stream is not None, "a corpus without a stream"
        return self.corpus.stream

    def train_dataloader(self) -> StreamLoader:  # type: ignore[override]
        fixed = self.tokenizer.unit != "tokens"
        width = Width() if fixed else Width(self.width_multiple, self.tokenizer.longest)
        encoding = Encoding(self.tokenizer, self.spec.max_length, self.spec.pad_id, width)
        return StreamLoader(self.stream, self._plan(), encoding, self.num_workers, self.pin_memory)

    def num_batches(self) -> int:
        return self._plan().num_batches(self.stream.num_train)

    def _plan(self) -> Plan:
        assert isinstance(self.loading, Files), "data of another kind have no shards"
        rank = self._rank()
        return Plan(
            self.batch_size, self.accumulation, self.seed, self.loading.shuffle_buffer,
            self.limits.get("train", 1.0), self.repeats, rank, self.num_ranks,
        )  # fmt: skip
