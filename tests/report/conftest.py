"""Run folders written in milliseconds, through the same writer that training uses."""

import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from lab.config.check import check_report
from lab.config.schema.report import ReportRequest
from lab.core.record.run_folder import RunFolder
from lab.core.record.seal import sealed
from lab.report.findings import Comparison, Groups, Report, Runs

CONF = Path(__file__).parents[2] / "conf"
MakeRun = Callable[..., RunFolder]


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, last = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = value
    return tree


def write_run(
    path: Path,
    val: Sequence[float | None] = (0.5, 0.7, 0.6),
    *,
    status: str = "completed",
    config: Mapping[str, Any] | None = None,
    seed: int = 1,
    test: float | None = 0.65,
    train: Sequence[float] = (),
    metric: str = "val/f1_macro",
    mode: str = "max",
    fingerprint: str | None = "aaaa1111",
    own: bool = True,
    **fields: Any,
) -> RunFolder:
    """A run whose objective took these values; its best epoch and scores follow from them."""
    path.mkdir(parents=True)
    run, score = RunFolder(path), metric.removeprefix("val/")
    settings = {"model.name": "tiny", "optimizer.lr": 1e-3, "trainer.max_epochs": len(val), "seed": seed} | (
        config or {}
    )
    text = yaml.safe_dump(nested(settings), sort_keys=False)
    run.write_text("config.yaml", sealed(text) if own else text)
    (path / ".hydra").mkdir()
    hydra = {"hydra": {"runtime": {"choices": {"model": settings["model.name"]}}}}
    (path / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(hydra))
    known = [(value if mode == "max" else -value, -epoch) for epoch, value in enumerate(val) if value is not None]
    best = -max(known)[1] if known and status not in ("failed", "running", "interrupted") else None
    rows = [{"epoch": epoch, "step": 10 * (epoch + 1), metric: value, "lr": 1e-3} for epoch, value in enumerate(val)]
    for row, value in zip(rows, train, strict=False):
        row[f"train/{score}"] = value
    objective = {"metric": metric, "mode": mode, "value": None, "epoch": None, "step": None}
    metrics: dict[str, Any] = {}
    if best is not None:
        objective |= {"value": val[best], "epoch": best, "step": 10 * (best + 1)}
        own = {"train": {score: train[best]}} if train else {}
        metrics = own | {"val": {score: val[best]}, "test": {score: test} if test is not None else {}}
    defaults: dict[str, Any] = {
        "command": f"python train.py optimizer.lr={settings['optimizer.lr']} seed={seed}",
        "data": {"name": "maintenance", "fingerprint": fingerprint, "truncated_share": 0.01},
        "parameters": {"total": 1000, "trainable": 900},
        "memory": {"peak_rss_gib": 0.5, "peak_gpu_gib": None},
        "timing_s": {"total": 10.0 + seed, "fit": 8.0, "cpu": 19.5},
        "baselines": {"majority": {"val": {score: 0.25}, "test": {score: 0.2}}},
        "seed": seed,
        "sweep": None,
    }
    run.start(
        **(defaults | {"objective": objective, "metrics": metrics, "status": status, "reason": f"{status}."} | fields)
    )
    for row in rows:
        run.append_history(row)
    return run


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    def make(name: str, *args: Any, **keywords: Any) -> RunFolder:
        return write_run(tmp_path / name, *args, **keywords)

    return make


def request_for(**changes: Any) -> ReportRequest:
    """conf/report.yaml with changes, by dotted key."""
    plain = yaml.safe_load((CONF / "report.yaml").read_text(encoding="utf-8"))
    for key in ("defaults", "hydra"):
        del plain[key]
    for key, value in changes.items():
        *parents, last = key.split("__")
        node = plain
        for parent in parents:
            node = node[parent]
        node[last] = value
    return check_report(plain)


@pytest.fixture
def ask() -> Callable[..., ReportRequest]:
    return request_for


def report_of(folder: Path, output: Path, **columns: Sequence[Any]) -> Report:
    """A report on a table made of columns, `optimizer.lr` among them; what is not given is the same for all runs."""
    num = len(next(iter(columns.values())))
    defaults: dict[str, Any] = {
        "run": [str(row) for row in range(num)], "path": [str(folder / str(row)) for row in range(num)],
        "status": ["completed"] * num, "reason": ["done"] * num, "command": ["python train.py"] * num,
        "seed": [1] * num, "configuration": list(range(num)), "time_s": [10.0] * num,
    } | columns  # fmt: skip
    frame = pd.DataFrame(defaults)
    varied = tuple(name for name in frame.columns if "." in name and frame[name].nunique(dropna=False) > 1)
    histories: tuple[Any, ...] = ({},) * num
    runs = Runs(frame, histories, varied, {}, "val/f1_macro", "maximize")
    order = tuple(frame["objective"].sort_values(ascending=False, kind="stable").index.tolist())
    nothing = Groups((), ())
    against = Comparison((), None, runs.metric)
    return Report(
        runs, order, 10, nothing, (), against, (), (), None, {"expected": num}, "python report.py", "now", output
    )


@pytest.fixture
def tabled(tmp_path: Path) -> Callable[..., Report]:
    def make(**columns: Sequence[Any]) -> Report:
        return report_of(tmp_path, tmp_path / "report", **columns)

    return make


@pytest.fixture(scope="session")
def made_up_report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A report on 48 runs that no training wrote, with every kind of end; they stand in `runs` beside its folder."""
    from lab.report.build import build

    path = Path(__file__).parents[2] / "benchmarks" / "report" / "runs.py"
    spec = importlib.util.spec_from_file_location("report_runs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["report_runs"] = module
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("made_up")
    module.write_runs(folder / "runs", 48, num_rows=12)
    (folder / "runs" / "foreign").mkdir()
    (folder / "runs" / "foreign" / "run.json").write_text("{")
    return build(request_for(runs=[str(folder / "runs")], output=str(folder / "report")), "python report.py runs=runs")


@pytest.fixture(scope="session")
def made_up(made_up_report: Report) -> Path:
    return made_up_report.folder.parent
