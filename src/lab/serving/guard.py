"""What every request passes before the application reads it: host, key, type and size of the body, time.

The header Host is checked because a page of another site can have its own name resolve to this server (DNS rebinding);
an address cannot be rebound, so every IP address is allowed. Keys are compared in constant time
(`hmac.compare_digest`).
"""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from fastapi.exceptions import HTTPException
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.serving.messages import error_body
from lab.serving.metrics import Metrics

LOCAL = frozenset({"localhost"})
BEARER = "bearer "
DRAINED = 8
"""Bodies up to this many times the limit are read to their end: the client gets the answer and no broken pipe."""
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Refusal(Exception):
    """A request that the application never sees."""

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers or {}


class Guard:
    """ASGI middleware. hosts: allowed names; key: None if none is needed; protected: paths that need the key; bodies:
    paths that take one; max_bytes: of a body; time_s: to receive a request."""

    def __init__(
        self, app: ASGIApp, hosts: Collection[str], key: str | None, protected: Collection[str], paths: Collection[str],
        max_bytes: int, time_s: float, metrics: Metrics,
    ) -> None:  # fmt: skip
        self.app, self.hosts, self.key, self.protected, self.paths = app, hosts, key, protected, paths
        self.max_bytes, self.time_s, self.metrics = max_bytes, time_s, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with the reason for its refusal."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *own]
            await send(message)

        try:
            await self._checked(scope, receive, sending)
        except ClientDisconnect:
            status = 499  # nginx's number for a client that is gone; nobody receives it
        finally:
            path = scope["path"] if scope["path"] in self.paths else "other"
            self.metrics.requests.labels(path, str(status)).inc()
            self.metrics.request_seconds.labels(path).observe(time.perf_counter() - began)

    async def _checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_head(scope)
            body = await self._body(scope, receive)
        except Refusal as refusal:
            answer = JSONResponse(error_body(refusal.status, refusal.reason), refusal.status, refusal.headers)
            await answer(scope, receive, send)
            return
        await self.app(scope, _replayed(body, receive), send)

    def _check_head(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not is_allowed(hosts[0], self.hosts):
            reason = "the header Host names another server; start this one with allowed_hosts=[NAME] to allow it"
            raise Refusal(421, reason)
        if self.key is not None and scope["path"] in self.protected and not has_key(headers, self.key):
            reason = "the request lacks the key: send the header 'Authorization: Bearer KEY'"
            raise Refusal(401, reason, {"www-authenticate": "Bearer"})

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """The body of a request. Raises Refusal for one that is too large, too slow or not JSON."""
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        declared = int(length) if length.isdigit() else 0
        whole, body = 0, bytearray()
        try:
            async with asyncio.timeout(self.time_s):
                more = declared <= DRAINED * self.max_bytes
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    whole += len(message.get("body", b""))
                    body += message.get("body", b"") if whole <= self.max_bytes else b""
                    more = message.get("more_body", False) and whole <= DRAINED * self.max_bytes
        except TimeoutError:
            reason = f"the request was not received within {self.time_s:g} s"
            raise Refusal(408, reason, {"connection": "close"}) from None
        if max(whole, declared) > self.max_bytes:
            reason = f"the body is larger than {self.max_bytes // 1024} KiB; send fewer rows at once"
            raise Refusal(413, reason, {"connection": "close"})
        if body and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(415, "the body must be JSON, with the header 'Content-Type: application/json'")
        return bytes(body)


def is_allowed(host: str, names: Collection[str]) -> bool:
    """Return whether a header Host is an IP address, localhost or one of some names in lower case; its port is free.

    >>> is_allowed("127.0.0.1:8000", ()), is_allowed("[::1]:8000", ()), is_allowed("rebound.example:8000", ())
    (True, True, False)
    """
    name, _, _port = host.rpartition(":") if host.rpartition(":")[2].isdigit() else (host, "", "")
    bare = name.lower().removesuffix(".")
    if bare in LOCAL or bare in names:
        return True
    inner = bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare
    try:
        ipaddress.ip_address(inner)
    except ValueError:
        return False
    return ":" not in bare or inner != bare


def has_key(headers: Headers, key: str) -> bool:
    """Return whether the header Authorization carries the key. The time taken says nothing about either."""
    given = headers.get("authorization", "")
    bearer = given[: len(BEARER)].lower() == BEARER
    digests = [hashlib.sha256(text.encode()).digest() for text in (given[len(BEARER) :].strip(), key)]
    return hmac.compare_digest(*digests) and bearer


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read, then what comes after it."""
    first: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return first.pop() if first else await receive()

    return received


class StrictRequest(Request):
    """A request whose JSON says what is wrong with it, also where Python's reader would take one of two values."""

    async def json(self) -> Any:
        """The body. Raises HTTPException (400) with the reason; JSONDecodeError has its own."""
        try:
            return json.loads(await self.body(), object_pairs_hook=_without_repeats)
        except json.JSONDecodeError:
            raise
        except UnicodeDecodeError:
            reason = "it is not in UTF-8"
        except RecursionError:
            reason = "its values are nested too deeply"
        except ValueError as error:
            reason = str(error).partition(";")[0]
        raise HTTPException(400, f"the body is no JSON of a request: {reason}")


class StrictRoute(APIRoute):
    """A path whose requests are strict."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI, which gets the request as a strict one."""
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"an object has the name {ascii(repeated)[:100]} twice")
    return found
