"""Settings that weights of a Timer-XL were trained with: which make them useless, which are only named."""

import json
from pathlib import Path
from typing import Any

from lab.models.series.timer_xl.checkpoint_settings import COMPUTED, SEEN, differences, trained_with


def test_a_setting_that_decides_what_a_layer_computes_is_a_mistake(small_net: Any) -> None:
    now = small_net("timer_xl")
    same = {name: getattr(now, name) for name in (*COMPUTED, *SEEN)}
    assert differences(now, same) == ([], [])
    mistakes, reported = differences(now, same | {"num_heads": 8, "causal": not now.causal})
    assert [(mistake.key, mistake.remedy) for mistake in mistakes] == [("model.num_heads", "model.num_heads=8")]
    assert reported == [f"causal={str(now.causal).lower()}, trained with {str(not now.causal).lower()}"]


def test_what_is_known_of_each_layout(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"num_attention_heads": 8}))
    assert trained_with("Hugging Face", str(tmp_path)) == {"rope": "split_full", "num_heads": 8}
    assert trained_with("OpenLTM", str(tmp_path / "weights.pth")) == {"rope": "interleaved_half"}
    assert trained_with("lab", str(tmp_path / "nothing")) == {}
