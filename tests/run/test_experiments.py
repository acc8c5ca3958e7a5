"""Every shipped recipe builds and trains an epoch, on few rows and a shrunken encoder."""

from pathlib import Path
from typing import Any

import pytest

from lab.record import RunFolder

RECIPES = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "experiment").glob("*.yaml"))
SHORT = ["trainer.max_epochs=1", "trainer.threads=1", "logger=csv", "callbacks.curves.png=false", "data.num_workers=0"]
BERT = [
    "data.num_rows=200", "model.pretrained=false", "model.vocabulary_size=500", "model.architecture.vocab_size=500",
    "model.architecture.hidden_size=24", "model.architecture.intermediate_size=24",
]  # fmt: skip


QUESTIONS = ["data.num_contexts=60", "data.max_length=64", "data.stride=16"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_trains(warm: Any, tmp_path: Path, recipe: str) -> None:
    small = BERT if not recipe.startswith("peft") else [*QUESTIONS, *BERT[1:]]
    if recipe.startswith("peft") and recipe != "peft_full":
        pytest.importorskip("bitsandbytes")
    if recipe.startswith("imdb"):
        rows = [
            f"{'good fine' if n % 2 else 'bad dull'} film number {n * 13},{'pos' if n % 2 else 'neg'}"
            for n in range(120)
        ]
        (tmp_path / "reviews.csv").write_text("\n".join(["text,label", *rows]) + "\n")
        small = ["model=tiny", f"data.path={tmp_path}/reviews.csv"]
    assert warm.run(tmp_path / "run", [f"experiment={recipe}", *SHORT, *small]) == 0
    assert RunFolder(tmp_path / "run").read()["status"] == "completed"
