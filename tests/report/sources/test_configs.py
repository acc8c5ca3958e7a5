import json
from typing import Any

import pytest
import yaml

from lab.config.dotted_keys import flattened
from lab.report.sources import configs
from lab.report.sources.configs import ConfigReader

TEXT = """model:
  name: tiny
  path: null
  ngrams:
  - 1
  - 2
optimizer:
  lr: 0.001
  eps: 1.0e-08
data:
  text: 'a: b'
  rows: {}
seed: 1
"""
CHANGES = [
    ("lr: 0.001", "lr: 0.02"),
    ("lr: 0.001", "lr: 3.0e-05"),
    ("name: tiny", "name: 'año: # no comment'"),
    ("name: tiny", "name: true"),
    ("path: null", "path: |\n    two\n    lines"),
    ("path: null", 'path: "goes\n    on"'),
    ("path: null", "path: [1, 2]"),
    ("path: null", "path: {a: 1}"),
    ("  - 1\n", "  - 3\n"),
    ("rows: {}", "rows: {train: 5}"),
    ("seed: 1", "seed: 1\nmore: 2"),
    ("seed: 1", "seed: 2  # said"),
]


def whole(text: str) -> dict[str, Any]:
    flat = flattened(yaml.safe_load(text))
    return {key: json.dumps(value) if isinstance(value, list) else value for key, value in flat.items()}


def test_read_line_by_line_is_read_whole() -> None:
    reader = ConfigReader()
    texts = [TEXT, *(TEXT.replace(old, new) for old, new in CHANGES), TEXT]
    assert len(set(texts)) == len(CHANGES) + 1
    for text in texts:
        assert reader.read(text) == whole(text)


def test_a_file_of_a_known_shape_is_not_parsed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ConfigReader()
    reader.read(TEXT)
    monkeypatch.setattr(configs, "_parsed", lambda *_: pytest.fail("parsed whole"))
    assert reader.read(TEXT.replace("lr: 0.001", "lr: 0.5").replace("seed: 1", "seed: 7"))["optimizer.lr"] == 0.5


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2\n", "", "just words"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no YAML|not a mapping"):
        ConfigReader().read(text)
