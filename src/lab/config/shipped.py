"""Where the shipped configs are: `lab/conf` where the wheel is installed, `conf/` of the repository otherwise."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]

IS_WHEEL = (_PACKAGE / "conf").is_dir()
"""The package was installed from a wheel: the configs are inside, and there is no `train.py`."""
CONF = _PACKAGE / "conf" if IS_WHEEL else _PACKAGE.parents[1] / "conf"
"""The folder with the default of every key."""
