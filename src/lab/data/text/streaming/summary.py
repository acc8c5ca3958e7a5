"""The facts about streamed rows for the record and the terminal."""

from collections.abc import Mapping
from typing import Any

from lab.data.text.streaming.scan import Stream


def stream_facts(stream: Stream, facts: Mapping[str, Any]) -> dict[str, object]:
    """Return `rows` and `labelled` with all training rows, and what is known about the shards. facts: of the corpus."""
    sample = facts["rows"]["train"]
    return {
        "rows": {**facts["rows"], "train": stream.num_train},
        "labelled": {**facts["labelled"], "train": {head: sum(counts) for head, counts in stream.counts.items()}},
        "streaming": {
            "shards": len(stream.shards), "rows": stream.num_rows, "left_out": stream.num_rows - stream.num_usable,
            "sample": sample,
        },
    }  # fmt: skip


def stream_note(stream: Stream, sample: int) -> str:
    """Return a line for the terminal. sample: training rows in memory."""
    left_out = stream.num_rows - stream.num_usable
    rest = f", {left_out:,} of them without a text or a label" if left_out else ""
    shards = f"{len(stream.shards)} shard{'' if len(stream.shards) == 1 else 's'}"
    use = f"{sample:,} of {stream.num_train:,} training rows"
    return f"{stream.num_rows:,} rows in {shards}{rest}; checks, lengths, vocabulary and baselines use {use}"
