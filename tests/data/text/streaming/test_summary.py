"""What is said about streamed rows."""

from lab.data.text.streaming.scan import Stream
from lab.data.text.streaming.summary import stream_facts, stream_note


def test_facts_have_all_training_rows(stream: Stream) -> None:
    corpus = {"rows": {"train": 50, "val": 30}, "labelled": {"train": {"mode": 50}, "val": {"mode": 30}}}
    facts = stream_facts(stream, corpus)
    assert facts["rows"] == {"train": stream.num_train, "val": 30}
    assert facts["labelled"]["val"] == {"mode": 30}  # type: ignore[index]
    assert facts["labelled"]["train"]["mode"] == stream.num_train  # type: ignore[index]
    assert facts["streaming"] == {"shards": 3, "rows": 300, "left_out": 30, "sample": 50}


def test_the_note_says_what_the_sample_is_for(stream: Stream) -> None:
    note = stream_note(stream, 50)
    assert note.startswith("300 rows in 3 shards, 30 of them without a text or a label; checks, lengths, vocabulary")
    assert note.endswith(f"use 50 of {stream.num_train} training rows")
