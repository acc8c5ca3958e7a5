"""A server process: one model, one application, one event loop, until a signal stops it.

At SIGTERM or SIGINT the port is closed and the requests in flight are answered; a second signal ends at once.
"""

import logging
import socket
from types import FrameType

import uvicorn

from lab.config.schema.commands.serve import ServeRequest
from lab.serving.app import application
from lab.serving.connections import limited_protocol
from lab.serving.current import Current
from lab.serving.listening import address_of
from lab.serving.metrics import Metrics

log = logging.getLogger(__name__)
GRACE_S = 5.0
"""Beyond `limits.time_s`, which ends every request."""
KEEP_ALIVE_S = 15
"""Time for which an idle connection stays open."""


class Server(uvicorn.Server):
    """uvicorn's server, which ends with exit code 0 after a signal instead of raising the signal again."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop, and at a second signal do not wait for the requests in flight."""
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(request: ServeRequest, listener: socket.socket, key: str | None) -> None:
    """Serve until a signal. Raises RequestError for a run that cannot be served."""
    server = server_of(request, key)
    log.info("serving at %s", address_of(listener))
    server.run([listener])


def server_of(request: ServeRequest, key: str | None) -> Server:
    """Return a server with its model loaded. Raises RequestError for a run that cannot be served."""
    metrics = Metrics()
    current = Current(request, metrics)
    app = application(request, current, metrics, key)
    protocol = limited_protocol(request.limits.time_s, request.limits.connections, metrics)
    settings = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="on", ws="none", server_header=False, proxy_headers=False,
        http=protocol, timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=round(request.limits.time_s + GRACE_S),
    )  # fmt: skip
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    log.info("the model is that of the run in %s, version %s", current.model.folder, current.model.version)
    return Server(settings)
