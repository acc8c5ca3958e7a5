"""What the guard lets through: hosts, keys, sizes and times, without a model."""

import asyncio
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from lab.serving.guard import Guard, has_key, is_allowed
from lab.serving.metrics import Metrics

HOSTS = {"models.example.org"}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8000", "[::1]:8000", "[::1]", "10.1.2.3",
                                  "models.example.org:8000", "Models.Example.Org."])  # fmt: skip
def test_allowed_hosts(host: str) -> None:
    assert is_allowed(host, HOSTS)


@pytest.mark.parametrize("host", ["", "rebound.example", "localhost.rebound.example:8000", "::1", "127.0.0.1.example",
                                  "models.example.org.evil:80", "[rebound.example]:80", "localhost:x"])  # fmt: skip
def test_other_hosts(host: str) -> None:
    assert not is_allowed(host, HOSTS)


@pytest.mark.parametrize(
    ("header", "accepted"),
    [("Bearer secret", True), ("bearer  secret ", True), ("Bearer secre", False), ("Bearer secret2", False),
     ("secret", False), ("Basic secret", False), ("", False), ("Bearer caf\u00e9", False)],
)  # fmt: skip
def test_a_key_is_accepted_as_a_whole_only(header: str, accepted: bool) -> None:
    raw = [(b"authorization", header.encode("latin-1"))] if header else []
    assert has_key(Headers(raw=raw), "secret") is accepted


async def echo(scope: Any, receive: Any, send: Any) -> None:
    message = await receive()
    await PlainTextResponse(str(len(message["body"])))(scope, receive, send)


def answered(pieces: list[bytes], headers: list[tuple[bytes, bytes]], **settings: Any) -> tuple[int, dict[str, str]]:
    """Status and headers of the answer to a body in pieces. A body that never ends stands for a slow client."""
    values: dict[str, Any] = {"hosts": (), "key": None, "protected": ("/p",), "paths": ("/p",), "max_bytes": 10,
                              "time_s": 0.05, "metrics": Metrics()}  # fmt: skip
    guard = Guard(echo, **(values | settings))
    sent: list[Any] = []

    async def receive() -> Any:
        if not pieces:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces) or slow}

    async def send(message: Any) -> None:
        sent.append(message)

    slow = pieces[-1:] == [b"slow"]
    scope = {"type": "http", "method": "POST", "path": "/p", "headers": [(b"host", b"localhost"), *headers]}
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


JSON = (b"content-type", b"application/json; charset=utf-8")


@pytest.mark.parametrize(
    ("pieces", "headers", "status"),
    [
        ([b"12345", b"67890"], [JSON], 200),
        ([b""], [], 200),
        ([b"12345", b"67890", b"1"], [JSON], 413),
        ([b"1"], [JSON, (b"content-length", b"1000000")], 413),
        ([b"12345"], [], 415),
        ([b"12345"], [(b"content-type", b"text/plain")], 415),
        ([b"slow"], [JSON], 408),
        ([b"1"], [JSON, (b"host", b"other.example")], 421),
    ],
)  # fmt: skip
def test_bodies(pieces: list[bytes], headers: list[tuple[bytes, bytes]], status: int) -> None:
    given, answer = answered(list(pieces), headers)
    assert given == status
    assert answer["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer["content-security-policy"]


def test_the_key_is_needed_where_it_protects() -> None:
    key = {"key": "k" * 16}
    assert answered([b"1"], [JSON], **key)[0] == 401
    assert answered([b"1"], [JSON], **key)[1]["www-authenticate"] == "Bearer"
    assert answered([b"1"], [JSON, (b"authorization", b"Bearer " + b"k" * 16)], **key)[0] == 200
    assert answered([b"1"], [JSON], **key, protected=())[0] == 200


def test_requests_are_counted_by_known_paths() -> None:
    metrics = Metrics()
    answered([b"1"], [JSON], metrics=metrics)
    answered([b"1"], [], metrics=metrics, paths=())
    text = metrics.text().decode()
    assert 'lab_requests_total{path="/p",status="200"} 1.0' in text
    assert 'lab_requests_total{path="other",status="415"} 1.0' in text
