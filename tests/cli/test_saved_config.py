"""A folder from elsewhere does not act: only settings are read, and what reaches out of the folder is typed again."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from lab.cli.command_line import parse
from lab.cli.resume import resumed_argv
from lab.cli.saved_config import obeyed_records, read_saved, saved_text
from lab.core.errors import Mistake, RequestError, in_a_block
from lab.core.record.seal import sealed

CONF = Path("conf").absolute()
SOUND: dict[str, Any] = {
    "trainer": {"max_epochs": 12},
    "cache": {"dir": "${oc.env:LAB_CACHE,'~/.cache/lab'}"},
    "logger": {"mlflow": {"tracking_uri": "sqlite:///mlflow.db", "experiment": "lab"}},
    "experiment_name": "lab",
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("last", "best"):
        (folder / "checkpoints" / f"{name}.ckpt").touch()
    (folder / "run.json").write_text(json.dumps({"schema_version": 1, "status": "interrupted"}))
    return folder


def write(run: Path, own: bool = False, **changes: Any) -> None:
    text = yaml.safe_dump(SOUND | changes, sort_keys=False)
    (run / "config.yaml").write_text(sealed(text) if own else text)


def refusal(*overrides: str) -> str:
    with pytest.raises(RequestError) as caught:
        resumed_argv(["train.py", *overrides], CONF)
    return str(caught.value)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("key", ["resume", "test"])
@pytest.mark.parametrize(
    "extra",
    [
        {"hydra": {"job_logging": {"handlers": {"file": {"class": "logging.FileHandler", "mode": "w"}}}}},
        {"hydra": {"job": {"env_set": {"LD_PRELOAD": "evil.so"}}}},
        {"defaults": [{"override hydra/job_logging": "none"}]},
        {"hydra/launcher": "basic"},
        {"sweep": {"storage": "sqlite:///elsewhere.db"}},
        {"_target_": "os.system"},
    ],
)
def test_what_is_no_setting_is_refused_by_its_key(run: Path, own: bool, key: str, extra: dict[str, Any]) -> None:
    write(run, own, **extra)
    assert f"{next(iter(extra))}: is no setting of a run" in refusal(f"{key}={run}")


def test_hydra_reads_the_settings_alone(run: Path) -> None:
    """A comment of the saved file may name a package, under which the same keys mean something else."""
    write(run)
    path = run / "config.yaml"
    path.write_text("# @package hydra\n" + path.read_text())
    argv = resumed_argv(["train.py", f"resume={run}"], CONF)
    composed_from = Path(argv[argv.index("--config-path") + 1])
    assert composed_from != run
    assert (composed_from / "config.yaml").read_text().startswith("trainer:")


def test_ones_own_folder_needs_no_other_argument_also_where_it_was_moved(run: Path, tmp_path: Path) -> None:
    changes = {"cache": {"dir": "/data/cache"}, "logger": {"mlflow": {"tracking_uri": "http://tracking:5000"}}}
    write(run, own=True, **changes, experiment_name="${oc.env:USER,nobody}")
    moved = run.rename(tmp_path / "moved")
    for key in ("resume", "test"):
        assert resumed_argv(["train.py", f"{key}={moved}"], CONF)


def test_a_sound_folder_from_elsewhere_needs_none_either(run: Path) -> None:
    write(run)
    assert resumed_argv(["train.py", f"resume={run}"], CONF)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"experiment_name": "${oc.env:AWS_SECRET_ACCESS_KEY}"}, "experiment_name"),
        ({"experiment_name": "${oc.decode:${oc.env:HOME}}"}, "experiment_name"),
        ({"cache": {"dir": "/mnt/theirs"}}, "cache.dir"),
        ({"cache": {"dir": "${oc.env:HOME}/x"}}, "cache.dir"),
        ({"logger": {"mlflow": {"tracking_uri": "http://theirs:5000"}}}, "logger.mlflow.tracking_uri"),
        ({"logger": {"wandb": {"project": "lab", "entity": "theirs"}}}, "logger.wandb.entity"),
        ({"tags": ["a", "${oc.env:TOKEN}"]}, "tags"),
        ({"experiment_name": "\\\\${oc.env:TOKEN}"}, "experiment_name"),
        ({"tags": ["\\\\\\\\${oc.env:TOKEN}"]}, "tags"),
    ],
)
def test_what_reaches_out_of_another_users_folder_is_used_only_when_typed(
    run: Path, changes: dict[str, Any], key: str
) -> None:
    write(run, **changes)
    said = refusal(f"resume={run}")
    assert f"{key}=" in said
    assert "not written by you" in said
    remedy = next(line.partition("try: ")[2] for line in said.splitlines() if "try: " in line)
    typed = shlex.split(remedy)
    assert [word.partition("=")[0] for word in typed] == [key]
    argv = resumed_argv(["train.py", f"resume={run}", *typed], CONF)
    assert typed[0] in argv


def test_a_test_starts_no_logger_and_asks_for_no_address(run: Path) -> None:
    write(run, logger={"mlflow": {"tracking_uri": "http://theirs:5000"}})
    assert resumed_argv(["train.py", f"test={run}"], CONF)


@pytest.mark.parametrize("own", [True, False])
def test_a_password_that_is_not_on_disk_is_typed_again(run: Path, own: bool) -> None:
    write(run, own, logger={"mlflow": {"tracking_uri": "http://***@tracking:5000"}})
    said = refusal(f"resume={run}")
    assert "'logger.mlflow.tracking_uri=\"http://${oc.env:LOGIN}@tracking:5000\"'" in in_a_block([Mistake("", said)])
    assert resumed_argv(["train.py", f"test={run}"], CONF)
    assert resumed_argv(["train.py", f"resume={run}", "logger.mlflow.tracking_uri=http://u:PW@tracking:5000"], CONF)


@pytest.mark.parametrize(
    "place", ["train.log", "history.jsonl", "checkpoints/best.ckpt", "figures", "wandb/run.wandb", "loop"]
)
@pytest.mark.parametrize("key", ["resume", "test"])
def test_a_link_out_of_the_folder_is_refused(run: Path, tmp_path: Path, key: str, place: str) -> None:
    write(run, own=True)
    link = run / place
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(link if place == "loop" else tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("")
    said = refusal(f"{key}={run}")
    assert f"{place} is a symbolic link to" in said
    remedy = said.partition("try: ")[2]
    assert shlex.split(remedy) == ["rm", str(link)]


def test_a_link_inside_the_folder_is_none_of_that(run: Path) -> None:
    write(run, own=True)
    (run / "wandb" / "offline-run-1").mkdir(parents=True)
    (run / "wandb" / "latest-run").symlink_to("offline-run-1")
    (run / "wandb" / "offline-run-1" / "debug.log").symlink_to("/var/log/of-its-service")
    assert resumed_argv(["train.py", f"resume={run}"], CONF)


def test_what_came_from_the_environment_is_saved_as_it_was_written() -> None:
    settings = {
        "experiment_name": "s3cret",
        "data": {"path": "${x}.csv"},
        "tags": ["a", "s3cret"],
        "logger": {"uri": "http://u:p@h"},
    }
    saved = yaml.safe_load(saved_text(settings, {"experiment_name": "${oc.env:S}", "tags.1": "${oc.env:S}"}))
    assert saved == {
        "experiment_name": "${oc.env:S}",
        "data": {"path": "\\${x}.csv"},
        "tags": ["a", "${oc.env:S}"],
        "logger": {"uri": "http://***@h"},
    }


def test_a_saved_config_that_is_no_mapping_is_refused(run: Path) -> None:
    for text in ("5\n", "[1]\n", "", "a: [\n"):
        (run / "config.yaml").write_text(text)
        assert "cannot be read: config.yaml" in refusal(f"resume={run}")


def test_the_seal_covers_the_text(run: Path) -> None:
    write(run, own=True)
    path = run / "config.yaml"
    assert read_saved(path).own
    path.write_text(path.read_text().replace("lab", "lob", 1))
    assert not read_saved(path).own


@pytest.mark.parametrize("text", ["a${x}", r"a\${x}", r"\\${oc.env:HOME}", "a\\", r"${${x}\${y}}", "$${z}"])
def test_a_text_is_saved_as_the_text_it_is(text: str) -> None:
    saved = OmegaConf.create(saved_text({"tags": [text]}, {}))
    assert OmegaConf.to_container(saved, resolve=True) == {"tags": [text]}


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("run.json", ["--config-path", "RUN"]),
        (".hydra/config.yaml", ["--config-path", "RUN/.hydra"]),
        ("study.yaml", ["--config-path", "RUN", "--config-name", "multirun"]),
        (".hydra/overrides.yaml", ["--experimental-rerun", "RUN"]),
    ],
)
def test_hydra_is_not_sent_to_what_a_run_left(tmp_path: Path, mark: str, words: list[str]) -> None:
    path = tmp_path / "a run" / mark
    path.parent.mkdir(parents=True)
    path.touch()
    typed = [word.replace("RUN", str(tmp_path / "a run")) for word in words]
    (mistake,) = obeyed_records(parse(["train.py", *typed]))
    first = shlex.split(mistake.remedy.partition(", or ")[0])
    assert first == [f'resume="{tmp_path / "a run"}"']
    assert obeyed_records(parse(["train.py", "--config-path", str(CONF)])) == []


def test_settings_of_an_earlier_version_are_read_under_their_present_names(run: Path) -> None:
    old = {"name": "avisos", "data": {"kind": "table", "gaps": "mask", "rows": {"train": 5}},
           "callbacks": {"freeze": {"layers": 1}, "unfreeze": {"schedule": {0: 2}}},
           "trainer": {"gradient_clip": 1.0}}  # fmt: skip
    (run / "config.yaml").write_text(yaml.safe_dump(old))
    settings = read_saved(run / "config.yaml").settings
    assert settings == {
        "experiment_name": "avisos",
        "data": {"kind": "series_table", "missing_values": "mask", "max_rows": {"train": 5}},
        "callbacks": {"freeze": {"layers": 1, "schedule": {0: 2}}},
        "trainer": {"gradient_clip_val": 1.0},
    }


@pytest.mark.parametrize(("base", "dropout"), [(None, 0.0), ("linear", 0.5)])
def test_a_base_dropout_that_had_no_effect_is_left_out(run: Path, base: str | None, dropout: float) -> None:
    saved = {"model": {"kind": "encoder", "base": base, "base_dropout": 0.5}}
    (run / "config.yaml").write_text(yaml.safe_dump(saved))
    assert read_saved(run / "config.yaml").settings["model"]["base_dropout"] == dropout


def test_an_old_key_of_a_resumed_line_is_answered_with_its_name(run: Path) -> None:
    write(run, own=True, data={"kind": "maintenance", "max_rows": {"train": 5}})
    said = refusal(f"resume={run}", "data.rows.train=7")
    assert "data.rows.train=7: is called data.max_rows.train, and cannot change when a run is resumed" in said
    assert "leave out data.rows.train" in said
