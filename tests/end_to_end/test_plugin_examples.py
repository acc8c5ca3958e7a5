"""The examples of plug-ins train by their command lines, and a wrong one is answered before anything runs."""

import json
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "plugins"
SMALL = ("logger=csv", "callbacks.curves.png=false", "data.num_rows=200", "trainer.max_epochs=1", "hydra.run.dir=run")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder of one's own, in which the examples lie as modules."""
    for path in EXAMPLES.glob("*.py"):
        (tmp_path / path.name).write_text(path.read_text().replace("examples.plugins.", ""))
    return tmp_path


def record(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "run" / "run.json").read_text())
    return result


def test_examples_are_short() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")}
    assert len(lengths) == 3
    assert max(lengths.values()) < 70


def test_a_text_encoder_of_ones_own(forked: Any, folder: Path) -> None:
    line = ("plugins=[conv_encoder]", "model=conv", "model.width=16", "callbacks.freeze.embeddings=true", *SMALL)
    done = forked("train.py", *line, folder=folder)
    assert done.code == 0, done.said
    found = record(folder)
    assert found["model"] == {"name": "conv", "kind": "conv"}
    assert found["parameters"]["trainable"] < found["parameters"]["total"]
    assert [plugin["name"] for plugin in found["plugins"]] == ["conv_encoder"]
    done = forked("train.py", "test=run", folder=folder)
    assert done.code == 2
    assert "imported only when typed" in done.said
    done = forked("train.py", "test=run", "plugins=[conv_encoder]", folder=folder)
    assert done.code == 0, done.said
    assert "largest difference from the recorded test scores: 0.0e+00" in done.said


def test_a_callback_of_ones_own(forked: Any, folder: Path) -> None:
    target = "+callbacks.extra.norm._target_=gradient_norm.GradientNorm"
    done = forked("train.py", "plugins=[gradient_norm]", target, "+callbacks.extra.norm.every_n_steps=1", "model=ngram",
                  *SMALL, folder=folder)  # fmt: skip
    assert done.code == 0, done.said
    history = [json.loads(line) for line in (folder / "run" / "history.jsonl").read_text().splitlines()]
    assert history[-1]["train/gradient_norm"] > 0


def test_a_module_of_ones_own(forked: Any, folder: Path) -> None:
    line = ("plugins=[digits]", "model=custom", "model._target_=digits.Digits", "optimizer.lr=0.01", "data=custom",
            "data._target_=digits.DigitsData", "data.metric=val/acc", "+data.num_rows=500", "logger=csv",
            "callbacks.curves.png=false", "trainer.max_epochs=2", "hydra.run.dir=run")  # fmt: skip
    done = forked("train.py", *line, folder=folder)
    assert done.code == 0, done.said
    assert record(folder)["metrics"]["test"]["acc"] > 0.3


def test_every_mistake_of_a_plugin_is_answered_at_once(forked: Any, folder: Path) -> None:
    line = ("plugins=[conv_encoder,gradient_norm]", "model=conv", "model.widht=8", "model.kernel=0",
            "+callbacks.extra.norm._target_=gradient_norm.GradientNorm", "+callbacks.extra.norm.every_n_step=1",
            "+callbacks.extra.evil._target_=os.system")  # fmt: skip
    done = forked("train.py", *line, folder=folder)
    assert done.code == 2
    assert "4 mistakes" in done.said
    for words in ("try: model.width=8", "model.kernel=0: must be greater than 0", "no such argument; the nearest is",
                  "os.system: is in none of"):  # fmt: skip
        assert words in done.said
    assert not (folder / "outputs").exists()
