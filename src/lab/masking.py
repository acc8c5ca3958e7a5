"""Keeps passwords out of files, loggers and messages: URLs lose their user information, the environment is not copied.

A URL is masked as `postgresql://***@host/name`, a query of one as `?password=***`. What stands there as an
interpolation (`postgresql://${oc.env:DB_LOGIN}@host/name`) holds no secret and stays as it was written. Hydra writes
a colon of an override as `\\:`.
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

MASK = "***"
ENVIRONMENT = "oc.env"
_INTERPOLATION = r"\$\{[^{}]*\}"
_LOGIN = re.compile(
    rf"\b(?P<scheme>[a-z][a-z0-9+.-]*\\?://)(?P<login>(?:{_INTERPOLATION}|[^:/@?#\s'\"])*(?::(?:{_INTERPOLATION}|[^@\s'\"])*)?)@",
    re.IGNORECASE,
)
_QUERY = re.compile(
    r"(?P<name>[?&](?:password|passwd|pwd|token|secret|api_?key|access_?key|sslpassword|sas|sig)=)(?P<value>[^&\s'\"]+)",
    re.IGNORECASE,
)
_MASKED = re.compile(rf"://{re.escape(MASK)}@|=({re.escape(MASK)})(&|$)")


def masked(text: str) -> str:
    """`text` without the user information of the URLs in it."""
    if "://" not in text:
        return text
    text = _LOGIN.sub(lambda url: f"{url['scheme']}{url['login'] if '${' in url['login'] else MASK}@", text)
    return _QUERY.sub(lambda pair: f"{pair['name']}{pair['value'] if '${' in pair['value'] else MASK}", text)


def is_masked(value: object) -> bool:
    """Whether a saved value lacks what was masked in it."""
    return isinstance(value, str) and _MASKED.search(value) is not None


def masked_tree(value: Any) -> Any:
    """The same mappings and lists with every text masked."""
    if isinstance(value, Mapping):
        return {key: masked_tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked_tree(item) for item in value]
    return masked(value) if isinstance(value, str) else value


def mask_files(folder: Path, pattern: str = "*.yaml") -> None:
    """Mask text files that another library wrote. A symbolic link is left alone."""
    for path in folder.glob(pattern):
        if path.is_symlink() or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        if (clean := masked(text)) != text:
            path.write_text(clean, encoding="utf-8")


@contextmanager
def masked_arguments() -> Iterator[None]:
    """The command line without passwords for the length of the block: W&B copies it into a run's metadata."""
    typed = sys.argv
    sys.argv = [masked(word) for word in typed]
    try:
        yield
    finally:
        sys.argv = typed


class MaskingFormatter(logging.Formatter):
    """A formatter of log lines that masks what it writes; chosen in conf/hydra/job_logging."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def from_environment(composed: DictConfig) -> dict[str, str]:
    """Dotted keys whose values come from the environment, also by way of another key, with the text as written."""
    found: dict[str, str] = {}
    _walk(composed, "", found)
    return found


def _walk(node: DictConfig | ListConfig, key: str, found: dict[str, str]) -> None:
    for name in range(len(node)) if isinstance(node, ListConfig) else list(node):
        child = node._get_node(name)
        dotted = f"{key}.{name}" if key else str(name)
        if isinstance(child, DictConfig | ListConfig) and not child._is_interpolation():
            if not child._is_none() and not child._is_missing():
                _walk(child, dotted, found)
        elif OmegaConf.is_interpolation(node, name) and _reads_environment(node, name):
            found[dotted] = str(child._value())  # type: ignore[union-attr]


def _reads_environment(node: DictConfig | ListConfig, name: Any, depth: int = 0) -> bool:
    """Whether the interpolation at `name` leads to the environment, followed through the keys it names."""
    text = str(node._get_node(name)._value())  # type: ignore[union-attr]
    if f"{ENVIRONMENT}:" in text.replace(" ", ""):
        return True
    if depth > 30:
        return False
    root = node._get_root()
    for key in re.findall(r"\$\{([^:{}]+)\}", text):
        parent, _, last = key.lstrip(".").rpartition(".")
        try:
            holder = OmegaConf.select(root, parent) if parent else root
        except OmegaConfBaseException:
            continue
        if isinstance(holder, DictConfig) and last in holder and OmegaConf.is_interpolation(holder, last):
            found = _reads_environment(holder, last, depth + 1)
            if found:
                return True
    return False
