"""The examples of plug-ins train by their command lines, and a wrong one is answered before anything runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

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
            "data._target_=digits.DigitsData", "data.metric=val/acc", "objective.mode=max", "+data.num_rows=500",
            "logger=csv", "callbacks.curves.png=false", "trainer.max_epochs=2", "hydra.run.dir=run")  # fmt: skip
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


@pytest.fixture
def registries(tmp_path: Path) -> Path:
    """A working folder with a plug-in that has a part for each registry."""
    (tmp_path / "every_registry.py").write_text((Path(__file__).parent / "every_registry.py").read_text())
    return tmp_path


def test_a_source_and_a_pooling_of_a_plugin(forked: Any, registries: Path) -> None:
    line = ("plugins=[every_registry]", "data=colours", "data.num_rows=150", "model.pooling=first_and_last",
            "trainer.max_epochs=1", "logger=csv", "callbacks.curves.png=false", "hydra.run.dir=run")  # fmt: skip
    done = forked("train.py", *line, folder=registries)
    assert done.code == 0, done.said
    assert record(registries)["data"]["name"] == "colours"
    done = forked("train.py", "plugins=[every_registry]", "data=colours", "data.num_row=1", folder=registries)
    assert done.code == 2
    assert "try: data.num_rows=1" in done.said
    done = forked("train.py", "model.pooling=first_and_last", folder=registries)
    assert (done.code, "must be one of cls, mean, max, attention" in done.said) == (2, True)


def test_an_optimizer_a_schedule_and_a_loss_of_a_plugin_are_choices_of_their_groups(
    forked: Any, registries: Path
) -> None:
    parts = ("plugins=[every_registry]", "optimizer=sign", "scheduler=halved", "loss=margin", "model=ngram")
    done = forked("train.py", *parts, "loss.margin=0.5", "optimizer.scale=2.0", *SMALL[:-1], "hydra.run.dir=parts",
                  folder=registries)  # fmt: skip
    assert done.code == 0, done.said
    config = yaml.safe_load((registries / "parts" / "config.yaml").read_text())
    assert (config["loss"]["margin"], config["optimizer"]["scale"], config["scheduler"]["kind"]) == (0.5, 2.0, "halved")
    history = [json.loads(line) for line in (registries / "parts" / "history.jsonl").read_text().splitlines()]
    assert history[-1]["lr"] == pytest.approx(0.5 * config["optimizer"]["lr"])
    done = forked("train.py", *parts, "loss.margn=0.5", "optimizer.scale=big", folder=registries)
    assert done.code == 2
    for words in ("try: loss.margin=0.5", "optimizer.scale=big: must be a number"):
        assert words in done.said


def test_a_series_net_of_a_plugin_is_swept_with_its_sampler_policy_and_figure(forked: Any, registries: Path) -> None:
    line = ("-m", "plugins=[every_registry]", "data=rainfall", "model=last_values", "model.steps=2,3", "sweep=lr",
            "sweep.study=s", "sweep.search_space=null", "sweep.sampling_algorithm=uniform",
            "sweep.limits.max_total_trials=2", "sweep.early_termination={type: patient}", "trainer.max_epochs=1",
            "data.max_rows={train: 100, val: 100, test: 100}", "logger=csv", "callbacks.curves.png=false")  # fmt: skip
    done = forked("train.py", *line, folder=registries)
    assert done.code == 0, done.said
    assert "2 completed" in done.said
    done = forked("report.py", "runs=multirun/s", "output=report", "plugins=[every_registry]", folder=registries)
    assert done.code == 0, done.said
    assert "Number of runs" in (registries / "report" / "index.html").read_text()
    assert list((registries / "report").rglob("number_of_runs*.png"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "launcher", [["submitit_local", "hydra.launcher.timeout_min=5"], ["ray"]], ids=lambda words: words[0]
)
def test_a_multirun_imports_the_plugin_in_its_workers(folder: Path, launcher: list[str]) -> None:
    """Each trial is a process of its own, which starts from a pickle: it has to import the plug-in itself."""
    pytest.importorskip(f"hydra_plugins.hydra_{launcher[0].removesuffix('_local')}_launcher")
    line = ["-m", "plugins=[conv_encoder]", "model=conv", "model.width=8,16", f"hydra/launcher={launcher[0]}",
            *launcher[1:], "hydra.sweep.dir=jobs", *SMALL[:-1]]  # fmt: skip
    command = [sys.executable, str(EXAMPLES.parents[1] / "train.py"), *line]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    for number, width in enumerate((8, 16)):
        found = json.loads((folder / "jobs" / str(number) / "run.json").read_text())
        assert (found["status"], found["model"]["kind"]) == ("completed", "conv")
        config = yaml.safe_load((folder / "jobs" / str(number) / "config.yaml").read_text())
        assert config["model"]["width"] == width
