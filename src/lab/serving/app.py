"""The application: its paths, the shape of every refusal, and the OpenAPI document.

`/predict` answers rows, `/health` and `/metrics` are for those who run the server, `/` is a page to try the model.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Body, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from lab import __version__
from lab.config.schema.commands.serve import ServeRequest
from lab.core.errors import RequestError
from lab.serving.batching import Batcher, Busy, ModelFailed
from lab.serving.current import Current
from lab.serving.guard import SECURITY_HEADERS, Guard, StrictRoute
from lab.serving.loaded import Query
from lab.serving.messages import (
    Detail,
    ErrorBody,
    Health,
    answer_body,
    answer_type,
    error_body,
    request_type,
    wrong_field,
)
from lab.serving.metrics import Metrics
from lab.serving.page import FILES, page

PROTECTED = ("/predict", "/metrics")
"""Paths that need the key, if there is one."""
PATHS = ("/", "/predict", "/health", "/metrics", "/openapi.json", *FILES)
PROMETHEUS = "text/plain; version=1.0.0; charset=utf-8"
REASONS = {
    400: "The body is no JSON.",
    401: "The key is missing or wrong.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    421: "The header Host names another server.",
    422: "The rows are wrong; `details` names every mistake.",
    500: "The model failed.",
    503: "Too many requests wait, or the answer takes too long; try again.",
}
MOST_DETAILS = 20
"""Mistakes of a body that an answer names."""
WAIT = {"retry-after": "1"}


class PlainMetrics(Response):
    """Counters in Prometheus' text format."""

    media_type = PROMETHEUS


def application(request: ServeRequest, current: Current, metrics: Metrics, key: str | None) -> FastAPI:
    """Return the application that serves the current version of a model."""
    batcher = Batcher(lambda: current.model, request.batch, request.limits.waiting, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(batcher.run()), asyncio.create_task(current.watch())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    app = FastAPI(
        title="lab", version=__version__, description=f"Predictions of {current.model.folder.name}.",
        lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False,
    )  # fmt: skip
    app.router.route_class = StrictRoute
    _add_predict(app, request, current, batcher, key)
    _add_state(app, current, metrics, key)
    _add_page(app, current, key)
    _add_refusals(app, current)
    names = {name.lower() for name in (*request.allowed_hosts, request.host)}
    app.add_middleware(
        Guard, hosts=names, key=key, protected=PROTECTED, paths=PATHS, max_bytes=request.limits.body_kib * 1024,
        time_s=request.limits.time_s, metrics=metrics,
    )  # fmt: skip
    return app


def _add_predict(app: FastAPI, request: ServeRequest, current: Current, batcher: Batcher, key: str | None) -> None:
    body_type, result_type = request_type(current.model, request.limits), answer_type(current.model)
    responses = _responses([400, 408, 413, 415, 421, 422, 500, 503], key)
    responses[400]["model"] = ErrorBody  # defines the schema to which all refusals refer

    async def predict(body: Any = Body()) -> Any:  # noqa: B008
        """Predict rows. A row has the same prediction alone and among others."""
        try:
            async with asyncio.timeout(request.limits.time_s):
                result = await batcher.answer(Query(body.rows, body.explain))
        except TimeoutError:
            return refused(503, f"there was no answer within {request.limits.time_s:g} s", headers=WAIT)
        except Busy:
            return refused(503, f"{request.limits.waiting} requests wait for the model already", headers=WAIT)
        except ModelFailed as error:
            return refused(500, str(error))
        except RequestError as error:
            mistakes = [Detail(where=each.key, problem=each.problem, remedy=each.remedy) for each in error.mistakes]
            return refused(422, "the rows are no input of this model", mistakes)
        return JSONResponse(answer_body(result.answer, result.version))

    predict.__annotations__["body"] = body_type
    app.post("/predict", response_model=result_type, responses=responses, **_security(key))(predict)


def _add_state(app: FastAPI, current: Current, metrics: Metrics, key: str | None) -> None:
    @app.get("/health", response_model=Health, responses=_responses([408, 413, 415, 421], None))
    async def health() -> Health:
        """The version that answers, and a newer one that was refused."""
        return current.health()

    @app.get("/metrics", response_class=PlainMetrics, responses=_responses([408, 413, 415, 421], key), **_security(key))
    async def counters() -> PlainMetrics:
        """Counters in Prometheus' text format."""
        return PlainMetrics(metrics.text())


def _add_page(app: FastAPI, current: Current, key: str | None) -> None:
    @app.get("/", include_in_schema=False)
    async def form() -> HTMLResponse:
        return HTMLResponse(page(current.model, key is not None))

    def add(path: str, content: str, media_type: str) -> None:
        app.get(path, include_in_schema=False)(lambda: Response(content, media_type=media_type))

    for path, (content, media_type) in FILES.items():
        add(path, content, media_type)


def _add_refusals(app: FastAPI, current: Current) -> None:
    @app.exception_handler(RequestValidationError)
    async def wrong_body(_: Request, error: RequestValidationError) -> JSONResponse:
        errors = error.errors()
        if any(each["type"] == "json_invalid" for each in errors):
            return refused(400, f"the body is no JSON: {errors[0].get('ctx', {}).get('error', '')}")
        needed = current.model.intake.needed
        more = f"; {len(errors) - MOST_DETAILS} more mistakes are not shown" if len(errors) > MOST_DETAILS else ""
        details = [wrong_field(each, needed) for each in errors[:MOST_DETAILS]]
        return refused(422, f"the body is no request for predictions{more}", details)

    @app.exception_handler(HTTPException)
    async def wrong_request(_: Request, error: HTTPException) -> JSONResponse:
        return refused(error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    async def fault(_: Request, __: Exception) -> JSONResponse:
        return refused(
            500, "the server failed; its log has the reason", headers=SECURITY_HEADERS
        )  # not the guard's way


def refused(
    status: int, reason: str, details: list[Detail] | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return the answer to a request that is refused."""
    return JSONResponse(error_body(status, reason, details or []), status, dict(headers or {}))


def _responses(statuses: list[int], key: str | None) -> dict[int | str, dict[str, Any]]:
    numbers = sorted([*statuses, *([401] if key is not None else [])])
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{ErrorBody.__name__}"}}}
    return {number: {"description": REASONS[number], "content": content} for number in numbers}


def _security(key: str | None) -> dict[str, Any]:
    """The declaration of the key in the OpenAPI document; the guard checks it."""
    return {} if key is None else {"dependencies": [Depends(HTTPBearer(auto_error=False))]}
