"""A connection whose request line and headers must arrive in time: uvicorn has no limit for them.

uvicorn closes a connection that is idle between two requests (`timeout_keep_alive`), and the guard limits the time for
a body. Between them lies a client that connects and is silent, or sends its headers slowly.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


def timed_protocol(time_s: float) -> type[H11Protocol]:
    """Return uvicorn's HTTP protocol with a time limit in seconds for the head of each request.

    The time runs from the connection, or from the first byte of a later request; at its end the connection is closed.
    """

    class TimedProtocol(H11Protocol):
        """uvicorn's protocol, which closes a connection whose head is late."""

        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._start()

        def data_received(self, data: bytes) -> None:
            if not self._is_answering():
                self._start()
            super().data_received(data)
            if self._is_answering():
                self._stop()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
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

    return TimedProtocol
