"""Whether W&B is asked for online or kept offline, decided without importing it, or lightning."""

import logging
import netrc
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

log = logging.getLogger(__name__)
Mode = Literal["online", "offline", "disabled"]


def resolve_mode(asked: str, environment: Mapping[str, str], key: bool) -> Mode:
    """What `auto` means here: WANDB_MODE where it is set, else online with a key and offline without one."""
    if asked == "auto":
        asked = environment.get("WANDB_MODE") or ("online" if key else "offline")
    modes: dict[str, Mode] = {"online": "online", "disabled": "disabled"}
    return modes.get(asked, "offline")  # wandb's older words for offline, such as dryrun, included


def has_key(environment: Mapping[str, str]) -> bool:
    """Whether a key is in WANDB_API_KEY or, for the server in WANDB_BASE_URL, in the netrc file."""
    if environment.get("WANDB_API_KEY"):
        return True
    host = urlsplit(environment.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    named = environment.get("NETRC")
    paths = [Path(named)] if named else [Path.home() / ".netrc", Path.home() / "_netrc"]
    return any(_holds(path, host) for path in paths if path.is_file())


def _holds(path: Path, host: str) -> bool:
    try:
        return netrc.netrc(str(path)).authenticators(host) is not None
    except netrc.NetrcParseError as error:
        log.warning("%s cannot be read as a netrc file (%s): no key for wandb is taken from it", path, error)
        return False
