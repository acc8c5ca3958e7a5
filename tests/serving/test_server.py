"""One server process on a real socket: shared batches, refusals, a new version, and its end at a signal.

The tests share the process and run in order: the last one stops it.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import text_rows, write_csv

ROOT = Path(__file__).parents[2]
KEY = "a-key-for-tests-0123456789"
COMMAND = [sys.executable, str(ROOT / "serve.py")]
WAIT_S = 60


@dataclass
class Served:
    """A server process. folder: a report's, whose winner.json says what is served."""

    process: subprocess.Popen[str]
    url: str
    folder: Path
    log: Path

    def client(self, **headers: str) -> httpx.Client:
        own = {"authorization": f"Bearer {KEY}"} | headers
        return httpx.Client(base_url=self.url, headers=own, timeout=30, trust_env=False)

    def serve(self, run: Path) -> None:
        """Name another winner, as a report that is built again does."""
        aside = self.folder / "winner.json.new"
        aside.write_text(json.dumps({"path": str(run)}))
        aside.replace(self.folder / "winner.json")

    def health(self, until: Callable[[Any], bool]) -> Any:
        """The first /health that is as awaited."""
        with self.client() as client:
            for _ in range(WAIT_S * 10):
                state = client.get("/health").json()
                if until(state):
                    return state
                time.sleep(0.1)
        raise AssertionError(f"not within {WAIT_S} s; {state}; {self.log.read_text()}")


@pytest.fixture(scope="module")
def served(trained: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    log = folder / "log.txt"
    (folder / "winner.json").write_text(json.dumps({"path": str(trained("ngram"))}))
    words = [f"run={folder}", "port=0", "device=cpu", "top_k=2", "reload_every_s=0.2", "api_key_env=SERVED_KEY",
             "batch.wait_ms=100", "limits.body_kib=16", "limits.rows=20", "limits.text_length=500"]  # fmt: skip
    with log.open("w") as output:
        process = subprocess.Popen([*COMMAND, *words], stdout=output, stderr=output, text=True, cwd=folder,
                                   env=os.environ | {"SERVED_KEY": KEY, "PYTHONPATH": str(ROOT / "src")})  # fmt: skip
    for _ in range(WAIT_S * 10):
        if "serving at " in log.read_text() or process.poll() is not None:
            break
        time.sleep(0.1)
    assert process.poll() is None, log.read_text()
    yield Served(process, log.read_text().split("serving at ")[1].split()[0], folder, log)
    if process.poll() is None:
        process.kill()
        process.wait()


def counter(text: str, name: str) -> float:
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))


ROW = {"title": "pump 1", "text": "drips drips"}


def test_it_listens_on_this_machine_alone(served: Served) -> None:
    assert served.url.startswith("http://127.0.0.1:")


def test_the_cells_are_those_of_predict(served: Served, predict_with: Any, tmp_path: Path) -> None:
    rows = [(title, text) for title, text, *_ in text_rows(4)]
    new = write_csv(tmp_path / "new.csv", [("title", "text"), *rows])
    predict_with("ngram", input=new, output=tmp_path / "out.jsonl", top_k=2)
    expected = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    with served.client() as client:
        answer = client.post("/predict", json={"rows": [{"title": one, "text": other} for one, other in rows]})
    assert answer.status_code == 200
    assert answer.json()["rejected"] == []
    for given, wanted in zip(answer.json()["predictions"], expected, strict=True):
        assert list(given) == [name for name in wanted if name not in ("title", "text")]
        for name, cell in given.items():
            assert cell == (pytest.approx(wanted[name], abs=1e-5) if isinstance(cell, float) else wanted[name])


def test_requests_at_the_same_time_share_a_batch(served: Served) -> None:
    with served.client() as client, ThreadPoolExecutor(8) as pool:
        before = client.get("/metrics").text
        list(pool.map(lambda _: client.post("/predict", json={"rows": [ROW]}).raise_for_status(), range(16)))
        after = client.get("/metrics").text
    requests, batches = (
        counter(after, name) - counter(before, name) for name in ("lab_batch_requests_sum", "lab_batch_requests_count")
    )
    assert requests == 16
    assert batches <= 8


