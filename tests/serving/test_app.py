"""The application without a socket: answers that come late, queues that are full, models that fail."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from lab.config.schema.commands.serve import ServeRequest
from lab.serving.app import application
from lab.serving.current import Current
from lab.serving.guard import SECURITY_HEADERS
from lab.serving.loaded import Answer
from lab.serving.metrics import Metrics

Requested = Callable[..., ServeRequest]
ROWS = {"rows": [{"title": "pump", "text": "drips"}]}


def on(request: ServeRequest, use: Callable[[httpx.AsyncClient, Current], Coroutine[Any, Any, Any]]) -> Any:
    """The result of a function that uses a client of the application."""

    async def used() -> Any:
        metrics = Metrics()
        current = Current(request, metrics)
        app = application(request, current, metrics, None)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            return await use(client, current)

    return asyncio.run(used())


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["reason"]


def test_an_answer_that_comes_late_is_503(requested: Requested) -> None:
    async def use(client: httpx.AsyncClient, current: Current) -> httpx.Response:
        current.model.answer = lambda _: time.sleep(0.3) or []  # type: ignore[assignment,method-assign]
        return await client.post("/predict", json=ROWS)

    limits = {
        "body_kib": 9,
        "rows": 9,
        "explained_rows": 2,
        "text_length": 99,
        "time_s": 0.1,
        "waiting": 9,
        "connections": 9,
    }
    answer = on(requested("ngram", limits=limits), use)
    assert reason(answer) == (503, "there was no answer within 0.1 s")
    assert answer.headers["retry-after"] == "1"


def test_a_full_queue_is_503_and_the_others_are_answered(requested: Requested) -> None:
    async def use(client: httpx.AsyncClient, current: Current) -> list[httpx.Response]:
        return await asyncio.gather(*(client.post("/predict", json=ROWS) for _ in range(3)))

    limits = {
        "body_kib": 9,
        "rows": 9,
        "explained_rows": 2,
        "text_length": 99,
        "time_s": 20,
        "waiting": 2,
        "connections": 9,
    }
    answers = on(requested("ngram", limits=limits, batch={"rows": 64, "wait_ms": 100}), use)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 503]


def test_a_model_that_fails_is_500_and_the_server_lives(requested: Requested) -> None:
    async def use(client: httpx.AsyncClient, current: Current) -> list[httpx.Response]:
        whole = current.model.answer

        def fail(_: Any) -> Any:
            raise MemoryError("a secret path")

        current.model.answer = fail  # type: ignore[method-assign]
        failed = await client.post("/predict", json=ROWS)
        current.model.answer = whole  # type: ignore[method-assign]
        return [failed, await client.post("/predict", json=ROWS)]

    failed, after = on(requested("ngram"), use)
    assert reason(failed) == (500, "the model failed with MemoryError; the server's log has the reason")
    assert after.status_code == 200


def test_a_fault_of_the_server_is_500_with_the_headers_of_every_answer(requested: Requested) -> None:
    async def use(client: httpx.AsyncClient, current: Current) -> list[httpx.Response]:
        current.model.answer = lambda _: [Answer([{"cause": math.nan}])]  # type: ignore[method-assign]
        return [await client.get("/health"), await client.post("/predict", json=ROWS)]

    sound, failed = on(requested("ngram"), use)
    assert reason(failed) == (500, "the server failed; its log has the reason")
    for name in SECURITY_HEADERS:
        assert failed.headers.get_list(name) == sound.headers.get_list(name) == [SECURITY_HEADERS[name]]


def test_rows_that_make_no_table_are_422_with_the_reason(requested: Requested) -> None:
    async def use(client: httpx.AsyncClient, current: Current) -> httpx.Response:
        return await client.post("/predict", json={"rows": [dict.fromkeys(current.model.intake.needed, "1")]})

    answer = on(requested("series"), use)
    assert reason(answer) == (422, "the rows are no input of this model")
    assert answer.json()["error"]["details"][0]["problem"]
    assert "/tmp" not in answer.text


def test_a_body_of_many_mistakes_has_a_short_answer(requested: Requested) -> None:
    async def use(client: httpx.AsyncClient, current: Current) -> httpx.Response:
        row = dict.fromkeys(current.model.intake.needed, "1")
        return await client.post("/predict", json={"rows": [row], **{f"more_{n}": 1 for n in range(1000)}})

    answer = on(requested("ngram"), use)
    assert reason(answer) == (422, "the body is no request for predictions; 980 more mistakes are not shown")
    assert len(answer.json()["error"]["details"]) == 20


@pytest.mark.parametrize("name", ["ngram", "linear", "questions", "series"])
def test_the_document_names_the_columns(requested: Requested, name: str) -> None:
    async def use(client: httpx.AsyncClient, current: Current) -> tuple[Any, Any]:
        return (await client.get("/openapi.json")).json(), current.model

    document, model = on(requested(name), use)
    schemas = document["components"]["schemas"]
    assert schemas["PredictBody"]["properties"]["rows"]["items"]["required"] == list(model.intake.needed)
    answer = schemas["PredictAnswer"]["properties"]["predictions"]["items"]
    assert answer["required"] == [field.name for field in model.columns]
    assert set(document["paths"]) == {"/predict", "/health", "/metrics"}
    statuses = set(document["paths"]["/predict"]["post"]["responses"])
    assert statuses == {"200", "400", "408", "413", "415", "421", "422", "500", "503"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"rows": [{"title": "pump", "text": "drips", "text": "hums"}]}', "an object has the name 'text' twice"),
        (b'{"rows": [], "rows": [{"title": "pump", "text": "drips"}]}', "an object has the name 'rows' twice"),
        ('{"rows": [{"title": "pump", "text": "año"}]}'.encode("latin-1"), "it is not in UTF-8"),
        (b"[" * 100_000, "its values are nested too deeply"),
        (b'{"rows": [{"title": "pump", "text": ' + b"1" * 5000 + b"}]}", "Exceeds the limit (4300 digits)"),
    ],
)
def test_a_body_that_json_readers_would_read_in_two_ways_or_not_at_all_says_why(
    requested: Requested, body: bytes, expected: str
) -> None:
    async def use(client: httpx.AsyncClient, _: Current) -> httpx.Response:
        return await client.post("/predict", content=body, headers={"content-type": "application/json"})

    limits = {"body_kib": 999, "rows": 9, "explained_rows": 2, "text_length": 9999, "time_s": 9.0, "waiting": 9,
              "connections": 9}  # fmt: skip
    status, said = reason(on(requested("ngram", limits=limits), use))
    assert status == 400
    assert said.startswith(f"the body is no JSON of a request: {expected}")
