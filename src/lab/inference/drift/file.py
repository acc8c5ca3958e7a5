"""The drift file of a request, `<output>.drift.json`. What cannot be compared is refused before rows are predicted."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.config.schema.predict import PredictRequest
from lab.core.errors import Mistake, RequestError, listed, refuse_if_any
from lab.core.files import Unreadable, write_whole
from lab.core.hydra_quoting import quoted
from lab.core.record.run_folder import RunFolder, plain
from lab.core.reference.content import Reference
from lab.inference.inputs.interface import STANDARD

SHOWN = 5


def drift_path(output: str) -> Path:
    """The drift file of an output."""
    path = Path(output).expanduser()
    return path.with_name(f"{path.name}.drift.json")


def refuse_drift(request: PredictRequest) -> None:
    """Raises RequestError where the drift of a request has no file of its own, or would be of some rows only."""
    if not request.drift:
        return
    mistakes, path = [], drift_path(request.output)
    if request.output == STANDARD:
        mistakes.append(Mistake("drift", "is written beside the output, which is no file", "output=new.csv", True))
    elif path.exists() or path.is_symlink():
        mistakes.append(Mistake("drift", f"{path.name} of an earlier output exists already", "remove it", True))
    if request.resume_output:
        problem = "would be of the remaining rows only where an output is continued"
        mistakes.append(Mistake("drift", problem, "resume_output=false", True))
    refuse_if_any(mistakes)


def load_reference(run: RunFolder) -> Reference:
    """Return the reference of a run. Raises RequestError for a run without, and for a damaged file."""
    command = f"python train.py {quoted('test', run.path)}, which writes it from the run's data"
    try:
        content = run.read_reference()
    except (OSError, Unreadable) as error:
        raise RequestError(Mistake("drift", f"reference.json cannot be read: {error}", command, True)) from error
    if content is None:
        problem = f"{run.path} has no reference.json: it is of an older version, or its module gives no classes"
        raise RequestError(Mistake("drift", problem, command, True))
    return Reference.from_fields(content)


def write_drift(output: str, content: dict[str, Any]) -> None:
    """Write the drift file of an output."""
    text = json.dumps(plain(content), indent=1, ensure_ascii=False) + "\n"
    write_whole(drift_path(output), lambda aside: aside.write_text(text, encoding="utf-8"))


def drift_lines(content: dict[str, Any], output: str) -> list[str]:
    """Return the lines that the terminal shows: the subjects that shifted, the most shifted first."""
    subjects: Sequence[dict[str, Any]] = content["subjects"]
    shifted = [subject for subject in subjects if subject["level"] != "none"]
    shifted.sort(key=lambda subject: -float(subject["measures"]["population_stability_index"]["value"]))
    inputs = listed([str(each) for each in content["input"]], SHOWN)
    lines = [
        f"drift of {inputs}: {subject['name']} shifted ({subject['level']}: stability index "
        f"{subject['measures']['population_stability_index']['value']:.2f})"
        for subject in shifted[:SHOWN]
    ]
    rest = f", {len(shifted)} of them shifted" if shifted else ", none of them shifted"
    return [*lines, f"drift of {inputs}: {len(subjects)} subjects in {drift_path(output)}{rest}"]