REFUSED: dict[str, tuple[int, dict[str, Any], str]] = {
    "no key": (401, {"headers": {"authorization": ""}}, "Bearer KEY"),
    "wrong key": (401, {"headers": {"authorization": f"Bearer {KEY}x"}}, "Bearer KEY"),
    "rebound name": (421, {"headers": {"host": "rebound.example"}}, "allowed_hosts"),
    "body": (413, {"content": b" " * 20_000, "headers": {"content-type": "application/json"}}, "16 KiB"),
    "no JSON": (400, {"content": b"{", "headers": {"content-type": "application/json"}}, "no JSON"),
    "nested": (400, {"content": b"[" * 9_000, "headers": {"content-type": "application/json"}}, "nested too deeply"),
    "type": (415, {"content": b"rows", "headers": {"content-type": "text/plain"}}, "application/json"),
    "rows": (422, {"json": {"rows": [ROW] * 21}}, "at most 20"),
    "no rows": (422, {"json": {"rows": []}}, "at least 1"),
    "length": (422, {"json": {"rows": [ROW, {**ROW, "text": "x" * 501}]}}, "rows[1]: 'text' has 501 characters"),
    "column": (422, {"json": {"rows": [{"title": "pump"}]}}, "rows[0]: lacks 'text'; every row needs 'title', 'text'"),
    "cell": (422, {"json": {"rows": [{**ROW, "text": ["x"]}]}}, "rows[0]: 'text' is neither"),
    "half": (422, {"content": b'{"rows": [{"title": "\\ud800", "text": "x"}]}',
                   "headers": {"content-type": "application/json"}}, "half of a character"),
    "infinite": (422, {"content": b'{"rows": [{"title": 1e999, "text": "x"}]}',
                       "headers": {"content-type": "application/json"}}, "finite"),
    "setting": (422, {"json": {"rows": [ROW], "topk": 3}},
                "topk: no such field; the fields are rows and explain; leave it out"),
    "misspelt": (422, {"json": {"row": [ROW]}}, "row: no such field; the fields are rows and explain; write rows"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_request_is_refused_with_the_reason(served: Served, name: str) -> None:
    status, sent, words = REFUSED[name]
    with served.client() as client:
        answer = client.post("/predict", **sent)
    error = answer.json()["error"]
    assert (answer.status_code, error["status"]) == (status, status)
    details = [f"{each['where']}: {each['problem']}; {each['remedy']}" for each in error["details"]]
    assert words in f"{error['reason']} {details}"


def test_other_paths_and_methods_have_the_same_shape(served: Served) -> None:
    with served.client() as client:
        for answer, status in ((client.get("/x"), 404), (client.get("/predict"), 405), (client.delete("/health"), 405)):
            assert answer.status_code == answer.json()["error"]["status"] == status


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--no-first-run"]


@pytest.fixture
def opened(served: Served) -> Iterator[Any]:
    """The page in a browser; at the end only the server got requests, and no error was printed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium on the PATH")
    problems: list[str] = []
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 900, "height": 900})
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request", lambda sent: None if sent.url.startswith((served.url, "data:")) else problems.append(sent.url)
        )
        page.goto(served.url)
        yield page
        browser.close()
    assert [each for each in problems if "status of 401" not in each and "status of 422" not in each] == []


def test_the_page_shows_probabilities_and_shaded_words(opened: Any, served: Served, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)> drips"
    opened.fill("textarea[name=title]", "pump 1")
    opened.fill("textarea[name=text]", hostile)
    opened.click("text=Predict")
    opened.wait_for_selector("#problem:visible")
    assert "the request lacks the key" in opened.inner_text("#problem")
    opened.fill("#key", KEY)
    opened.click("text=Predict")
    opened.wait_for_selector(".head")
    assert opened.locator("#problem").is_hidden()
    assert [each.inner_text() for each in opened.locator(".head h2").all()] == ["cause", "state"]
    assert opened.locator(".head").first.locator("tr").count() == 2
    with served.client() as client:
        wanted = client.post("/predict", json={"rows": [{"title": "pump 1", "text": hostile}], "explain": True}).json()
    cells = wanted["predictions"][0]
    assert opened.locator(".head tr").first.locator("td").all_inner_texts()[::2] == [
        cells["cause"], f"{100 * cells['cause_probability']:.1f} %"]  # fmt: skip
    assert opened.locator(".words").first.inner_text() == wanted["explanations"][0][0]["text"]
    strongest = max(wanted["explanations"][0][0]["words"], key=lambda word: abs(word[1]))
    assert strongest[0] in opened.locator(".words").first.locator("mark.p8, mark.n8").all_inner_texts()
    assert opened.locator("img").count() == 0, "what is shown is text"
    place = Path(os.environ["LAB_ARTIFACTS"]) if "LAB_ARTIFACTS" in os.environ else tmp_path
    opened.screenshot(path=place / "serve.png", full_page=True)
    opened.fill("textarea[name=text]", "")
    opened.fill("textarea[name=title]", " ")
    opened.click("text=Predict")
    opened.wait_for_selector("text=No prediction: the row has no text.")
    opened.fill("textarea[name=text]", "x" * 501)
    opened.click("text=Predict")
    opened.wait_for_selector("#problem:visible")
    assert "501 characters" in opened.inner_text("#problem")


def fuzzed(served: Served, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Requests of every kind, made from the server's own document, with and without mistakes.

    Beside schemathesis' own statuses, 413 refuses a wrong body and a sound one that is too large.
    """
    settings = folder / "schemathesis.toml"
    settings.write_text(
        "[checks]\nnegative_data_rejection.expected-statuses = [400, 401, 404, 405, 413, 415, 422]\n"
        'positive_data_acceptance.expected-statuses = ["2xx", 413]\n'
    )
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(settings), "run",
               f"{served.url}/openapi.json", "-H", f"Authorization: Bearer {KEY}", "--generation-database", "none",
               "--seed", "1", "--no-color", *words]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder)


