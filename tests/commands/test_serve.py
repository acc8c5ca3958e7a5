"""`serve.py` refuses before torch is imported: a port in use, a missing package, a key that is not set."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def ended(*words: str, before: str = "") -> tuple[int, str]:
    """Exit code and errors of a command; before: Python that runs first."""
    code = f"import sys; sys.argv = ['serve.py', *{list(words)}]; {before}" + (
        "; from lab.commands.serve import main; code = main(); assert 'torch' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_port_in_use_is_one_message(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, said = ended(f"run={tmp_path}", f"port={port}", before="pass")
    assert code == 2
    assert f"port={port}: another program listens on it at 127.0.0.1" in said
    assert f"try: port={port + 1}" in said


def test_a_missing_package_ends_in_the_line_that_installs_it(tmp_path: Path) -> None:
    code, said = ended(f"run={tmp_path}", before="sys.modules['fastapi'] = None")
    assert code == 2
    assert "try: pip install 'fastapi>=" in said
    assert "uvicorn" not in said


def test_every_mistake_of_the_line_is_said_at_once() -> None:
    code, said = ended("port=70000", "batch.rows=0", "limits.time_s=-1", "portt=80", before="pass")
    assert code == 2
    for words in ("run: has no default", "port=70000", "batch.rows=0", "limits.time_s=-1", "try: port=80"):
        assert words in said
