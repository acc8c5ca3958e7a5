"""What a server needs of the machine: a free port and, if it is requested, a key from the environment.

Both are checked before the model is loaded.
"""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from lab.config.schema.commands.serve import ServeRequest
from lab.core.errors import Mistake, RequestError

BACKLOG = 2048
"""Connections that the kernel keeps while the server is busy, as in uvicorn."""
SHORTEST_KEY = 16
"""Characters; a shorter key can be guessed."""


def api_key(request: ServeRequest) -> str | None:
    """Return the key that requests must carry; None if none is needed. Raises RequestError for one that is no key."""
    name = request.api_key_env
    if name is None:
        return None
    key = os.environ.get(name, "")
    remedy = f"export {name}=..., with at least {SHORTEST_KEY} visible ASCII characters"
    if not key:
        raise RequestError(Mistake("api_key_env", "this environment variable is not set", remedy, name))
    if len(key) < SHORTEST_KEY:
        raise RequestError(Mistake("api_key_env", f"its key has {len(key)} characters", remedy, name))
    if not all("!" <= character <= "~" for character in key):
        problem = "its key has a space or another sign that no header can carry"
        raise RequestError(Mistake("api_key_env", problem, remedy, name))
    return key


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that has the port for itself. Raises RequestError for a port in use and for an unknown host."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise RequestError(Mistake("host", f"is no known address: {error}", "host=127.0.0.1", host)) from error
    with socket.socket(family, kind, protocol) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind(address)
            opened.listen(BACKLOG)
        except OSError as error:
            raise RequestError(_refused(error, host, port)) from error
        opened.setblocking(False)
        yield opened


def address_of(opened: socket.socket) -> str:
    """Return the URL of a listening socket, `http://127.0.0.1:8000`."""
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _refused(error: OSError, host: str, port: int) -> Mistake:
    other = f"port={port + 1 if port < 65535 else port - 1}, or port=0 for a free one"
    if error.errno == errno.EADDRINUSE:
        return Mistake("port", f"another program listens on it at {host}", other, port)
    if error.errno in (errno.EACCES, errno.EPERM):
        return Mistake("port", "this user may not listen on it; ports below 1024 are for the system", "port=8000", port)
    return Mistake("host", f"cannot be listened on: {error.strerror or error}", "host=127.0.0.1", host)
