"""A trial's config equals Hydra's composition; overrides that may change the files are left to Hydra."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from lab.sweep.execution.trial_config import compose_trial

CONF = Path(__file__).parents[3] / "conf"
FIXED = ("model=ngram", "trainer.max_epochs=3", "logger=csv", "objective.metric=val/f1_macro")


@pytest.fixture(scope="module")
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(CONF)):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture(scope="module")
def master(loader: ConfigLoader) -> DictConfig:
    return loader.load_configuration("config", [*FIXED, "hydra.sweep.dir=there"], RunMode.MULTIRUN)


def base_of(loader: ConfigLoader, master: DictConfig) -> DictConfig:
    return loader.load_sweep_config(master, list(FIXED))


@pytest.mark.parametrize(
    "own",
    [
        [],
        ["optimizer.lr=3.2e-05", "data.batch_size=16", "loss.label_smoothing=0.1"],
        ["optimizer.lr=1", "trainer.max_epochs=5", "resume='/a place/of, its own'"],
        ["data.split={val: 0.3}", "tags=[a,'b c']"],
    ],
)
def test_plain_values_are_set_without_composing_again(loader: ConfigLoader, master: DictConfig, own: list[str]) -> None:
    base = base_of(loader, master)
    result = compose_trial(loader, master, base, FIXED, [*FIXED, *own])
    whole = loader.load_sweep_config(master, [*FIXED, *own])
    assert result is base
    assert OmegaConf.to_container(result) == OmegaConf.to_container(whole)
    assert list(result.hydra.overrides.task) == [*FIXED, *own]
    assert result.hydra.sweep.dir == "there"
    assert OmegaConf.is_struct(result) == OmegaConf.is_struct(whole)


@pytest.mark.parametrize(
    "overrides",
    [
        [*FIXED, "model=tiny", "optimizer.lr=1e-4"],
        [*FIXED, "scheduler=linear"],
        [*FIXED, "+more=1"],
        [*FIXED, "++optimizer.lr=1e-4"],
        [*FIXED, "hydra.verbose=true"],
        ["model=ngram", "optimizer.lr=1e-4"],
    ],
)
def test_overrides_that_may_change_the_files_are_composed_by_hydra(
    loader: ConfigLoader, master: DictConfig, overrides: list[str]
) -> None:
    base = base_of(loader, master)
    result = compose_trial(loader, master, base, FIXED, overrides)
    assert result is not base
    assert OmegaConf.to_container(result) == OmegaConf.to_container(loader.load_sweep_config(master, overrides))


def test_without_a_base_hydra_composes(loader: ConfigLoader, master: DictConfig) -> None:
    assert compose_trial(loader, master, None, (), [*FIXED]).model.name == "ngram"


@pytest.mark.parametrize("wrong", ["optimizer.lrr=1", "optimizer.lr=choice(1,2)"])
def test_wrong_overrides_raise_hydras_errors(loader: ConfigLoader, master: DictConfig, wrong: str) -> None:
    with pytest.raises(HydraException):
        compose_trial(loader, master, base_of(loader, master), FIXED, [*FIXED, wrong])
