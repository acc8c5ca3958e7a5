"""Keeps passwords out of files, loggers and messages: URLs lose their user information, the environment is not copied.

A URL is masked as `postgresql://***@host/name`, its query as `?password=***`. An interpolation
(`postgresql://${oc.env:DB_LOGIN}@host/name`) contains no secret and is kept as written. Hydra writes a colon of an
override as `\\:`.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from omegaconf.resolvers import oc

MASK = "***"
ENVIRONMENT = "oc.env"
_INTERPOLATION = r"\$\{[^{}]*\}"


def _all_of(name: str, pattern: str) -> str:
    """As many of a pattern as there are, none of them given back. name: of a group.

    The possessive quantifier of a group says the same, but Python before 3.11.5 matches it wrongly (CPython's issue
    106052).
    """
    return f"(?=(?P<{name}>(?:{pattern})*))(?P={name})"


_USER = _all_of("user", rf"{_INTERPOLATION}|[^:/@?#\s'\"]")
_PASSWORD = _all_of("password", rf"{_INTERPOLATION}|(?!://)[^@\s]")
_HOSTS = _all_of("hosts", r"@[^@/?#\s]*(?=@)")
_LOGIN = re.compile(
    rf"\b(?P<scheme>[a-z][a-z0-9+.-]{{0,30}}\\?://)"
    rf"(?P<login>{_USER}(?::{_PASSWORD})?{_HOSTS})@",
    re.IGNORECASE,
)
"""The password ends before the last `@` that a host follows; it may contain quotes."""
_WHOLE = re.compile(
    rf"(?P<scheme>['\"]?[a-z][a-z0-9+.-]{{0,30}}\\?://)"
    rf"(?P<login>[^:/@?#\s'\"]*:{_all_of('password', rf'{_INTERPOLATION}|[^@]')}{_all_of('hosts', '@[^@/?#]*(?=@)')})@",
    re.IGNORECASE,
)
"""`key=URL`, or a setting that is a URL, whose password may also contain spaces."""
_KEY = re.compile(r"[+~]*[\w./@:-]+=")
_QUERY = re.compile(
    r"(?P<name>[?&](?:password|passwd|pwd|token|secret|api_?key|access_?key|sslpassword|sas|sig)=)"
    r"(?P<value>[^&\s]+?)(?=['\"]?(?:[&\s,\])}]|$))",
    re.IGNORECASE,
)
_MASKED = re.compile(rf"://{re.escape(MASK)}@|=({re.escape(MASK)})(&|$)")


def masked(text: str) -> str:
    """Return `text` without the user information of the URLs in it."""
    if "://" not in text:
        return text
    if text.count("://") == 1 and (key := _KEY.match(text)) is not None:
        text = key[0] + _masked_value(text[key.end() :])
    text = _LOGIN.sub(_without_login, text)
    return _QUERY.sub(lambda pair: f"{pair['name']}{pair['value'] if '${' in pair['value'] else MASK}", text)


def _masked_value(text: str) -> str:
    """Return a whole setting without its user information, if it begins with a URL."""
    return _WHOLE.sub(_without_login, text, count=1) if text.count("://") == 1 and _WHOLE.match(text) else text


def _without_login(url: re.Match[str]) -> str:
    return f"{url['scheme']}{url['login'] if '${' in url['login'] else MASK}@"


def is_masked(value: object) -> bool:
    """Return whether a part of a saved value is masked."""
    return isinstance(value, str) and _MASKED.search(value) is not None


def masked_tree(value: Any) -> Any:
    """Return the same mappings and lists with every text masked."""
    if isinstance(value, Mapping):
        return {key: masked_tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked_tree(item) for item in value]
    return masked(_masked_value(value)) if isinstance(value, str) else value


def mask_files(folder: Path, pattern: str = "*.yaml") -> None:
    """Mask text files that another library wrote; symbolic links are not followed."""
    for path in folder.glob(pattern):
        if path.is_symlink() or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        if (clean := masked(text)) != text:
            path.write_text(clean, encoding="utf-8")


@contextmanager
def masked_arguments() -> Iterator[None]:
    """Remove passwords from `sys.argv` for the duration of the block: W&B copies it into a run's metadata."""
    typed = sys.argv
    sys.argv = [masked(word) for word in typed]
    try:
        yield
    finally:
        sys.argv = typed


def from_environment(composed: DictConfig) -> dict[str, str]:
    """Return the dotted keys whose values depend on environment variables, directly or not, with their text as written.

    Each interpolation is read under two environments that differ in every variable.
    """
    return dict(_dependent(composed, ""))


def _dependent(node: DictConfig | ListConfig, key: str) -> Iterator[tuple[str, str]]:
    if node._is_none() or node._is_missing():
        return
    for name in range(len(node)) if isinstance(node, ListConfig) else list(node):
        child = node._get_node(name)
        dotted = f"{key}.{name}" if key else str(name)
        if OmegaConf.is_interpolation(node, name):
            if _under(node, name, "0") != _under(node, name, "1"):
                yield dotted, str(child._value())  # type: ignore[union-attr]
        elif isinstance(child, DictConfig | ListConfig):
            yield from _dependent(child, dotted)


def _under(node: DictConfig | ListConfig, name: Any, marker: str) -> object:
    """Return the value at `name` if every environment variable had the value `marker`, or the reason why it cannot be
    read."""
    OmegaConf.register_resolver(ENVIRONMENT, lambda *_: marker, replace=True)
    try:
        value = node[name]
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        OmegaConf.register_resolver(ENVIRONMENT, oc.env, replace=True)
