"""Every YAML that is shipped composes and passes the check; every key it lists is one that the schema knows."""

from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir

from lab.config.check import UNCHOSEN, check
from lab.core.errors import RequestError

CONF = Path(__file__).parents[2] / "conf"
NEEDED = {
    "data=csv": ["data.path=a.csv", "data.text=[texto]", "data.labels=[modo]"],
    "data=squad": ["data.path=some/name"],
    "data=hub": ["data.path=some/name", "data.text=[text]", "data.labels=[label]"],
    "data=rainfall": ["model=inception_time"],
    "data=ucr": ["model=inception_time"],
    "data=series_table": ["model=inception_time", "data.path=a.csv", "data.time=date", "data.label=wet"],
    "experiment=senamhi": ["data.path=a.xlsx"],
    "data=custom": [
        "model=custom",
        "data._target_=lightning.pytorch.LightningDataModule",
        "data.metric=val/acc",
        "objective.mode=max",
        "model._target_=lightning.pytorch.LightningModule",
    ],
    "model=custom": [
        "data=custom",
        "data._target_=lightning.pytorch.LightningDataModule",
        "data.metric=val/acc",
        "objective.mode=max",
        "model._target_=lightning.pytorch.LightningModule",
    ],
    "loss=custom": ["loss._target_=torch.nn.CrossEntropyLoss"],
    "optimizer=custom": ["optimizer._target_=torch.optim.RMSprop"],
    "scheduler=custom": ["scheduler._target_=torch.optim.lr_scheduler.LinearLR"],
    "scheduler=transformers": ["scheduler.name=linear"],
    "model=encoder": ["model.path=some/name"],
    **{f"model={net}": ["data=rainfall"] for net in ("inception_time", "logistic_lags", "minirocket", "patchtst")},
    **{f"model={net}": ["data=rainfall"] for net in ("timer_xl", "timer_xl_full", "timer_84m")},
}
"""What a choice that has no default asks for."""

CHOICES = sorted(
    f"{path.parent.relative_to(CONF).as_posix()}={path.stem}"
    for path in CONF.glob("*/*.yaml")
    if not path.stem.startswith("_")
)


def test_the_choices_are_found() -> None:
    assert {"model=tiny", "model=beto", "data=csv", "experiment=reports_beto", "logger=wandb"} <= set(CHOICES)


def test_a_model_that_is_still_to_be_chosen_is_no_config_of_a_run() -> None:
    with initialize_config_dir(str(CONF)), pytest.raises(RequestError) as caught:
        check(compose("config", ["model=auto"]))
    assert caught.value.mistakes == (UNCHOSEN,)


@pytest.mark.parametrize("choice", [choice for choice in CHOICES if choice != "model=auto"])
def test_choice_composes_and_passes_the_check(choice: str) -> None:
    with initialize_config_dir(str(CONF)):
        check(compose("config", [choice, *NEEDED.get(choice, [])]))


@pytest.mark.parametrize("choice", sorted(path.stem for path in (CONF / "hydra").glob("*/*.yaml")))
def test_hydra_settings_are_chosen_somewhere(choice: str) -> None:
    group = next((CONF / "hydra").glob(f"*/{choice}.yaml")).parent.name
    with initialize_config_dir(str(CONF), job_name="train"):
        composed = compose("config", [f"hydra/{group}={choice}"], return_hydra_config=True)
    assert composed.hydra.runtime.choices[f"hydra/{group}"] == choice


@pytest.mark.parametrize("path", sorted(CONF.rglob("*.yaml")), ids=lambda path: path.relative_to(CONF).as_posix())
def test_file_says_what_it_is_for(path: Path) -> None:
    """Models, recipes and data say so in their first lines; plain YAML readers can read all of them."""
    yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.parent.name in ("model", "data", "experiment", "hydra", "sweep") or path.parent == CONF:
        assert any(line.startswith("# ") and "@package" not in line for line in path.read_text().splitlines()[:3])


def test_the_phase_three_recipe_is_the_one_that_was_reported() -> None:
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", ["experiment=reports_beto"]))
    assert config.model.name == "beto"
    assert (config.data.max_length, config.data.batch_size, config.optimizer.lr) == (256, 16, 3e-5)
    assert config.loss.head_weights == {"modo": 0.1, "causa": 0.6, "prioridad": 0.3}
    assert config.callbacks.early_stopping.patience == 3
    assert config.objective.metric == "val/causa/f1_macro"


def test_a_recipe_gives_way_to_what_is_typed() -> None:
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", ["experiment=reports_beto", "model=minilm", "optimizer.lr=1e-4"]))
    assert (config.model.name, config.optimizer.lr) == ("minilm", 1e-4)


def test_the_quick_imdb_recipe_is_the_baseline_on_few_rows() -> None:
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", ["experiment=imdb_quick"]))
    assert config.model.name == "distilbert"
    assert config.data.max_rows.model_dump() == {"train": 500, "val": 100, "test": 50}
    assert (config.data.max_length, config.trainer.max_epochs, config.optimizer.lr) == (128, 1, 5e-5)


@pytest.mark.parametrize(
    ("words", "layers", "cached"),
    [
        (["model=minilm_frozen"], 6, True),
        (["model=minilm_frozen", "callbacks.freeze.layers=5", "cache.hidden_states=false"], 5, False),
        (["model=tiny", "model.frozen_layers=1"], 1, False),
        (["model=tiny", "model.frozen_layers=2", "model.cache_hidden_states=true"], 2, True),
        (["model=ngram"], 0, False),
        (["model=inception_time", "data=rainfall"], 0, False),
    ],
)
def test_a_model_brings_its_frozen_layers_and_their_cache(words: list[str], layers: int, cached: bool) -> None:
    with initialize_config_dir(str(CONF)):
        config = check(compose("config", words))
    assert (config.callbacks.freeze.layers, config.cache.hidden_states) == (layers, cached)
