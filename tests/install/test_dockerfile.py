"""The image is built from files that are there and that .dockerignore lets through (`make check` lints the file)."""

import shlex
import tomllib

from .conftest import PARTS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def instructions() -> list[list[str]]:
    """The words of each instruction, in order."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]


COPIED = [
    word for name, *words in instructions() if name == "COPY" and "--from=build" not in words for word in words[:-1]
]


def test_what_is_copied_is_there_and_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert [name for name in COPIED if not (ROOT / name).exists() or f"!{name}" not in ignored] == []


def test_the_image_gets_all_that_a_wheel_is_built_from_and_both_locks() -> None:
    assert set(COPIED) == {*PARTS, "requirements.lock", "requirements-torch.lock"}


def test_torch_is_for_the_cpu_unless_an_argument_names_a_cuda_version() -> None:
    arguments = dict(words[1].split("=") for words in instructions() if words[0] == "ARG")
    (install,) = [words for words in instructions() if words[:4] == ["RUN", "uv", "pip", "install"]]
    assert arguments["TORCH"] == "cpu"
    assert install[install.index("--torch-backend") + 1] == "${TORCH}"
    assert install[-1] == ".[${EXTRAS}]"
    assert set(arguments["EXTRAS"].split(",")) <= set(PROJECT["optional-dependencies"])


def test_it_starts_a_command_of_the_project() -> None:
    (entry,) = [words[1:] for words in instructions() if words[0] == "ENTRYPOINT"]
    assert "".join(entry).strip("[]") in PROJECT["scripts"]
