"""Requests share batches, one at fault fails alone, and a queue that is full refuses."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from lab.config.schema.commands.serve import BatchConfig
from lab.serving.batching import Batcher, Busy, ModelFailed
from lab.serving.loaded import Answer, Query
from lab.serving.metrics import Metrics

Rows = list[dict[str, Any]]


class Model:
    """Answers each row with its own number; fails at a row with the text `fault`."""

    version = "v1"

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1)
        self.batches: list[list[int]] = []

    def answer(self, queries: Sequence[Query]) -> list[Answer]:
        requests = [query.rows for query in queries]
        self.batches.append([len(request) for request in requests])
        if any(row["n"] == "fault" for request in requests for row in request):
            raise RuntimeError("out of memory")
        return [Answer([dict(row) for row in request]) for request in requests]


def rows(*numbers: object) -> Rows:
    return [{"n": number} for number in numbers]


def run(requests: list[Rows], wait_ms: float = 30, size: int = 4, most: int = 10) -> tuple[list[Any], Model, Metrics]:
    model, metrics = Model(), Metrics()

    async def together() -> list[Any]:
        batcher = Batcher(lambda: model, BatchConfig(rows=size, wait_ms=wait_ms), most, metrics)  # type: ignore[arg-type,return-value]
        task = asyncio.create_task(batcher.run())
        results = await asyncio.gather(*(batcher.answer(Query(each)) for each in requests), return_exceptions=True)
        task.cancel()
        return results

    results = asyncio.run(together())
    model.thread.shutdown()
    return results, model, metrics


def test_requests_that_arrive_together_share_a_batch() -> None:
    results, model, metrics = run([rows(1), rows(2, 3), rows(4), rows(5)])
    assert [result.answer.predictions for result in results] == [rows(1), rows(2, 3), rows(4), rows(5)]
    assert [result.version for result in results] == ["v1"] * 4
    assert model.batches == [[1, 2, 1], [1]]
    text = metrics.text().decode()
    assert "lab_batch_requests_count 2.0" in text
    assert "lab_batch_requests_sum 4.0" in text
    assert "lab_rows_total 5.0" in text


def test_a_request_is_not_split() -> None:
    _, model, _ = run([rows(*range(9)), rows(1), rows(*range(4)), rows(2)])
    assert model.batches == [[9], [1], [4], [1]]


def test_a_fault_fails_its_request_alone(caplog: pytest.LogCaptureFixture) -> None:
    results, model, _ = run([rows(1), rows("fault"), rows(2)])
    assert isinstance(results[1], ModelFailed)
    assert "RuntimeError" in str(results[1])
    assert "out of memory" not in str(results[1]), "the reason is for the log"
    assert "out of memory" in caplog.text
    assert [results[place].answer.predictions for place in (0, 2)] == [rows(1), rows(2)]
    assert model.batches == [[1, 1, 1], [1], [1], [1]]
    assert isinstance(run([rows("fault")])[0][0], ModelFailed)


def test_a_switch_of_the_version_while_a_batch_fails_costs_the_sound_requests_nothing() -> None:
    old, new = Model(), Model()
    new.version = "v2"
    served, began, going_on = [old], threading.Event(), threading.Event()
    fail = old.answer

    def answer(queries: Sequence[Query]) -> list[Answer]:
        began.set()
        going_on.wait(30)
        return fail(queries)

    old.answer = answer  # type: ignore[method-assign]

    async def switched() -> list[Any]:
        batcher = Batcher(lambda: served[0], BatchConfig(rows=3, wait_ms=20), 9, Metrics())  # type: ignore[arg-type,return-value]
        task = asyncio.create_task(batcher.run())
        requests = [asyncio.create_task(batcher.answer(Query(each))) for each in (rows(1), rows("fault"), rows(2))]
        await asyncio.to_thread(began.wait, 30)
        served[0] = new
        old.thread.shutdown(wait=False)
        going_on.set()
        results = await asyncio.gather(*requests, return_exceptions=True)
        task.cancel()
        return results

    results = asyncio.run(switched())
    new.thread.shutdown()
    assert isinstance(results[1], ModelFailed)
    assert [results[place].answer.predictions for place in (0, 2)] == [rows(1), rows(2)]
    assert [results[place].version for place in (0, 2)] == ["v2", "v2"]


def test_a_full_queue_refuses() -> None:
    results, model, metrics = run([rows(1), rows(2), rows(3)], most=2)
    assert isinstance(results[2], Busy)
    assert model.batches == [[1, 1]]
    assert "lab_waiting_requests 0.0" in metrics.text().decode()


def test_a_client_that_is_gone_is_not_computed() -> None:
    model = Model()

    async def leave() -> SimpleNamespace:
        batcher = Batcher(lambda: model, BatchConfig(rows=4, wait_ms=20), 4, Metrics())  # type: ignore[arg-type,return-value]
        gone = asyncio.create_task(batcher.answer(Query(rows(1))))
        await asyncio.sleep(0)
        gone.cancel()
        task = asyncio.create_task(batcher.run())
        result = await batcher.answer(Query(rows(2)))
        task.cancel()
        return SimpleNamespace(predictions=result.answer.predictions)

    assert asyncio.run(leave()).predictions == rows(2)
    assert model.batches == [[1]]
    model.thread.shutdown()
