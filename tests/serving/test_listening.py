"""The port and the key, before a model is loaded."""

import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.config.schema.commands.serve import ServeRequest
from lab.core.errors import RequestError
from lab.serving.listening import address_of, api_key, listening

Requested = Callable[..., ServeRequest]


def test_a_free_port_is_taken_and_then_in_use() -> None:
    with listening("localhost", 0) as opened:
        address = address_of(opened)
        port = int(address.rpartition(":")[2])
        assert port > 0
        with pytest.raises(RequestError, match="another program listens on it") as caught, listening("127.0.0.1", port):
            pass
        assert f"port={port + 1 if port < 65535 else port - 1}" in caught.value.mistakes[0].remedy
    with listening("127.0.0.1", port):
        pass


def test_an_unknown_host() -> None:
    with pytest.raises(RequestError, match="host=no such name: is no known address"), listening("no such name", 0):
        pass
    with pytest.raises(RequestError, match=r"host=192\.0\.2\.1: cannot be listened on"), listening("192.0.2.1", 0):
        pass  # TEST-NET-1 of RFC 5737: no machine has it


def test_a_port_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(RequestError, match="may not listen on it"), listening("127.0.0.1", 80):
        pass


@pytest.mark.parametrize(
    ("value", "problem"),
    [(None, "is not set"), ("", "is not set"), ("short", "has 5 characters"), ("with a space in it", "a space"),
     ("contrase\u00f1a-muy-larga", "another sign")],
)  # fmt: skip
def test_what_is_no_key(requested: Requested, monkeypatch: pytest.MonkeyPatch, value: str | None, problem: str) -> None:
    monkeypatch.delenv("OUR_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("OUR_KEY", value)
    with pytest.raises(RequestError, match=problem) as caught:
        api_key(requested("ngram", run="nowhere", api_key_env="OUR_KEY"))
    assert not value or value not in str(caught.value), "a key is never shown"


def test_a_key_is_read_from_the_environment(requested: Requested, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_KEY", "k" * 16)
    assert api_key(requested("ngram", run="nowhere", api_key_env="OUR_KEY")) == "k" * 16
    assert api_key(requested("ngram", run="nowhere")) is None
