"""A run's own line with `resume=RUN` behind it: what the run has already is no change, and a real change is refused."""

import json
import shutil
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from lab.cli import command_line, validate_overrides
from lab.cli.arguments.missing_quotes import with_quotes
from lab.cli.resume import resumed_argv
from lab.cli.saved_config import saved_text
from lab.config.check import check
from lab.core.errors import RequestError
from lab.core.record.seal import sealed

CONF = Path("conf").absolute()
LINES = {
    "groups": ["model=distilbeto", "peft=lora", "trainer.precision=16", "optimizer.lr=2e-4", "seed=3"],
    "experiment": ["experiment=reports_beto_fast", "data.batch_size=8"],
    "csv": ["data=csv", "data.path=a.csv", "data.text=[Descripción]", 'data.labels=["código"]', "logger=[csv]"],
    "series": ["data=rainfall", "model=patchtst", "data.label={feature: rain, horizon: 3, threshold: 0.1}"],
    "deleted": [
        "logger=[]",
        "tags=[a]",
        "++experiment_name=x",
        "~data.pin_memory",
        "+data.pin_memory=auto",
        "loss.head_weights={causa: 2}",
        "scheduler=cosine",
    ],
}


@pytest.fixture
def run(tmp_path: Path):  # type: ignore[no-untyped-def]
    def made(line: list[str]) -> Path:
        folder = tmp_path / "run"
        (folder / "checkpoints").mkdir(parents=True)
        with initialize_config_dir(str(CONF)):
            composed = compose("config", with_quotes(["train.py", *line])[1:])
        plain = check(composed).model_dump(mode="json", exclude={"sweep"})
        plain["logger"] = {name: node for name, node in plain["logger"].items() if node is not None}
        plain["run_name"] = "x"
        (folder / "config.yaml").write_text(sealed(saved_text(plain, {})))
        for name in ("last", "best"):
            (folder / "checkpoints" / f"{name}.ckpt").touch()
        (folder / "run.json").write_text(json.dumps({"schema_version": 1, "status": "interrupted"}))
        return folder

    yield made
    shutil.rmtree(tmp_path / "run", ignore_errors=True)


@pytest.mark.parametrize(
    "line",
    [lines if name == "csv" else pytest.param(lines, marks=pytest.mark.slow) for name, lines in LINES.items()],
    ids=LINES,
)
@pytest.mark.parametrize("key", ["resume", "test"])
def test_the_line_as_first_typed_resumes(run, line: list[str], key: str) -> None:  # type: ignore[no-untyped-def]
    folder = run(line)
    argv = resumed_argv(with_quotes(["train.py", *line, f"{key}={folder}", f"hydra.run.dir={folder}"]), CONF)
    assert not any(word.startswith(("model=", "seed=", "experiment=", "data.label")) for word in argv)
    assert validate_overrides.mistakes(command_line.parse(argv), CONF) == []


@pytest.mark.parametrize(
    ("line", "change", "blamed"),
    [
        ("groups", "model=beto", {"model"}),
        ("groups", "trainer.precision=32", {"trainer.precision"}),
        ("groups", "peft.r=8", {"peft.r"}),
        ("experiment", "experiment=imdb_quick", {"experiment"}),
        ("experiment", "data.batch_size=9", {"data.batch_size"}),
        ("csv", "data=imdb", {"data"}),
        ("csv", "data.text=[otra]", {"data.text"}),
        ("deleted", "loss.head_weights={causa: 3}", {"loss.head_weights"}),
        ("deleted", "scheduler=linear", {"scheduler"}),
        ("deleted", "~scheduler", {"scheduler"}),
    ],
)
def test_a_real_change_is_refused_alone(run, line: str, change: str, blamed: set[str]) -> None:  # type: ignore[no-untyped-def]
    folder = run(LINES[line])
    kept = [word for word in LINES[line] if word.partition("=")[0] != change.partition("=")[0]]
    assert judged(with_quotes(["train.py", *kept, change, f"resume={folder}"])) == blamed


def test_a_choice_has_keys_that_the_run_is_too_old_for(run) -> None:  # type: ignore[no-untyped-def]
    folder = run(LINES["series"])
    config = folder / "config.yaml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith(("  past_labels:", "# sha"))]
    assert "past_labels" in config.read_text()
    config.write_text(sealed("\n".join(lines) + "\n"))
    assert judged(["train.py", *LINES["series"], f"resume={folder}"]) == set()
    assert judged(["train.py", *LINES["series"], "data.past_labels=true", f"resume={folder}"]) == {"data.past_labels"}


def judged(line: list[str]) -> set[str]:
    """Keys of the mistakes of a whole line."""
    try:
        result = validate_overrides.mistakes(command_line.parse(resumed_argv(line, CONF)), CONF)
    except RequestError as error:
        result = list(error.mistakes)
    return {mistake.key for mistake in result}


def test_more_epochs_beside_the_line_as_first_typed(run) -> None:  # type: ignore[no-untyped-def]
    folder = run(LINES["groups"])
    argv = resumed_argv(["train.py", *LINES["groups"], "trainer.max_epochs=90", f"resume={folder}"], CONF)
    assert argv[-1] == "trainer.max_epochs=90"
