"""A PostgreSQL server of Debian's package, in a temporary folder, on loopback, as a user that is not root."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SETTINGS = "listen_addresses=127.0.0.1", "max_connections=100"


def programs() -> Path | None:
    """Return the folder of initdb and pg_ctl; None where no server is installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return folders[-1] if folders else None


def free_port() -> int:
    """Return a port of loopback at which nothing listens now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class PostgresServer:
    """One server. url: of its database, for SQLAlchemy; durable: whether each commit reaches the disk."""

    def __init__(self, folder: Path, durable: bool = False) -> None:
        where = programs()
        assert where is not None
        self.programs, self.data, self.log = where, folder / "data", folder / "log"
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        self.user = "postgres" if os.getuid() == 0 else getpass.getuser()
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        self.port, self.durable = free_port(), durable
        self.url = f"postgresql://{self.user}@127.0.0.1:{self.port}/postgres"
        self._run("initdb", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "--pgdata", str(self.data))

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = " ".join(
            f"-c {setting}" for setting in (*SETTINGS, f"fsync={'on' if self.durable else 'off'}", f"port={self.port}")
        )
        options += f" -c unix_socket_directories={self.data.parent}"
        self._run("pg_ctl", "start", "--wait", "--pgdata", str(self.data), "--log", str(self.log), "-o", options)

    def stop(self) -> None:
        """Stop it at once, as a failing machine does."""
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate", "--pgdata", str(self.data))

    def empty(self) -> None:
        """Remove all tables; connections of earlier tests end."""
        sql = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname <> ''",
            "DROP SCHEMA public CASCADE", "CREATE SCHEMA public",
        )  # fmt: skip
        words = [word for line in sql for word in ("-c", line)]
        self._run("psql", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", self.user, "-d", "postgres", *words)

    def _run(self, program: str, *words: str) -> None:
        command = [*self.as_user, str(self.programs / program), *words]
        done = subprocess.run(
            command, cwd=self.data.parent, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stdout + (self.log.read_text() if self.log.exists() else ""))


@contextmanager
def postgres_server(durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server inside the block, and remove all of it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="lab-postgres-"))
    server = PostgresServer(folder, durable)
    server.start()
    try:
        yield server
    finally:
        if (server.data / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder)
