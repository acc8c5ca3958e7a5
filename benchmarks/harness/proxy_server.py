"""`python proxy_server.py URL PORT`: Optuna's gRPC proxy before a database, as its documentation starts it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.storages import get_storage, run_grpc_proxy_server

from benchmarks.harness.postgres_server import PostgresServer, free_port
from lab.sweep.storage.addresses import refuse_unreachable


@contextmanager
def proxy_of(server: PostgresServer, port: int | None = None) -> Iterator[str]:
    """Start the proxy before a server inside the block; its address. port: None for a free one."""
    port = port or free_port()
    command = [sys.executable, "-m", "benchmarks.harness.proxy_server", server.url, str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2])
    try:
        refuse_unreachable(f"grpc://127.0.0.1:{port}", patience_s=60)
        yield f"grpc://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    run_grpc_proxy_server(get_storage(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]))
