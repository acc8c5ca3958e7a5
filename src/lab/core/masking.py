"""Keeps passwords out of files, loggers and messages: URLs lose their user information, the environment is not copied.

A URL is masked as `postgresql://***@host/name`, a query of one as `?password=***`. What stands there as an
interpolation (`postgresql://${oc.env:DB_LOGIN}@host/name`) holds no secret and stays as it was written. Hydra writes
a colon of an override as `\\:`.
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
_LOGIN = re.compile(
    rf"\b(?P<scheme>[a-z][a-z0-9+.-]{{0,30}}\\?://)(?P<login>(?:{_INTERPOLATION}|[^:/@?#\s'\"])*+"
    rf"(?::(?:{_INTERPOLATION}|(?!://)[^@\s])*+)?(?:@[^@/?#\s]*+(?=@))*+)@",
    re.IGNORECASE,
)
"""The password ends before the last `@` that a host follows; it may hold quotes."""
_WHOLE = re.compile(
    rf"(?P<scheme>['\"]?[a-z][a-z0-9+.-]{{0,30}}\\?://)"
    rf"(?P<login>[^:/@?#\s'\"]*+:(?:{_INTERPOLATION}|[^@])*+(?:@[^@/?#]*+(?=@))*+)@",
    re.IGNORECASE,
)
"""`key=URL`, or a setting that is one, whose password may hold blanks too."""
_KEY = re.compile(r"[+~]*[\w./@:-]+=")
_QUERY = re.compile(
    r"(?P<name>[?&](?:password|passwd|pwd|token|secret|api_?key|access_?key|sslpassword|sas|sig)=)"
    r"(?P<value>[^&\s]+?)(?=['\"]?(?:[&\s,\])}]|$))",
    re.IGNORECASE,
)
_MASKED = re.compile(rf"://{re.escape(MASK)}@|=({re.escape(MASK)})(&|$)")


def masked(text: str) -> str:
    """`text` without the user information of the URLs in it."""
    if "://" not in text:
        return text
    if text.count("://") == 1 and (key := _KEY.match(text)) is not None:
        text = key[0] + _masked_value(text[key.end() :])
    text = _LOGIN.sub(_without_login, text)
    return _QUERY.sub(lambda pair: f"{pair['name']}{pair['value'] if '${' in pair['value'] else MASK}", text)


def _masked_value(text: str) -> str:
    """A whole setting without its user information; it is a URL from its beginning, or prose."""
    return _WHOLE.sub(_without_login, text, count=1) if text.count("://") == 1 and _WHOLE.match(text) else text


def _without_login(url: re.Match[str]) -> str:
    return f"{url['scheme']}{url['login'] if '${' in url['login'] else MASK}@"


def is_masked(value: object) -> bool:
    """Return whether a saved value lacks what was masked in it."""
    return isinstance(value, str) and _MASKED.search(value) is not None


def masked_tree(value: Any) -> Any:
    """The same mappings and lists with every text masked."""
    if isinstance(value, Mapping):
        return {key: masked_tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked_tree(item) for item in value]
    return masked(_masked_value(value)) if isinstance(value, str) else value


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


def from_environment(composed: DictConfig) -> dict[str, str]:
    """Dotted keys whose values depend on the environment, by whatever way, with the text as written.

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
    """The value at `name` where every variable of the environment has this value; why there is none, where it cannot
    be read so."""
    OmegaConf.register_resolver(ENVIRONMENT, lambda *_: marker, replace=True)
    try:
        value = node[name]
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        OmegaConf.register_resolver(ENVIRONMENT, oc.env, replace=True)
