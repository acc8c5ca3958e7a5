"""The seal of a file of settings: proof that this user's `lab` wrote it and that nobody changed it since.

The last line of a sealed text is `# lab seal: HEX`, an HMAC-SHA256 (RFC 2104) of the text above it. The key is 32
random bytes in the user's configuration folder (`$XDG_CONFIG_HOME/lab/key`, else `~/.config/lab/key`), readable by the
user alone; nothing sends it anywhere. A sealed file stays valid when its folder is moved. If the key can be neither
read nor made, files are written without a seal and treated as somebody else's.
"""

import contextlib
import hmac
import os
import re
import secrets
from pathlib import Path

KEY_BYTES = 32
_LINE = re.compile(r"# lab seal: ([0-9a-f]{64})\n?\Z")


def sealed(text: str) -> str:
    """Return `text` with its seal as the last line; unchanged if there is no key."""
    key = _key(make=True)
    if not text.endswith("\n"):
        text += "\n"
    return text if key is None else f"{text}# lab seal: {_code(key, text)}\n"


def code(text: str) -> str | None:
    """Return the seal of `text`, for a file that cannot have one more line; None if there is no key."""
    key = _key(make=True)
    return None if key is None else _code(key, text)


def is_sealed(text: str) -> bool:
    """Return whether the text ends with the seal that this user's key gives."""
    match = _LINE.search(text)
    key = _key(make=False)
    if match is None or key is None:
        return False
    return hmac.compare_digest(match[1], _code(key, text[: match.start()]))


def _code(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()


def key_file() -> Path:
    """Return the path of the key."""
    configured = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    home = configured if configured.is_absolute() else Path("~/.config").expanduser()  # as the XDG specification says
    return home / "lab" / "key"


def _key(make: bool) -> bytes | None:
    """Return the key, which `make` creates if it is missing; None if it can be neither read nor made."""
    path = key_file()
    try:
        if make and not path.exists():
            _make(path)
        key = path.read_bytes()
    except (OSError, RuntimeError):  # RuntimeError: a user without a home
        return None
    return key if len(key) == KEY_BYTES else None


def _make(path: Path) -> None:
    """Write a new key to a temporary file and link it to `path`: two processes at once end with the same key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f".key.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
