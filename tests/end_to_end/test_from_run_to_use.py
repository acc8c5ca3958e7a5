"""From a run to its use, with its training data deleted: predict, explain, export and serve, on files and a socket.

Each model is predicted, explained, exported in every format that it has, and served, itself and its exports. All give
the same cells.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from lab.config.check import check_export, check_serve
from lab.export.folder import write_folder
from lab.inference.predict import Done
from lab.serving.listening import address_of, listening
from lab.serving.server import server_of

from ..inference.conftest import CONF, OWN, read_csv, text_rows, write_csv, write_weather

PredictWith = Callable[..., Done]
Folder = Callable[[str], Path]
TEXTS = ("ngram", "linear", "encoder", "lora", "qlora", "qdora", "ngram_on_base", "encoder_on_base", "conv", "own_head")
SERIES = ("series", "lags", "net", "net_on_base")
NO_GRAPH = ("series", "ngram_on_base", "encoder_on_base", "net_on_base")
"""minirocket computes outside of torch; a simple model below a network is none of its layers."""
ENCODERS = ("encoder", "lora", "qlora", "qdora", "own_head", "questions", "adapted_questions")
ADAPTED = ("lora", "qlora", "qdora", "own_head", "adapted_questions")
PLUGINS = {"conv": ["examples.plugins.conv_encoder"], "custom": [OWN]}
QUICK = ("ngram",)
"""The others train for seconds each, so they are slow."""
ALL = (*TEXTS, "questions", "adapted_questions", *SERIES)


def new_rows(name: str, folder: Path) -> Path:
    if name in SERIES:
        return write_weather(folder / "new.csv", hours=26)
    if "questions" in name:
        pairs = [("¿Qué vibra?", "La bomba P-101 vibra desde ayer. " * 6), ("¿Qué?", "Se cambió el sello.")]
        return write_csv(folder / "new.csv", [("question", "context"), *pairs])
    return write_csv(folder / "new.csv", [("title", "text"), *(row[:2] for row in text_rows(3))])


def bodies(name: str, file: Path) -> list[dict[str, Any]]:
    """The rows of a file as a request has them."""
    rows = read_csv(file)
    if name not in SERIES:
        return [dict(row) for row in rows]
    return [{key: cell if key in ("hour", "station") else float(cell) for key, cell in row.items()} for row in rows]


def settings_of(file: str, own: dict[str, Any]) -> dict[str, Any]:
    defaults = yaml.safe_load((CONF / file).read_text())
    return {key: value for key, value in defaults.items() if key not in ("defaults", "hydra")} | own


def exported(run: Path, output: Path, **settings: Any) -> Path:
    write_folder(check_export(settings_of("export.yaml", {"run": str(run), "output": str(output)} | settings)))
    return output


@contextmanager
def serving(run: Path, **settings: Any) -> Iterator[httpx.Client]:
    """A client of a server of a run, on a socket of this machine."""
    own = {"run": str(run), "device": "cpu", "top_k": 1, "port": 0} | settings
    server = server_of(check_serve(settings_of("serve.yaml", own)), None)
    with listening("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            with httpx.Client(base_url=address_of(listener), timeout=60, trust_env=False) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(60)


def cells_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def assert_same(given: list[dict[str, Any]], expected: list[dict[str, Any]], tolerance: float) -> None:
    assert len(given) == len(expected) > 0
    for row, wanted in zip(given, expected, strict=True):
        for name in row:
            own = pytest.approx(wanted[name], abs=tolerance) if isinstance(row[name], float) else wanted[name]
            assert row[name] == own, name


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(n, marks=pytest.mark.slow) for n in ALL if n not in QUICK)])
def test_a_model_is_predicted_explained_exported_and_served(
    predict_with: PredictWith, trained: Folder, tmp_path: Path, name: str
) -> None:
    run, new = trained(name), new_rows(name, tmp_path)
    own = {"plugins": PLUGINS.get(name, [])}
    doubts = {"abstain_below": 0.6, "novelty": True}
    predict_with(name, input=new, output=tmp_path / "run.jsonl", **doubts, **own)
    expected = cells_of(tmp_path / "run.jsonl")
    predict_with(name, input=new, output=tmp_path / "why.csv", explain=True, **own)
    assert any(column.endswith("_attributions") for column in read_csv(tmp_path / "why.csv")[0])
    (page,) = tmp_path.glob("why*.html")
    assert page.stat().st_size > 1000

    folders = {"run": run, "torch": exported(run, tmp_path / "torch", **own)}
    if name not in NO_GRAPH:
        folders["onnx"] = exported(run, tmp_path / "onnx", format="onnx", **own)
    for adapters in ("merged", "peft") if name in ADAPTED else ("merged",) if name in ENCODERS else ():
        assert (exported(run, tmp_path / adapters, format="hf", adapters=adapters) / "README.md").is_file()
    for kind, folder in folders.items():
        tolerance = 1e-4 if kind == "onnx" else 1e-5
        if kind != "run":
            predict_with(name, run=folder, input=new, output=tmp_path / f"{kind}.jsonl", **doubts, **own)
            assert_same(cells_of(tmp_path / f"{kind}.jsonl"), expected, tolerance)
        with serving(folder, **doubts, **own) as client:
            explains = kind != "onnx"
            answer = client.post("/predict", json={"rows": bodies(name, new), "explain": explains})
            assert answer.status_code == 200, answer.text
            content = answer.json()
            assert content["rejected"] == []
            assert_same(content["predictions"], expected, tolerance)
            assert not explains or all(row and row[0]["words"] for row in content["explanations"])
            assert client.get("/health").json()["status"] == "ok"
            assert 'lab_requests_total{path="/predict",status="200"} 1.0' in client.get("/metrics").text


@pytest.mark.slow
def test_a_custom_module_is_predicted_and_served(predict_with: PredictWith, trained: Folder, tmp_path: Path) -> None:
    new = write_csv(tmp_path / "new.csv", [("speed", "load"), (0.1, 0.9), (0.7, 0.8)])
    predict_with("custom", input=new, output=tmp_path / "run.jsonl", plugins=[OWN])
    with serving(trained("custom"), example=str(new), plugins=[OWN]) as client:
        answer = client.post("/predict", json={"rows": [{"speed": 0.1, "load": 0.9}, {"speed": 0.7, "load": 0.8}]})
        assert_same(answer.json()["predictions"], cells_of(tmp_path / "run.jsonl"), 1e-5)
