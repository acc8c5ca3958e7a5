"""A line with model=auto as a whole: composed, refused, remembered by a study, and one real run."""

from pathlib import Path

import pytest

import lab
from lab.cli.arguments.folds import with_all_folds
from lab.core.errors import RequestError
from lab.core.files import write_whole
from lab.training.auto import request

REPORTS = ["data.num_rows=300", "trainer.max_epochs=1", "logger=csv", "baselines.enabled=false"]
CONF = Path(__file__).parents[3] / "conf"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_config_is_that_of_the_chosen_model() -> None:
    config = lab.compose(["model=auto", *REPORTS])
    assert (config.model.kind, config.model.base, config.optimizer.lr) == ("ngram", "linear", 7e-3)
    assert config.model_reason is not None
    assert config.model_reason.startswith("240 training texts, 15 classes")


def test_one_real_run_records_what_was_requested_and_used() -> None:
    run = lab.train(["model=auto", *REPORTS], "run")
    assert run.record["requested"]["model"] == {
        "requested": "auto", "used": "ngram with model.base=linear", "reason": run.config.model_reason,
    }  # fmt: skip
    assert (run.config.model.kind, run.config.model.base) == ("ngram", "linear")
    assert "model=auto: ngram with model.base=linear: 240 training texts" in Path("run/train.log").read_text()


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(RequestError) as caught:
        lab.compose(["model=auto", "model.dropout=0.2", "optimzer.lr=3", "trainer.max_epochs=0"])
    assert [mistake.key for mistake in caught.value.mistakes] == ["model.dropout", "optimzer.lr", "trainer.max_epochs"]


def test_a_refit_has_no_rows_for_a_simple_model_below_a_network() -> None:
    assert lab.compose(["model=auto", "data.split.refit=true", *REPORTS]).model.kind == "linear"


def test_custom_data_are_refused() -> None:
    with pytest.raises(RequestError, match="cannot choose for data=custom"):
        lab.compose(["model=auto", "data=custom"])


def test_mistakes_in_the_data_are_those_of_a_run() -> None:
    Path("a.csv").write_text("text,label\n" + "".join(f"words {n},x\n" for n in range(50)))
    with pytest.raises(RequestError, match="label"):
        lab.compose(["model=auto", "data=csv", "data.path=a.csv", "data.text=[text]", "data.labels=[label]"])


def test_an_experiment_may_choose_it(tmp_path: Path) -> None:
    own = tmp_path / "own" / "experiment"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("# @package _global_\ndefaults: [{override /model: auto}]\ndata: {num_rows: 300}\n")
    config = lab.compose(["experiment=mine"], config_dir=tmp_path / "own")
    assert config.model.kind == "ngram"


@pytest.mark.parametrize(
    ("data", "model"),
    [(["data.num_rows=300"], "ngram"), (["data=ucr", "data.name=UnitTest"], "minirocket")],
)
def test_the_folds_of_the_same_rows_have_one_model(
    data: list[str], model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "_read", lambda stand_in, conf, _: request.decide(stand_in, conf))
    argv = with_all_folds(["train.py", "model=auto", "data.split.folds=3", "seed=1,2", *data])
    line = request.chosen(argv, CONF)
    assert f"model={model}" in line
    assert "data.split.fold=0,1,2" in line


def test_the_model_to_name_for_series_reads_series() -> None:
    with pytest.raises(RequestError, match="model=minirocket"):
        request.chosen(["train.py", "-m", "model=auto", "data=ucr", "data.name=UnitTest,ArrowHead"], CONF)


def test_a_study_keeps_the_model_that_it_began_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "_read", lambda *_: pytest.fail("reads the data again"))
    Path("multirun/text").mkdir(parents=True)
    saved = "model: {name: tiny, base: linear, epochs: 20}\nmodel_reason: as it was\n"
    write_whole(Path("multirun/text/multirun.yaml"), lambda aside: aside.write_text(saved))
    argv = request.chosen(["train.py", "-m", "sweep=text", "model=auto"], CONF)
    choice = ["model=tiny", "model.base=linear", "model.epochs=20", 'model_reason="as it was"']
    assert argv == ["train.py", "-m", "sweep=text", *choice]


@pytest.mark.slow  # starts a process that imports torch
def test_a_multirun_reads_the_data_in_a_process_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    argv = request.chosen(["train.py", "-m", "model=auto", "seed=1,2", *REPORTS], CONF)
    assert argv[:2] == ["train.py", "-m"]
    assert "model=ngram" in argv
    assert "model=auto: ngram with model.base=linear: 240 training texts" in capsys.readouterr().err
