"""Connections whose headers are late, on a real socket, and others that the limit must leave alone."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from lab.config.schema.commands.serve import ServeRequest
from lab.serving import server
from lab.serving.connections import limited_protocol
from lab.serving.listening import listening
from lab.serving.metrics import Metrics

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
LIMIT_S = 0.3
MOST = 3
WAIT_S = 20
Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Answer at the end of the body."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def with_server(use: Callable[[Callable[[], Awaitable[Opened]]], Awaitable[Any]]) -> Any:
    """The result of a function that uses connections to a server."""
    metrics = Metrics()

    async def used() -> Any:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            settings = uvicorn.Config(
                answer, http=limited_protocol(LIMIT_S, MOST, metrics), lifespan="off", log_config=None
            )
            running = uvicorn.Server(settings)
            task = asyncio.create_task(running.serve([listener]))
            writers: list[asyncio.StreamWriter] = []

            async def opened() -> Opened:
                reader, writer = await asyncio.open_connection(*listener.getsockname())
                writers.append(writer)
                return reader, writer

            result = await asyncio.wait_for(use(opened), WAIT_S)
            for writer in writers:
                writer.close()
                await writer.wait_closed()
            running.should_exit = True
            await task
            return result

    return asyncio.run(used())


def test_silent_connections_and_slow_headers_are_closed() -> None:
    async def use(opened: Callable[[], Awaitable[Opened]]) -> list[bytes]:
        (silent, _one), (slow, writer), (later, again) = [await opened() for _ in range(3)]
        again.write(HEAD + b"\r\n")
        assert (await later.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        again.write(HEAD)  # a second request of the same connection
        writer.write(HEAD)
        return [await each.read() for each in (silent, slow, later)]

    assert with_server(use) == [b"", b"", b""]


def test_requests_whose_headers_have_arrived_have_their_time() -> None:
    async def use(opened: Callable[[], Awaitable[Opened]]) -> list[bytes]:
        reader, writer = await opened()
        writer.write(HEAD + b"Content-Length: 2\r\n\r\n1")
        await asyncio.sleep(1.5 * LIMIT_S)
        writer.write(b"2")
        first = await reader.readuntil(b"ok")
        await asyncio.sleep(1.5 * LIMIT_S)  # idle: the time between two requests is another limit
        writer.write(HEAD + b"\r\n")
        return [first, await reader.readuntil(b"ok")]

    assert [each.startswith(b"HTTP/1.1 200") for each in with_server(use)] == [True, True]


def test_a_connection_too_many_is_answered_and_closed_and_a_later_one_is_served() -> None:
    async def use(opened: Callable[[], Awaitable[Opened]]) -> list[bytes]:
        full = [await opened() for _ in range(MOST)]
        for reader, writer in full:
            writer.write(HEAD + b"\r\n")
            await reader.readuntil(b"ok")
        reader, writer = await opened()
        writer.write(HEAD + b"\r\n")  # its data are dropped, and the answer arrives
        refused = await reader.read()
        full[0][1].close()
        await full[0][0].read()
        reader, writer = await opened()
        writer.write(HEAD + b"\r\n")
        return [refused, await reader.readuntil(b"ok")]

    refused, served = with_server(use)
    head, _, body = refused.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert json.loads(body)["error"] == {"status": 503, "reason": "3 connections are open already", "details": []}
    assert served.startswith(b"HTTP/1.1 200")


def test_a_server_has_the_limits(requested: Callable[..., ServeRequest], monkeypatch: pytest.MonkeyPatch) -> None:
    limits, used = list[tuple[float, int]](), list[Any]()

    def limited(time_s: float, most: int, metrics: Metrics) -> type[H11Protocol]:
        limits.append((time_s, most))
        return limited_protocol(time_s, most, metrics)

    monkeypatch.setattr(server, "limited_protocol", limited)
    monkeypatch.setattr(server.Server, "run", lambda self, _: used.append(self.config.http))
    with listening("localhost", 0) as listener:
        server.serve(requested("ngram"), listener, None)
    assert limits == [(30, 512)]
    assert [issubclass(each, H11Protocol) and each is not H11Protocol for each in used] == [True]
