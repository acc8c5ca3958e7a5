"""Connections with limits that uvicorn lacks: their number, and the time for the request line and the headers.

uvicorn closes a connection that is idle between two requests (`timeout_keep_alive`), and the guard limits the time for
a body. Between them lies a client that connects and is silent, or sends its headers slowly. uvicorn's own limit of
connections answers in plain text and keeps the connection open.
"""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from lab.serving.messages import error_body
from lab.serving.metrics import Metrics

LINGER_S = 1.0
"""Time in which the client of a refused connection can read the answer."""


def limited_protocol(time_s: float, most: int, metrics: Metrics) -> type[H11Protocol]:
    """Return uvicorn's HTTP protocol with limits.

    time_s: seconds for the head of each request, from the connection or from the first byte of a later request; then
    the connection is closed. most: open connections; a further one is answered with 503 and closed.
    """
    busy = _answer(f"{most} connections are open already")

    class LimitedProtocol(H11Protocol):
        """uvicorn's protocol, which closes a connection that is too many or whose head is late."""

        _timer: asyncio.TimerHandle | None = None
        _refused = False

        def connection_made(self, transport: Any) -> None:
            if len(self.connections) >= most:
                self._refuse(transport)
                return
            super().connection_made(transport)
            self._start()

        def _refuse(self, transport: Any) -> None:
            """Answer before the request is read, and drop what the client sends until it has read the answer."""
            self._refused = True
            metrics.refused_connections.inc()
            transport.write(busy)
            transport.write_eof()
            self._timer = self.loop.call_later(LINGER_S, transport.close)

        def data_received(self, data: bytes) -> None:
            if self._refused:
                return
            if not self._is_answering():
                self._start()
            super().data_received(data)
            if self._is_answering():
                self._stop()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            if not self._refused:
                super().connection_lost(exc)

        def _is_answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _start(self) -> None:
            if self._timer is None:
                self._timer = self.loop.call_later(time_s, self.transport.close)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return LimitedProtocol


def _answer(reason: str) -> bytes:
    """A whole answer with status 503, as bytes."""
    body = json.dumps(error_body(503, reason)).encode()
    head = (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