def test_it_does_what_its_document_says(served: Served, tmp_path: Path) -> None:
    done = fuzzed(served, tmp_path, "--max-examples", "40")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Tested: 3" in done.stdout


@pytest.mark.slow
def test_it_does_what_its_document_says_for_minutes(served: Served, tmp_path: Path) -> None:
    done = fuzzed(served, tmp_path, "--max-time", "120")
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_new_version_replaces_the_old_one_and_a_refused_one_does_not(
    served: Served, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    first = served.health(lambda state: True)
    assert first["refused"] is None
    broken = shutil.copytree(trained("ngram"), tmp_path / "broken")
    (broken / "checkpoints" / "best.ckpt").write_bytes(b"half of a checkpoint")
    served.serve(broken)
    state = served.health(lambda state: state["refused"] is not None)
    assert state["model"] == first["model"]
    assert state["refused"]["folder"] == "broken"
    served.serve(trained("questions"))
    state = served.health(lambda state: "columns" in state["refused"]["reason"])
    assert state["model"] == first["model"]
    served.serve(tmp_path / "nowhere")
    served.health(lambda state: "not there" in state["refused"]["reason"])
    served.serve(trained("encoder"))
    state = served.health(lambda state: state["model"] != first["model"])
    assert state["refused"] is None
    with served.client() as client:
        assert client.post("/predict", json={"rows": [ROW]}).json()["version"] == state["model"]["version"]
        text = client.get("/metrics").text
    assert f'version="{state["model"]["version"]}"' in text
    assert 'lab_reloads_total{outcome="loaded"} 1.0' in text
    assert "a new version is refused" in served.log.read_text()


def test_a_signal_stops_it_after_the_requests_in_flight(served: Served) -> None:
    body = json.dumps({"rows": [ROW]}).encode()
    host, port = served.url.removeprefix("http://").split(":")
    head = (f"POST /predict HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()  # fmt: skip
    with served.client() as client:
        before = counter(client.get("/metrics").text, "process_start_time_seconds")
    assert before > 0
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head + body[:5])
        time.sleep(0.3)  # the head has arrived: the request is in flight
        served.process.send_signal(signal.SIGTERM)
        for _ in range(WAIT_S * 10):
            if not listens(host, int(port)):
                break
            time.sleep(0.1)
        connection.sendall(body[5:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b'"predictions"' in answer
    assert served.process.wait(WAIT_S) == 0
    assert "every request in flight was answered" in served.log.read_text()


def listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0
